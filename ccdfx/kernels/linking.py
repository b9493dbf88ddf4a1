"""Compilation of functions that only kernels call: only as far as linking needs, without machine code.

numba generates machine code for every function that it compiles, and again where the function is linked into
its caller; this takes a large part of the compile time of kernels of many small functions. Each function must
still be optimised by itself: loops that are only optimised together with all others are not all vectorised.
"""

from __future__ import annotations

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class _Codegen:
    """The parts of the code generator that a library needs if it is never run."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, env_name: str, env: Any) -> None:
        """Do nothing: only code that is run needs an environment."""


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
    """numba's compiler for functions that are only called by other compiled functions."""

    def compile_extra(self, func: Any) -> Any:
        self.state.library = LinkedLibrary(self.state.targetctx.codegen(), func.__qualname__)
        return super().compile_extra(func)
