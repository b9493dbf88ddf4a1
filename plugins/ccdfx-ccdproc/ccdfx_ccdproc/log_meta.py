"""The record of each step in the metadata of its result."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import wraps
from typing import Any

import numpy as np
from astropy import config
from astropy.io.fits import Header
from astropy.nddata import NDData

from ccdfx_ccdproc.keyword import Keyword

SHORT_NAMES = {
    "background_deviation_box": "bakdevbx",
    "background_deviation_filter": "bakdfilt",
    "ccd_process": "ccdproc",
    "cosmicray_median": "crmedian",
    "create_deviation": "creatvar",
    "flat_correct": "flatcor",
    "gain_correct": "gaincor",
    "subtract_bias": "subbias",
    "subtract_dark": "subdark",
    "subtract_overscan": "suboscan",
    "transform_image": "tranim",
    "trim_image": "trimim",
    "wcs_project": "wcsproj",
}
"""The keyword that FITS has room for, of each function whose name is longer; those of ccdproc."""
_COMMENT = "Shortened name for ccdproc command"


class Conf(config.ConfigNamespace):
    """Choices that hold for all calls."""

    auto_logging = config.ConfigItem(
        True, "Record each operation in the metadata unless add_keyword says what to."
    )


conf = Conf()
_silent: ContextVar[bool] = ContextVar("silent", default=False)  # inside a call that records nothing


def log_to_metadata(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument ``add_keyword`` to a function that returns a CCDData.

    By default the metadata of the result get the name of the function and the arguments of the call; with
    ``add_keyword`` a text, a `Keyword` or a mapping, these; with None or False nothing.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def logged(*args: Any, add_keyword: Any = True, **options: Any) -> Any:
        silent = add_keyword is None or add_keyword is False
        before = _silent.set(silent or _silent.get())
        try:
            result = function(*args, **options)
        finally:
            _silent.reset(before)
        if add_keyword is True:
            if conf.auto_logging and not _silent.get():
                given = {**signature.bind_partial(*args).arguments, **options}
                text = ", ".join(f"{name}={_in_words(value)}" for name, value in given.items())
                _insert(result.meta, function.__name__, text)
        elif not silent:
            for key, value in _entries(add_keyword).items():
                _insert(result.meta, key, value)
        return result

    taken = [*signature.parameters.values()]
    place = next((i for i, one in enumerate(taken) if one.kind is one.VAR_KEYWORD), len(taken))
    taken.insert(place, inspect.Parameter("add_keyword", inspect.Parameter.KEYWORD_ONLY, default=True))
    logged.__signature__ = signature.replace(parameters=taken)  # type: ignore[attr-defined]
    return logged


def _in_words(value: Any) -> str:
    """Return what the record says of an argument: the type of an array, all else as text of one line."""
    if isinstance(value, NDData) or (isinstance(value, np.ndarray) and value.ndim):
        return f"<{type(value).__name__}>"
    return str(value).replace("\n", "")


def _entries(add_keyword: Any) -> Mapping[str, Any]:
    """Return the keywords and values that a caller wants in the metadata."""
    if isinstance(add_keyword, str):
        return {add_keyword: None}
    if isinstance(add_keyword, Keyword):
        return {add_keyword.name: add_keyword.value}
    if not hasattr(add_keyword, "items"):
        raise AttributeError(f"add_keyword {add_keyword!r}: give text, a Keyword, a mapping, None or False")
    return add_keyword


def _insert(meta: Any, key: str, value: Any) -> None:
    """Put a value into metadata; a long name of a function refers to its short one."""
    short = SHORT_NAMES.get(key)
    if short is not None:
        meta[_long(meta, key)] = (short, _COMMENT)
        key = short
    meta[_long(meta, key)] = value


def _long(meta: Any, key: str) -> str:
    """Return the key by which a FITS header takes a name of more than 8 characters."""
    if isinstance(meta, Header) and len(key) > 8 and not key.upper().startswith("HIERARCH "):
        return f"HIERARCH {key.upper()}"
    return key
