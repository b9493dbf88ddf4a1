"""Images in HDF5: by name and number, streamed, combined as from FITS, and on the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import ccdfx
import ccdfx_hdf5
from ccdfx import registry
from ccdfx.testing import assert_same_image

h5py = pytest.importorskip("h5py")
PIXELS = np.arange(12, dtype=np.uint16).reshape(3, 4)
FULL = ccdfx.Image(
    PIXELS,
    [("EXTNAME", "SCI", "its name"), ("HISTORY", "one"), ("TWICE", 1, ""), ("TWICE", 2.5, "Höhe"), ("HISTORY", "two")],
    mask=PIXELS % 3,
    range=(10, 14, 5, 8),
    variance=PIXELS * 0.5,
)  # fmt: skip


def test_the_plugin_is_installed_and_whole() -> None:
    report = next(item for item in registry.plugins() if "ccdfx-hdf5" in item.name)
    assert report.problem is None and dict(report.provides) == {"format": ("hdf5",)}


def test_finding_the_format_does_not_import_h5py() -> None:
    code = "import ccdfx, sys; ccdfx.formats(); print('h5py' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


def test_images_are_found_by_number_path_and_name(tmp_path: Path) -> None:
    plain = ccdfx.Image(PIXELS)
    path = ccdfx.write([FULL, plain, FULL, plain.replace(header={"EXTNAME": "a/b"})], tmp_path / "a.h5")
    assert ccdfx_hdf5.list_images(path) == ["/SCI", "/image", "/SCI_2", "/a_b"]
    assert_same_image(ccdfx.read(path), FULL)
    for hdu in (2, "/SCI_2", "sci_2"):
        assert_same_image(ccdfx.read(path, hdu=hdu), FULL)
    assert_same_image(ccdfx.read(path, hdu=1), plain)


def test_images_go_where_names_say(tmp_path: Path) -> None:
    path = ccdfx_hdf5.write([FULL, PIXELS], tmp_path / "a.h5", names=["night/sky", "/lamp"])
    assert ccdfx_hdf5.list_images(path) == ["/night/sky", "/lamp"]
    assert_same_image(ccdfx.read(path, hdu="night/sky"), FULL)
    assert_same_image(ccdfx.read(path, hdu="night"), FULL)  # the only image below
    with h5py.File(path) as file:  # as another program sees it
        assert np.array_equal(file["night/sky/array"], PIXELS)
        assert file["night/sky/mask"].attrs["SATURATED"] == 4
        rows = file["night/sky/cards"][()].tolist()
        assert rows[0] == (b"EXTNAME", b'"SCI"', b"its name") and rows[3][1] == b"2.5"


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", "a/b"], ["a", ""], ["a", "b/../c"], ["a", "b\0"]])
def test_names_that_cannot_be_are_refused(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(ccdfx.ArgumentError, match="names: must"):
        ccdfx_hdf5.write([PIXELS, PIXELS], tmp_path / "a.h5", names=names)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("names", ["a", 5])
def test_names_that_are_no_list_are_refused(tmp_path: Path, names: object) -> None:
    with pytest.raises(ccdfx.ArgumentTypeError, match="names: must be a list"):
        ccdfx_hdf5.write(PIXELS, tmp_path / "a.h5", names=names)


@pytest.mark.parametrize("options", [{"compression": 10}, {"compression": True}, {"compression": "gzip"}])
def test_options_that_cannot_be_are_refused(tmp_path: Path, options: dict) -> None:
    with pytest.raises(ccdfx.ArgumentError, match="compression: must be"):
        ccdfx_hdf5.write(PIXELS, tmp_path / "a.h5", **options)
    with pytest.raises(ccdfx.ArgumentError, match="must end with one of"):
        ccdfx_hdf5.write(PIXELS, tmp_path / "a.fits")


def test_the_suffix_or_the_level_decides_about_compression(tmp_path: Path) -> None:
    image = ccdfx.Image(
        np.arange(300_000, dtype=np.uint16).reshape(300, 1000) % 500, mask=np.zeros((300, 1000), np.uint8)
    )

    def facts(path: Path) -> tuple:
        with h5py.File(path) as file:
            return tuple(
                (d.compression_opts, d.shuffle, d.chunks) for d in (file["image/array"], file["image/mask"])
            )

    gzipped = (True, (16, 1000))
    assert facts(ccdfx.write(image, tmp_path / "a.h5")) == ((None, False, None),) * 2
    assert facts(ccdfx.write(image, tmp_path / "a.gz.h5")) == ((4, *gzipped),) * 2
    assert facts(ccdfx_hdf5.write(image, tmp_path / "b.h5", compression=9)) == ((9, *gzipped),) * 2
    assert facts(ccdfx_hdf5.write(image, tmp_path / "b.gz.h5", compression=0)) == ((None, False, None),) * 2
    assert (tmp_path / "a.gz.h5").stat().st_size < (tmp_path / "a.h5").stat().st_size / 3


def test_writing_is_atomic_and_asks_before_it_overwrites(tmp_path: Path) -> None:
    path = ccdfx.write(PIXELS, tmp_path / "a.h5")
    with pytest.raises(ccdfx.OutputExistsError):
        ccdfx_hdf5.write(PIXELS + 1, path)
    bad = ccdfx.Image(PIXELS, {"NAME": 1}).replace(header=[("NAME", "x", "null \0")])
    with pytest.raises(ccdfx.ArgumentError, match="null"):
        ccdfx.write([PIXELS, bad], path, overwrite=True)
    assert ccdfx.read(path).array.tolist() == PIXELS.tolist()
    assert [item.name for item in tmp_path.iterdir()] == ["a.h5"]


def test_a_full_disk_is_a_typed_error_and_the_old_file_stays(tmp_path: Path) -> None:
    """In a process of its own, which may write no more than 100 kB to a file."""
    code = """
