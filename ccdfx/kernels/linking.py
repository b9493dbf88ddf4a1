"""Functions that only kernels call: compiled as far as linking needs it, without machine code of their own.

numba makes machine code of every function that it compiles, and again where that is linked into its caller: for kernels of
many small functions that is a good part of the time. That each is optimised by itself must stay: loops that are only
optimised together with all others are not all vectorised.
"""

from __future__ import annotations

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class _Codegen:
    """What a library that is never run may ask of the code generator."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, env_name: str, env: Any) -> None:
        """Nothing: the environment is that of code that runs."""


class LinkedLibrary(JITCodeLibrary):
    """A library that is only linked into others."""

    @property
    def codegen(self) -> Any:
        return _Codegen(self._codegen)

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


class LinkedCompiler(Compiler):
    """numba's compiler for functions that are only called by others."""

    def compile_extra(self, func: Any) -> Any:
        self.state.library = LinkedLibrary(self.state.targetctx.codegen(), func.__qualname__)
        return super().compile_extra(func)
