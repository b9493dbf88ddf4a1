"""Compiled kernels with a cache on disk that is verified and may be lost.

numba stores compiled code on disk. A cache that is truncated, corrupted, unwritable, or written by two
processes at once may cost a recompilation and one warning, but must never cause a failure or run the wrong
code. So every entry carries its key and a checksum, the key covers the files of all kernels that it may call,
and any error while loading or saving is caught here.

Functions that only kernels call are compiled only as far as linking needs, without machine code. numba generates
machine code for every function that it compiles, and again where the function is linked into its caller; this takes
a large part of the compile time of kernels of many small functions. Each function must still be optimised by itself:
loops that are only optimised together with all others are not all vectorised.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import importlib
import io
import pickle
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from numba import njit, types
from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    IndexDataCacheFile,
    NullCache,
    _CacheLocator,
)
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

from ccdfx.errors import CcdfxWarning
from ccdfx.kernels.compile.cache_folder import cache_folder, private_folder, read_own
from ccdfx.kernels.compile.turns import Turn

_DIGEST = 32
_turn = Turn()  # numba compiles one kernel of a process at a time
# `fastmath` of sums whose order does not matter, so that they vectorise; NaN and infinities keep their meaning.
REORDERED_SUMS = {"contract", "reassoc", "nsz"}


def _spare_scipy() -> None:
    """Let numba assume that scipy is installed, which ccdfx requires.

    numba imports scipy.linalg (a fifth of the start-up time of a small process) only to check that it exists.
    Its linear algebra checks again when it is compiled.
    """
    from numba.np import linalg

    if "numba.np.arraymath" in sys.modules or not hasattr(linalg, "ensure_blas"):
        return
    check = linalg.ensure_blas
    linalg.ensure_blas = lambda: None
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = check
        sys.modules["numba.np.arraymath"].ensure_blas = check


_spare_scipy()


class _CheckedFile(IndexDataCacheFile):
    """Index and data files with a SHA-256 checksum; the data also carry their key."""

    def save(self, key: Any, data: Any) -> None:
        super().save(key, (repr(key), data))

    def load(self, key: Any) -> Any:
        found = super().load(key)
        if found is None:
            return None
        # Two processes that compile two signatures at once may use the same data file.
        return found[1] if found[0] == repr(key) else None

    def _dump(self, obj: Any) -> bytes:
        data = super()._dump(obj)
        return hashlib.sha256(data).digest() + data

    def _load_index(self) -> Any:
        try:
            stream = io.BytesIO(read_own(Path(self._index_path)))
        except FileNotFoundError:
            return {}
        version = pickle.load(stream)
        data = stream.read()
        if version != self._version:
            return {}
        stamp, overloads = pickle.loads(_verified(data))
        return overloads if stamp == self._source_stamp else {}

    def _load_data(self, name: str) -> Any:
        return pickle.loads(_verified(read_own(Path(self._data_path(name)))))


def _verified(data: bytes) -> bytes:
    body = data[_DIGEST:]
    if hashlib.sha256(body).digest() != data[:_DIGEST]:
        raise ValueError("the checksum of the cached code is wrong")
    return body


class _ContentLocator(_CacheLocator):
    """The place of a function's entries by what its module is, not where: all installations of it share them."""

    def __init__(self, function: Callable[..., Any], file: str) -> None:
        self._digest = _digest(file)
        self._line = function.__code__.co_firstlineno
        self._path = cache_folder() / (function.__module__.rpartition(".")[0] or "modules")

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> _ContentLocator | None:
        return cls(py_func, py_file) if Path(py_file).is_file() else None

    def ensure_cache_path(self) -> None:
        """Do nothing: a folder that cannot be written serves to read."""

    def get_cache_path(self) -> str:
        return str(self._path)

    def get_source_stamp(self) -> str:
        return self._digest

    def get_disambiguator(self) -> str:
        return f"{self._line}-{self._digest[:16]}"


class _ContentCacheImpl(CompileResultCacheImpl):
    # Those of numba are for functions without a file.
    _locator_classes = (_ContentLocator, *CompileResultCacheImpl._locator_classes)


