"""The compressions of chunks: those that the HDF5 library has, and those of the package hdf5plugin, if installed."""

from __future__ import annotations

import h5py

from ccdfx import FormatError

# Registered at https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md
_NAMES = {
    4: "szip", 307: "bzip2", 32000: "lzf", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32013: "zfp",
    32015: "zstd", 32017: "sz", 32018: "fcidecomp", 32024: "sz3", 32026: "blosc2", 32028: "sperr",
    32033: "high-throughput jpeg 2000",
}  # fmt: skip


def filters_of(dataset: h5py.Dataset) -> tuple[int, ...]:
    """Return the codes of the filters of a dataset, in the order in which they are applied in writing."""
    plan = dataset.id.get_create_plist()
    return tuple(plan.get_filter(i)[0] for i in range(plan.get_nfilters()))


def require_filters(dataset: h5py.Dataset, name: str) -> None:
    """Raise `FormatError` if chunks of a dataset are compressed in a way that cannot be read here.

    The package hdf5plugin is loaded where it is needed: it brings blosc, bitshuffle, lz4, zstd and others.
    """
    plan = dataset.id.get_create_plist()
    absent = [
        (code, bytes(text).split(b"\0")[0].decode("utf-8", "replace"))
        for code, _, _, text in map(plan.get_filter, range(plan.get_nfilters()))
        if not _is_available(code)
    ]
    if absent:
        code, text = absent[0]
        raise FormatError(
            name, f"its dataset {str(dataset.name)[:200]!r} is compressed by {_NAMES.get(code, 'an unknown filter')}, "
            "which the HDF5 library here cannot read", value=f"filter {code} {text[:80]}".strip(),
            remedy="install hdf5plugin (pip install hdf5plugin), or copy the file with h5repack -f GZIP=4",
        )  # fmt: skip


def _is_available(code: int) -> bool:
    if h5py.h5z.filter_avail(code):
        return True
    try:
        import hdf5plugin  # noqa: F401  # registers its filters
    except ImportError:
        return False
    return bool(h5py.h5z.filter_avail(code))
