"""Reading and writing images: FITS and npz here, other formats through plugins.

May import records, kernels, engines and the registry.
"""

from __future__ import annotations

from typing import Any

from ccdfx.lazy import homes_of, public_name

_HOMES = {
    "atomic": ("atomic_path",),
    "limits": ("inflation_limit",),
    "reading": (
        "formats",
        "open_extensions",
        "open_frames",
        "open_source",
        "read",
        "read_header",
        "read_master",
    ),
    "remarks": ("list_remarks",),
    "source": ("Format", "ImageSource", "RawLayout", "Source"),
    "writing": ("refuse_same_file", "update", "write"),
}
_HOME = homes_of(_HOMES)
__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    return public_name(__name__, _HOME, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
