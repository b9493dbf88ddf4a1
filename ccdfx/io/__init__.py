"""Reading and writing images: FITS and npz here, other formats through plugins.

May import records and the registry.
"""

from __future__ import annotations

from typing import Any

_HOME = {
    "Format": "source",
    "ImageSource": "source",
    "RawLayout": "source",
    "Source": "source",
    "atomic_path": "atomic",
    "formats": "reading",
    "open_extensions": "reading",
    "open_frames": "reading",
    "open_source": "reading",
    "read": "reading",
    "read_header": "reading",
    "read_master": "reading",
    "refuse_same_file": "writing",
    "update": "writing",
    "write": "writing",
}
__all__ = [
    "Format",
    "ImageSource",
    "RawLayout",
    "Source",
    "atomic_path",
    "formats",
    "open_extensions",
    "open_frames",
    "open_source",
    "read",
    "read_header",
    "read_master",
    "refuse_same_file",
    "update",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