class _GuardedCache(FunctionCache):
    """numba's cache of one function; any error leads to a recompilation and one warning per process."""

    _impl_class = _ContentCacheImpl

    def __init__(self, py_func: Callable[..., Any]) -> None:
        super().__init__(py_func)
        place = Path(self._cache_path)
        private_folder(place.parent, place.name)
        name = f"{self._impl.filename_base}.ccdfx"
        self._cache_file = _CheckedFile(self._cache_path, name, self._cache_file._source_stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        found = self._load(sig, target_context)
        if found is None:
            _turn.take(Path(self._cache_path), f"{self._impl.filename_base} {sig}")
            found = self._load(sig, target_context)  # another process may have compiled it in the meantime
            if found is not None:
                _turn.release()
        return found

    def _load(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # unpickling damaged data can raise any exception
            _warn_once(f"cannot be read and is rebuilt ({error})", str(self._cache_path))
            self._discard()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except Exception as error:
            _warn_once(f"cannot be written ({error})", str(self._cache_path))
        finally:
            _turn.release()

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return (*super()._index_key(sig, codegen), _stamp(self._py_func))

    def _discard(self) -> None:
        try:
            Path(self._cache_file._index_path).unlink(missing_ok=True)
        except OSError:
            self.disable()


class _LateCache:
    """The cache of one function, which is made when it is asked for: most kernels are only called by others."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    @functools.cached_property
    def _made(self) -> Any:
        try:
            return _GuardedCache(self._function)
        except Exception as error:  # no place for a cache, or a function that is not in a file
            file = Path(self._function.__code__.co_filename)
            if file.is_file():
                _warn_once(f"has no usable place ({error})", str(file.parent))
            return NullCache()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)


def _stamp(function: Callable[..., Any]) -> str:
    """Return a digest of the files of all package functions, and of all kernels, that this kernel can reach.

    Cached code is stale when any of these files has changed.
    """
    package = function.__module__.partition(".")[0]
    found: dict[str, str] = {}
    waiting = [function.__globals__, LinkedCompiler.compile_extra.__globals__]
    while waiting:
        names = waiting.pop()
        file = names.get("__file__")
        if file is None or file in found:
            continue
        found[file] = str(names.get("__name__"))
        for value in list(names.values()):
            plain = getattr(value, "py_func", getattr(value, "_defn", value))  # kernels, intrinsics
            near = str(getattr(plain, "__module__", "")).partition(".")[0] == package
            if hasattr(plain, "__globals__") and (near or hasattr(value, "py_func")):
                waiting.append(plain.__globals__)
    modules = sorted((name, _digest(file)) for file, name in found.items())
    return hashlib.sha256(repr(modules).encode()).hexdigest()


@functools.cache
def _digest(file: str) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


_spoken: set[str] = set()


def _warn_once(problem: str, path: str) -> None:
    if _spoken:
        return
    _spoken.add(path)
    warnings.warn(
        f"the cache of compiled kernels in {path} {problem}; results are right, only this start is slower",
        CcdfxWarning,
        stacklevel=4,
    )


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Suspend garbage collection, which takes a twentieth of the compile time with all that numba keeps."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _name_apart(function: Callable[..., Any]) -> None:
    """Give different names to functions that one definition makes from different values.

    Machine code is linked by name, and cached code keeps the name that it got in another process: without
    this, one such function would be called in place of another.
    """
    if function.__closure__:
        values = repr([cell.cell_contents for cell in function.__closure__])
        function.__qualname__ += "_" + hashlib.sha256(values.encode()).hexdigest()[:16]


def kernel(
    function: Callable[..., Any] | None = None,
    *,
    signature: Any = None,
    fastmath: Any = False,
    inline: bool = False,
) -> Any:
    """Compile a function as a kernel: without the GIL, without a branch at divisions, safely cached.

    Use it in place of ``numba.njit``. With a signature the function is compiled at once, otherwise at its
    first call. A kernel that is called by another one is linked into it, without wrappers for calls from
    Python and without its own cache files: these would take half of the compile time of a kernel of many
    small functions. With `inline` the function becomes part of the code of each caller. Functions that are
    called for each lane need this, because a call passes seven numbers for each array.

    >>> @kernel
    ... def twice(x):
    ...     return x + x
    >>> twice(2)
    4
    """
    if function is None:
        return functools.partial(kernel, signature=signature, fastmath=fastmath, inline=inline)
    if Path(function.__code__.co_filename).is_file():
        _digest(function.__code__.co_filename)  # now: the file may be edited before compilation
    _name_apart(function)
    options = {"nogil": True, "error_model": "numpy", "fastmath": fastmath, "forceinline": inline}
    dispatcher = njit(**options)(function)
    # Made only where another kernel that calls this one is compiled.
    linked = functools.cache(functools.partial(_linked, function, options))
    dispatcher.get_call_template = lambda *given: linked().get_call_template(*given)
    dispatcher.get_overload = lambda sig: linked().get_overload(sig)
    dispatcher._cache = _LateCache(function)
    if signature is not None:
        with _without_collection():
            dispatcher.compile(signature)
        dispatcher.disable_compile()
    return dispatcher


def _linked(function: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    """Return the dispatcher of a function as other kernels call it."""
    return njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, pipeline_class=LinkedCompiler, **options)(
        function
    )


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
