"""HDF5 files for ccdfx: its own images, and datasets of other programs.

ccdfx finds the format itself; `write` has options that ``ccdfx.write`` lacks, and `list_images` lists the
images in a file.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ccdfx import hookimpl

if TYPE_CHECKING:
    from ccdfx import Format

_HOMES = {"list_images": "reading", "write": "writing"}
__all__ = ["list_images", "write"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"ccdfx_hdf5.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'ccdfx_hdf5' has no attribute {name!r}")


@hookimpl
def ccdfx_formats() -> list[Format]:
    from ccdfx_hdf5.format import HDF5

    return [HDF5]
