"""Scanning a directory: everything is listed, nothing stops it."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys

import pytest
from astropy.io import fits

from ccdfx.errors import FileError
from ccdfx.night.frames.scan import scan


def by_name(frames):
    return {frame.file: frame for frame in frames}


@pytest.mark.quick
def test_kinds_and_facts(camera):
    camera.biases(1)
    camera.darks(1)
    camera.flats(1)
    camera.science("s.fits", object="NGC 1")
    camera.write("x.fits", "comp", exptime=3.0)
    frames = by_name(scan(camera.folder))
    assert {name: frame.kind for name, frame in frames.items()} == {
        "b0.fits": "bias",
        "fV0.fits": "flat",
        "k0.fits": "dark",
        "s.fits": "science",
        "x.fits": "arc",
    }
    frame = frames["s.fits"]
    assert (frame.object, frame.filter, frame.exptime, frame.instrument) == ("NGC 1", "V", 60.0, "iraf")
    assert (frame.shape, frame.binning, frame.date) == ((96, 128), (1, 1), "2020-01-01T00:00:00")
    assert (frame.data.to_fits(), frame.overscan.to_fits()) == ("[1:120,1:96]", "[121:128,1:96]")
    assert frame.problem is None
    assert json.loads(json.dumps(frame.as_dict()))["shape"] == [96, 128]


def test_sorted_and_recursive_without_products_hidden_and_excluded(camera):
    for name in (
        "b.fits",
        "a/z.fits",
        "a/y.fits",
        ".hidden/h.fits",
        "done/masters/m.fits",
        "out/o.fits",
        ".h.fits",
    ):
        camera.write(name, "zero")
    (camera.folder / "done/night.json").write_text("{}")
    (camera.folder / "notes.txt").write_text("clouds")
    frames = scan(camera.folder, exclude=camera.folder / "out")
    assert [frame.file for frame in frames] == ["a/y.fits", "a/z.fits", "b.fits"]


def test_a_file_without_suffix_counts_when_it_starts_as_fits(camera):
    camera.write("frame001", "zero")
    (camera.folder / "README").write_text("SIMPLE words")
    assert [frame.file for frame in scan(camera.folder)] == ["frame001"]


def test_no_bad_file_stops_it(camera, tmp_path):
    folder = camera.folder
    good = camera.write("good.fits", "zero")
    raw = good.read_bytes()
    (folder / "cut_header.fits").write_bytes(raw[:1000])
    (folder / "cut_data.fits").write_bytes(raw[:4000])
    (folder / "empty.fits").write_bytes(b"")
    (folder / "text.fits").write_text("not an image at all\n" * 300)
    (folder / "noise.fits").write_bytes(bytes(range(256)) * 40)
    (folder / "bad.fits.gz").write_bytes(b"\x1f\x8b broken")
    (folder / "directory.fits").mkdir()
    os.mkfifo(folder / "pipe.fits")
    (folder / "loop.fits").symlink_to(folder / "loop.fits")
    (folder / "gone.fits").symlink_to(folder / "nowhere")
    (folder / "loop").symlink_to(folder)
    (folder / "esc.fits").write_bytes(raw.replace(b"'zero    '", b"'\x1b[2Jzer'"))
    frames = by_name(scan(folder))
    assert len(frames) == 12
    for name, frame in frames.items():
        assert (frame.problem is None) == (name == "good.fits"), (name, frame.problem)
        assert frame.file in name and str(folder) not in str(frame.problem)
        assert str(frame.problem).isprintable()
    assert "directory" in frames["directory.fits"].problem
    assert "pipe" in frames["pipe.fits"].problem


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "no EXPTIME"),
        ("10,500", "may divide thousands"),
        ("5 parsec", "finite number"),
        (-3.0, "0 or more"),
        ("long", "finite number"),
        (True, "EXPTIME"),
    ],
)
def test_a_wrong_exposure_time_is_a_problem(camera, value, words):
    camera.write("s.fits", "object", exptime=1.0, EXPTIME=value)
    (frame,) = scan(camera.folder)
    assert words in frame.problem
    assert (frame.kind, frame.shape) == ("science", (96, 128))  # what could be read is kept


def test_a_bias_needs_no_exposure_time(camera):
    camera.write("b.fits", "zero", EXPTIME=None)
    (frame,) = scan(camera.folder)
    assert (frame.problem, frame.exptime) == (None, None)


def test_a_number_written_as_text_is_read(camera):
    camera.write("s.fits", "object", EXPTIME="53.907456")
    assert scan(camera.folder)[0].exptime == 53.907456


def test_unknown_headers_are_said(camera):
    camera.write("a.fits", None, object="thing")
    camera.write("b.fits", "mystery")
    frames = by_name(scan(camera.folder))
    assert "no instrument description matches this header" in frames["a.fits"].problem
    assert (frames["a.fits"].object, frames["a.fits"].date) == ("thing", "2020-01-01T00:00:00")
    assert "no rule of instrument iraf" in frames["b.fits"].problem


def test_a_given_instrument_goes_before_the_header(camera, tmp_path):
    camera.write("a.fits", None, object="flat field", exptime=1.0)
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\nmatch = { X = 1 }\nrules = [{ kind = "flat", when = { OBJECT = "*flat*" } }]'
    )
    (frame,) = scan(camera.folder, instrument=path)
    assert (frame.instrument, frame.kind, frame.problem) == ("mine", "flat", None)
    assert frame.data.shape == (96, 128)


def test_a_cube_is_said(camera):
    import numpy as np
    from astropy.io import fits

    hdu = fits.PrimaryHDU(np.zeros((3, 4, 5), np.int16))
    hdu.header["IMAGETYP"] = "object"
    hdu.writeto(camera.folder / "cube.fits")
    (frame,) = scan(camera.folder)
    assert "is a cube" in frame.problem and "--planes" in frame.problem


def test_an_absent_directory_is_an_error(tmp_path):
    with pytest.raises(FileError, match="cannot be listed"):
        scan(tmp_path / "absent")


def test_real_headers_of_many_programs(shared):
    frames = by_name(scan(shared / "data/headers"))
    kinds = {name: frame.kind for name, frame in frames.items()}
    assert kinds["biastest1.fit"] == "bias"
    assert kinds["darktest1.fit"] == "dark"
    assert kinds["aspen_trimmed.fit"] == "flat"
    assert kinds["maximdl_5_21_header.fit"] == "science"
    assert kinds["celestron_nightscape_10100_astro_fx_v106.fit"] == "science"
    assert {frame.instrument for frame in frames.values()} == {"sbig"}
    assert frames["neon-on-dome-10-sec-high-res-though-scope.fit"].gain.value == 1.74
    assert "says what the frame is" in frames["neon-on-dome-10-sec-high-res-though-scope.fit"].problem
    assert "SUBBIAS = 'ccd=<CCDData>" in frames["center_cutout_1.fits"].problem, "ccdproc reduced it"
    raw = by_name(scan(shared / "data/headers", again=True))
    assert "BIASSEC" in raw["center_cutout_1.fits"].problem  # '[4096:4109]' is not a section
    assert len(frames) == 16


def test_saao_and_m13(shared):
    (frame,) = scan(shared / "data/saao")
    assert (frame.instrument, frame.kind, frame.exptime, frame.filter) == (
        "saao_ste",
        "science",
        150.04,
        "48",
    )
    assert (frame.gain.value, frame.readnoise.value, frame.problem) == (1.9, 5.0, None)
    assert {(frame.instrument, frame.kind) for frame in scan(shared / "data/m13")} == {("sbig", "science")}


def test_a_product_of_ccdfx_is_not_a_raw_frame(camera):
    from astropy.io import fits

    path = camera.write("s.fits", "object", exptime=1.0)
    with fits.open(path, mode="update") as hdus:
        hdus[0].header.add_history("ccdfx 0.1.0 calibrate bias=bias.fits sha256=0123")
    (frame,) = scan(camera.folder)
    assert "was reduced before" in frame.problem and "HISTORY ccdfx 0.1.0 calibrate" in frame.problem


@pytest.mark.parametrize(
    "cards",
    [
        {"ZEROCOR": "Nov 30 12:01 Zero level correction image is Zero.fits"},
        {"CALSTAT": "BDF"},
        {"SUBBIAS": "ccd=<CCDData>, master=<CCDData>"},
        {"PRODUCT": "master bias"},
        {"HISTORY": "Calibrated with a master dark"},
    ],
)
def test_reduced_frames_are_not_taken_as_raw_unless_asked(camera, cards):
    camera.write("s.fits", "object", exptime=1.0, **cards)
    (frame,) = scan(camera.folder)
    ((keyword, value),) = cards.items()
    assert keyword in frame.problem and value[-10:] in frame.problem and "--again" in frame.problem
    assert scan(camera.folder, again=True)[0].problem is None


def test_the_instrument_says_which_image_of_a_file(camera, tmp_path):
    import numpy as np
    from astropy.io import fits

    primary = fits.PrimaryHDU(np.zeros((2, 2), np.int16))
    primary.header["INSTRUME"] = "two"
    second = fits.ImageHDU(np.zeros((5, 7), np.int16), name="SCI")
    second.header["IMAGETYP"] = "zero"
    fits.HDUList([primary, second]).writeto(camera.folder / "two.fits")
    text = 'name = "two"\nmatch = { INSTRUME = "two" }\nhdu = "SCI"\n'
    (tmp_path / "two.toml").write_text(text + 'rules = [{ kind = "bias", when = { IMAGETYP = "zero" } }]')
    (frame,) = scan(camera.folder, instrument=tmp_path / "two.toml")
    assert (frame.shape, frame.kind, frame.hdu, frame.problem) == ((5, 7), "bias", "SCI", None)


def test_frames_that_amateur_programs_reduced_are_named(shared):
    folder = shared / "inputs/nights/amateur"
    if not folder.is_dir():
        pytest.skip("needs the folder inputs/nights/amateur of ../shared")
    frames = by_name(scan(folder))
    for name, card in (
        ("maximdl.fits.gz", "CALSTAT = 'BDF'"),
        ("pixinsight.fits.gz", "ImageIntegration"),
        ("seestar.fits.gz", "STACKCNT = 187"),
    ):
        assert card in frames[name].problem and "was reduced before" in frames[name].problem
    reduced = {name for name, frame in frames.items() if "reduced before" in (frame.problem or "")}
    assert reduced == {"maximdl.fits.gz", "pixinsight.fits.gz", "seestar.fits.gz"}


def test_a_gain_that_is_a_setting_is_not_believed_and_that_is_said(camera):
    from ccdfx.night.plan import plan_night

    camera.science("a.fits", GAIN=120, EGAIN=3.99, OFFSET=30)
    camera.science("b.fits", GAIN=80)
    camera.science("c.fits", GAIN=5, SWCREATE="SharpCap")
    camera.science("d.fits", GAIN=1.5)
    frames = by_name(scan(camera.folder))
    assert {name[0]: frame.gain and frame.gain.value for name, frame in frames.items()} == {
        "a": 3.99, "b": None, "c": None, "d": 1.5,
    }  # fmt: skip
    assert [name for name, frame in frames.items() if frame.doubts] == ["b.fits", "c.fits"]
    assert "GAIN = 80" in frames["b.fits"].as_dict()["doubts"]
    warnings = plan_night(frames.values()).warnings
    assert any("GAIN = 80" in text and "b.fits" in text for text in warnings)


def test_gains_of_amateur_headers(shared):
    folder = shared / "inputs/nights/amateur"
    if not folder.is_dir():
        pytest.skip("the headers of amateur cameras are absent")
    frames = by_name(scan(folder))
    assert frames["sgp_fixed_wcs.fits.gz"].gain.value == pytest.approx(3.99)
    assert frames["seestar.fits.gz"].gain is None
    for name in ("nina.fits.gz", "apt.fits.gz"):
        assert frames[name].gain.value == pytest.approx(1.00224, abs=1e-5)


def test_a_closed_subfolder_costs_itself_alone(camera, monkeypatch):
    from pathlib import Path

    camera.science("a.fits")
    closed = camera.folder / "lost+found"
    closed.mkdir()
    exists = Path.exists

    def refused(path, **options):
        if closed in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return exists(path, **options)

    monkeypatch.setattr(Path, "exists", refused)
    frames = by_name(scan(camera.folder))
    assert frames["a.fits"].problem is None
    assert frames["lost+found"].problem


def test_what_is_strange_in_a_header_is_a_fact_of_the_frame(camera):
    camera.science("a.fits", **{"DATE-END": "2024-02-30", "CRVAL1": "NaN"})
    camera.science("b.fits")
    frames = by_name(scan(camera.folder))
    assert frames["b.fits"].remarks == () and frames["b.fits"].as_dict()["remarks"] is None
    said = frames["a.fits"].as_dict()["remarks"]
    assert said == "DATE-END is no date: 2024-02-30; the WCS has values that are no numbers: CRVAL1"
    assert frames["a.fits"].problem is None


def test_what_is_strange_beside_the_header_is_one_too(camera):
    """Junk behind the image, of compressed files too, and text; the rest of a file is read only where it goes on."""
    camera.science("raw.fits")
    whole = (camera.folder / "raw.fits").read_bytes()
    (camera.folder / "raw.fits").unlink()
    for name in ("junk.fits", "junk.fits.gz", "text.fits", "padded.fits", "table.fits"):
        raw = whole
        if name.startswith("junk"):
            raw += b"junk"
        elif name == "text.fits":
            raw = raw.replace(b"'small", b"'sm\xe4\0l", 1)
        elif name == "padded.fits":
            raw += bytes(100)
        (camera.folder / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    with fits.open(camera.folder / "table.fits", mode="append") as file:
        file.append(fits.BinTableHDU.from_columns([fits.Column("A", "E", array=[1.0])]))
    with open(camera.folder / "table.fits", "ab") as file:
        file.write(b"more")
    frames = by_name(scan(camera.folder))
    assert {name: frame.remarks for name, frame in frames.items()} == {
        "junk.fits": ("other bytes follow the last HDU, 0",),
        "junk.fits.gz": ("other bytes follow the last HDU, 0",),
        "padded.fits": (),
        "table.fits": ("other bytes follow the last HDU, 1",),
        "text.fits": (
            "text of its header is not ASCII: INSTRUME",
            "text of its header has control characters: INSTRUME",
        ),
    }
    assert all(frame.problem is None for frame in frames.values())


def test_a_scan_loads_no_compiler():
    """Half of the time that a scan of one night takes would go by with that."""
    script = "import sys, ccdfx.night.frames.scan; print({'numba', 'scipy'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
