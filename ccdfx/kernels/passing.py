"""Compiled kernels that other kernels take as arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types

from ccdfx.kernels.cache import kernel


class PassedKernel(types.WrapperAddressProtocol):
    """A function compiled for one signature that kernels take as an argument: one type for each signature."""

    def __init__(self, function: Callable[..., Any], signature: Any) -> None:
        self._compiled, self._signature = kernel(function, signature=signature), signature
        found = self._compiled.get_compile_result(signature)
        # Needed at every call, therefore looked up once.
        self._address = int(found.library.get_pointer_to_function(found.fndesc.llvm_cfunc_wrapper_name))

    def __call__(self, *arguments: Any) -> Any:
        return self._compiled(*arguments)

    def __wrapper_address__(self) -> int:
        return self._address

    def signature(self) -> Any:
        return self._signature
