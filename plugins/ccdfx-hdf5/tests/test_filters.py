"""Chunks that are compressed in ways that the HDF5 library lacks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ccdfx

h5py = pytest.importorskip("h5py")
PIXELS = (np.arange(6000).reshape(60, 100) % 251).astype(np.uint16)


def compressed(path: Path, code: int) -> Path:
    """Write a file that claims a filter; none of its chunks went through it."""
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((20, 100))
    plan.set_filter(code, h5py.h5z.FLAG_OPTIONAL, ())
    with h5py.File(path, "w") as file:
        space = h5py.h5s.create_simple(PIXELS.shape)
        number = h5py.h5d.create(file.id, b"d", h5py.h5t.py_create(PIXELS.dtype), space, plan)
        for row in range(0, 60, 20):
            number.write_direct_chunk((row, 0), PIXELS[row : row + 20].tobytes())
    return path


@pytest.mark.parametrize(
    ("code", "name"), [(32015, "zstd"), (32001, "blosc"), (32008, "bitshuffle"), (32004, "lz4")]
)
def test_without_hdf5plugin_the_error_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, name: str
) -> None:
    if h5py.h5z.filter_avail(code):
        pytest.skip(f"the HDF5 library here has {name}")
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)  # as if it were not installed
    path = compressed(tmp_path / "a.h5", code)
    with pytest.raises(ccdfx.FormatError, match=f"'/d' is compressed by {name}.*pip install hdf5plugin"):
        ccdfx.read(path)


def test_an_unknown_filter_is_named_by_its_number(tmp_path: Path) -> None:
    with pytest.raises(ccdfx.FormatError, match=r"an unknown filter.*filter 31999"):
        ccdfx.read(compressed(tmp_path / "a.h5", 31999))


READ = """
import pathlib, pickle, sys
import numpy as np
import ccdfx
folder = pathlib.Path(sys.argv[1])
assert "hdf5plugin" not in sys.modules
for path in sorted(set(folder.glob("*.h5")) - {folder / "zeros.h5"}):
    source = pickle.loads(pickle.dumps(ccdfx.open_source(path)))
    wanted = np.load(folder / "pixels.npy")
    assert (source.select().array == wanted).all() and source.raw is None, path
    assert (source.select((5, 20, 15, 45)).array == wanted[15:45, 5:20]).all(), path
    assert (ccdfx.read(path, hdu="d").array == wanted).all(), path
    print(path.name)
assert not ccdfx.read(folder / "zeros.h5").array.any()  # 81 MB in some kilobytes
"""


def test_with_hdf5plugin_they_are_read(tmp_path: Path) -> None:
    """In a process of its own, because hdf5plugin stays loaded."""
    plugin = pytest.importorskip("hdf5plugin", reason="hdf5plugin is not installed")
    kinds = {
        "blosc": plugin.Blosc(), "blosc2": plugin.Blosc2(), "zstd": plugin.Zstd(), "lz4": plugin.LZ4(),
        "bitshuffle": plugin.Bitshuffle(), "bitshuffle_zstd": plugin.Bitshuffle(cname="zstd"), "bzip2": plugin.BZip2(),
    }  # fmt: skip
    for name, kind in kinds.items():
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file.create_dataset("d", data=PIXELS, chunks=(16, 48), **kind)
    with h5py.File(tmp_path / "zeros.h5", "w") as file:
        file.create_dataset("d", (9000, 9000), "u1", chunks=(1000, 1000), **plugin.Zstd())[...] = 0
    np.save(tmp_path / "pixels.npy", PIXELS)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [f"{name}.h5" for name in sorted(kinds)]