import resource, signal, ccdfx, numpy as np
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for name in ("a.h5", "a.gz.h5"):
    ccdfx.write(np.zeros((4, 4)), name)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
for name in ("a.h5", "a.gz.h5"):
    for side in (1000, 200, 120):
        try:
            ccdfx.write(np.random.default_rng(0).normal(size=(side, side)), name, overwrite=True)
        except ccdfx.FileError as error:
            assert "cannot be written: File too large" in str(error), error
        else:
            raise SystemExit(f"{name} of {side} was written")
    assert ccdfx.read(name).shape == (4, 4)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.gz.h5", "a.h5"]


def test_a_header_too_long_for_a_table_is_refused(tmp_path: Path) -> None:
    header = ccdfx.Header([("HISTORY", "x" * 100_000)] * 700)
    with pytest.raises(ccdfx.ArgumentError, match="must fit into a table"):
        ccdfx.write(ccdfx.Image(PIXELS, header), tmp_path / "a.h5")


def test_a_window_reads_no_more_chunks_than_it_touches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ccdfx_hdf5 import pixels

    path = ccdfx_hdf5.write(np.arange(400_000.0).reshape(4000, 100), tmp_path / "a.h5", compression=1)
    read: list[int] = []
    decoded = pixels._decoded
    monkeypatch.setattr(pixels, "_decoded", lambda *args: read.append(args[2][0]) or decoded(*args))
    with ccdfx.open_source(path) as source:
        assert read == []
        assert source.select((5, 7, 160, 170)).array[0].tolist() == [16005.0, 16006.0]
    assert len(read) == 2  # rows 0 to 162 and 163 to 325


def test_a_file_that_changed_since_it_was_opened_is_an_error(tmp_path: Path) -> None:
    for name in ("a.h5", "a.gz.h5"):
        path = ccdfx.write(FULL, tmp_path / name)
        source = ccdfx.open_source(path)
        ccdfx.update(path, FULL.select((10, 11, 5, 6)))
        with pytest.raises(ccdfx.FileError, match="was replaced or changed"):
            source.select()
        assert source.name == str(path)


@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", "u4", "f4", "f8"])
def test_combining_gives_the_same_bytes_as_from_fits(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(5)
    planes = [rng.uniform(0, 120, (300, 70)).astype(kind) for _ in range(5)]
    if kind[0] == "f":
        planes[2][7, 8] = np.nan
    for extra in (False, True):
        given = [
            ccdfx.Image(p, mask=p > 110, variance=p * 0 + 2.0) if extra else ccdfx.Image(p) for p in planes
        ]
        found = []
        for suffix in (".fits", ".h5", ".gz.h5"):
            paths = [ccdfx.write(f, tmp_path / f"{extra}{i}{suffix}") for i, f in enumerate(given)]
            found.append(
                ccdfx.combine([ccdfx.open_source(path) for path in paths], reject=ccdfx.minmax(low=1, high=1))
            )
        assert_same_image(found[1].replace(header=found[0].header), found[0])
        assert_same_image(found[2].replace(header=found[0].header), found[0])


def test_plain_pixels_are_read_by_the_kernels_themselves(tmp_path: Path) -> None:
    raw = ccdfx.open_source(ccdfx.write(PIXELS, tmp_path / "a.h5")).raw
    assert (raw.dtype, raw.shape) == ("<u2", (3, 4))
    assert (tmp_path / "a.h5").read_bytes()[raw.offset :][: PIXELS.nbytes] == PIXELS.tobytes()
    assert ccdfx.open_source(ccdfx.write(FULL, tmp_path / "b.h5")).raw is None
    assert ccdfx.open_source(ccdfx.write(PIXELS, tmp_path / "c.gz.h5")).raw is None


def test_update_refuses_what_does_not_fit(tmp_path: Path) -> None:
    path = ccdfx.write(PIXELS, tmp_path / "a.h5")
    before = path.read_bytes()
    for value in (1.5, -1.0, 70000.0, np.nan):
        with pytest.raises(ccdfx.ArgumentError, match="must fit in the uint16"):
            ccdfx.update(path, ccdfx.Image([[value]]))
    with pytest.raises(ccdfx.ArgumentError, match="inside the frame"):
        ccdfx.update(path, ccdfx.Image([[1]], range=(9, 10, 0, 1)))
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_the_commands_take_hdf5(tmp_path: Path) -> None:
    from ccdfx.cli.group import commands

    def run(*words: object) -> str:
        result = CliRunner().invoke(commands, [str(word) for word in words])
        assert result.exit_code == 0, result.output
        return result.stdout

    header = {"OBJECT": "M 13", "EXPTIME": 5.0}
    frames = [ccdfx.write(ccdfx.Image(PIXELS + i, header), tmp_path / f"{i}.h5") for i in range(3)]
    assert "M 13" in run("info", frames[0])
    run("combine", *frames, "-o", tmp_path / "out.gz.h5")
    assert ccdfx.read(tmp_path / "out.gz.h5").array.tolist() == (PIXELS + 1).tolist()
    assert "12" in run("stats", frames[0])
    many = ccdfx_hdf5.write([PIXELS, PIXELS], tmp_path / "many.h5", names=["a", "b/c"])
    assert " 12 " in run("stats", many, "--hdu", "b/c")
    assert "b/c" in CliRunner().invoke(commands, ["stats", str(many), "--hdu", "d"]).stderr
