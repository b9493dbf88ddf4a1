"""`ccdfx scan`, `info`, `stats` and `plugins`: commands that only look."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import ccdfx
from ccdfx.cli import several


@pytest.mark.quick
def test_scan_lists_a_night(run, night: Path) -> None:
    result = run("scan", night)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    files = sorted(path.name for path in night.glob("*.fits"))
    assert lines[0].split()[:2] == ["file", "kind"] and [line.split()[0] for line in lines[1:]] == files
    assert result.stderr.startswith(f"{len(files)} frames: ")
    assert "3 flat" in result.stderr and "2 science" in result.stderr
    assert run("scan", night, "-q").stderr == ""


def test_scan_as_json(run, night: Path) -> None:
    frames = json.loads(run("scan", night, "--json").stdout)
    science = [frame for frame in frames if frame["kind"] == "science"]
    assert len(frames) == len(list(night.glob("*.fits"))) and {frame["filter"] for frame in science} == {"V"}
    assert all(frame["problem"] is None and frame["exptime"] == 180 for frame in science)
    assert set(frames[0]) >= {
        "file",
        "kind",
        "object",
        "filter",
        "exptime",
        "binning",
        "shape",
        "date",
        "instrument",
    }


def test_scan_names_what_is_broken_and_goes_on(run, tmp_path: Path, frames: list[Path]) -> None:
    (tmp_path / "cut.fits").write_bytes(frames[0].read_bytes()[:2000])
    (tmp_path / "a\x1b[2Jb.fits").write_bytes(b"not FITS")
    result = run("scan", tmp_path)
    assert result.exit_code == 0 and "\x1b" not in result.output
    assert (
        "cut.fits" in result.stdout
        and "a\\x1b[2Jb.fits" in result.stdout
        and "with a problem" in result.stderr
    )


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    """Three planes of 40 x 60 pixels, of levels 1, 2 and 6."""
    fits.writeto(tmp_path / "cube.fits", np.stack([np.full((40, 60), level, "f4") for level in (1, 2, 6)]))
    return tmp_path / "cube.fits"


LOOKING = {
    "stats": ("stats", "{cube}"),
    "show": ("show", "{cube}", "-o", "{out}.png", "--limits", "0,9"),
    "hist": ("hist", "{cube}", "-o", "{out}.png"),
    "mosaic": ("mosaic", "{cube}", "-o", "{out}.png", "--limits", "0,9"),
    "convert": ("convert", "{cube}", "-o", "{out}.npz"),
}


@pytest.mark.parametrize("name", LOOKING)
def test_a_plane_of_a_cube_is_chosen_as_its_image_would_be_shown(
    run, cube: Path, tmp_path: Path, name: str
) -> None:
    def ask(file: Path, out: str, *more: str):
        words = [word.format(cube=file, out=tmp_path / out) for word in LOOKING[name]]
        return run(*words, *(("--title", "") if name in ("show", "hist") else ()), *more)

    plain = ccdfx.write(ccdfx.read(cube, plane=2), tmp_path / "plain.fits")
    (tmp_path / "one").mkdir()
    plain = plain.rename(tmp_path / "one" / "cube.fits")
    for result in (ask(cube, "a", "--plane", "3"), ask(plain, "b")):
        assert result.exit_code == 0, result.stderr
    if name == "stats":
        assert ask(cube, "a", "--plane", "3").stdout.split()[12:] == ask(plain, "b").stdout.split()[12:]
    elif name == "convert":
        one, two = (ccdfx.read(tmp_path / f"{out}.npz") for out in "ab")
        assert np.array_equal(one.array, two.array) and (one.array == 6).all()
    else:
        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    for more, status, words in (
        ((), 1, "is a cube of 3 planes"),
        (("--plane", "4"), 1, f"plane: must be one of the 3 planes of {cube}"),
        (("--plane", "0"), 2, "--plane"),
        (("--plane", "last"), 2, "--plane"),
    ):
        result = ask(cube, "c", *more)
        assert result.exit_code == status and words in result.stderr
        assert not list(tmp_path.glob("c.*"))


def test_scan_of_nothing(run, tmp_path: Path) -> None:
    assert run("scan", tmp_path).stderr == "0 frames\n"
    assert run("scan", tmp_path, "--json").stdout == "[]\n"
    assert run("scan", tmp_path / "absent").exit_code == 2


def test_scan_with_an_instrument(run, frames: list[Path], tmp_path: Path) -> None:
    camera = tmp_path / "mine.toml"
    camera.write_text(
        'name = "mine"\nmatch = { X = "y" }\nrules = [{ kind = "flat", when = { OBJECT = "M 51" } }]\n'
    )
    listed = json.loads(run("scan", tmp_path, "--instrument", camera, "--json").stdout)
    assert {(frame["instrument"], frame["kind"]) for frame in listed} == {("mine", "flat")}
    wrong = run("scan", tmp_path, "--instrument", "nikkel")
    assert wrong.exit_code == 2 and "must be one of" in wrong.stderr and "nickel" in wrong.stderr


@pytest.fixture
def masked(tmp_path: Path) -> Path:
    """Two images in a file: one with flags, variance and a dangerous name, one plain."""
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    mask = np.zeros((3, 4), np.uint8)
    mask[0, 0] = ccdfx.Flag.SATURATED
    first = ccdfx.Image(
        array,
        {"OBJECT": "M 51", "EXPTIME": 30.0, "BUNIT": "adu"},
        mask=mask,
        variance=np.ones((3, 4), np.float32),
    )
    return ccdfx.write([first, ccdfx.Image(np.ones((2, 2), np.int16))], tmp_path / "two.fits")


@pytest.mark.quick
def test_info_shows_every_image(run, masked: Path) -> None:
    shown = run("info", masked)
    assert shown.exit_code == 0 and shown.stderr == ""
    assert f"{masked}: fits" in shown.stdout
    assert "image 4 x 3 float32, adu, with variance" in shown.stdout
    assert "saturated: 1 pixels" in shown.stdout and "image 2 x 2 int16" in shown.stdout
    assert "mask of 0" in shown.stdout and "uncertainty of 0" in shown.stdout
    assert "OBJECT" not in shown.stdout


def test_info_with_header_and_hdu(run, masked: Path) -> None:
    shown = run("info", "--header", "--hdu", "0", masked).stdout
    assert "OBJECT   = 'M 51'" in shown and "EXPTIME  = 30.0" in shown and "2 x 2" not in shown
    absent = run("info", "--hdu", "SCII", masked)
    assert absent.exit_code == 1 and "must be an EXTNAME" in absent.stderr and absent.stdout == ""


def test_info_as_json(run, masked: Path) -> None:
    (facts,) = json.loads(run("info", "--json", "--header", masked).stdout)
    first = facts["contents"][0]
    assert facts["format"] == "fits" and first["axes"] == [4, 3] and first["flags"] == {"SATURATED": 1}
    assert ["OBJECT", "M 51", ""] in first["header"]
    assert "no instrument description matches this header" in facts["says"]["problem"]


@pytest.mark.parametrize("command", ["info", "stats", "inspect", "show", "hist"])
def test_all_images_are_too_many(run, masked: Path, command: str) -> None:
    result = run(command, masked, "--hdu", "all")
    assert result.exit_code == 2 and "name one image" in result.stderr


def test_info_of_a_cube(run, tmp_path: Path) -> None:
    fits.writeto(tmp_path / "cube.fits", np.zeros((4, 2, 5), "u2"))
    for options in ((), ("--hdu", "0")):
        result = run("info", tmp_path / "cube.fits", *options)
        assert result.exit_code == 0 and "uint16" in result.stdout, result.stderr
    assert "0: image 5 x 2 x 4 uint16" in run("info", tmp_path / "cube.fits").stdout


def test_info_of_another_format(run, tmp_path: Path) -> None:
    path = ccdfx.write(np.ones((2, 5)), tmp_path / "a.npz")
    assert "0: image 5 x 2 float64" in run("info", path).stdout


def test_info_names_what_is_broken_and_goes_on(run, masked: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.fits"
    bad.write_bytes(b"nothing")
    result = run("info", bad, masked, tmp_path / "absent.fits")
    assert result.exit_code == 1
    assert (
        "bad.fits" in result.stderr and "absent.fits" in result.stderr and "two.fits: fits" in result.stdout
    )
    entries = json.loads(run("info", "--json", bad, masked).stdout)
    assert entries[0]["problem"] and "problem" not in entries[1]


def test_info_says_a_wrong_checksum_and_shows_the_image(run, masked: Path) -> None:
    content = bytearray(masked.read_bytes())
    place = content.index(np.float32(11).tobytes()[::-1])
    content[place + 3] ^= 1
    masked.write_bytes(content)
    result = run("info", masked)
    assert result.exit_code == 1 and "DATASUM" in result.stderr and "image 4 x 3 float32" in result.stdout


def test_header_text_cannot_steer_the_terminal(run, frames: list[Path]) -> None:
    content = frames[0].read_bytes().replace(b"'M 51    '", b"'\x1b[31mM \x07'")
    assert b"\x1b[31m" in content
    frames[0].write_bytes(content)
    for arguments in (("info", "--header", frames[0]), ("stats", frames[0]), ("scan", frames[0].parent)):
        assert "\x1b" not in run(*arguments).output


@pytest.mark.quick
def test_stats_table_and_json_agree(run, masked: Path) -> None:
    result = run("stats", masked)
    assert result.exit_code == 0
    names, values, other = (line.split() for line in result.stdout.splitlines())  # a line for each image
    assert (values[0], other[0]) == (f"{masked}[1]", f"{masked}[2]")
    table = dict(zip(names, values, strict=True))
    assert (
        table["count"] == "11" and table["masked"] == "1" and table["mean"] == "6" and table["median"] == "6"
    )
    facts, _ = json.loads(run("stats", "--json", masked).stdout)
    assert facts["count"] == 11 and facts["minimum"] == 1 and facts["maximum"] == 11
    assert facts["std"] == pytest.approx(np.arange(1, 12).std())


def test_stats_of_a_window_and_an_extension(run, masked: Path) -> None:
    (facts,) = json.loads(run("stats", "--json", "--section", "[2:3,1:2]", "--hdu", "0", masked).stdout)
    assert facts["count"] == 4 and facts["mean"] == pytest.approx((1 + 2 + 5 + 6) / 4)
    some = run("stats", "--json", "--section", "[2:3,1:2]", masked)
    assert (
        some.exit_code == 1
        and f"{masked}[2]: section" in some.stderr
        and json.loads(some.stdout) == [facts | {"file": f"{masked}[1]"}]
    )
    wrong = run("stats", "--section", "[0:9,1:2]", masked)
    assert wrong.exit_code == 2 and wrong.stdout == "" and "'--section'" in wrong.stderr


def test_stats_of_what_cannot_be_read(run, masked: Path, tmp_path: Path) -> None:
    result = run("stats", tmp_path / "absent.fits", masked)
    assert result.exit_code == 1 and "absent.fits" in result.stderr and str(masked) in result.stdout


@pytest.mark.quick
def test_plugins_lists_the_built_in_one_first(run) -> None:
    lines = run("plugins").stdout.splitlines()
    assert lines[0] == f"ccdfx {ccdfx.__version__}"
    assert any(line.startswith("  rejection: minmax, ") for line in lines)
    (first, *_) = json.loads(run("plugins", "--json").stdout)
    assert first["problem"] is None and "fits" in first["provides"]["format"]


def test_real_frames_are_shown(run, shared: Path) -> None:
    saao = shared / "data" / "saao" / "a8280271.fits"
    assert "image 536 x 520 uint16" in run("info", saao).stdout
    listed = run("stats", *sorted((shared / "data" / "headers").iterdir()))
    assert listed.exit_code == 0 and len(listed.stdout.splitlines()) == 17


def test_a_section_that_is_none_is_a_wrong_command_line(run, frames: list[Path]) -> None:
    result = run("stats", frames[0], "--section", "nope")
    assert result.exit_code == 2 and "is not a FITS section" in result.stderr


def test_a_section_outside_of_an_image_names_the_file(run, frames: list[Path]) -> None:
    result = run("stats", frames[0], "--section", "[1:999,1:2]")
    assert result.exit_code == 1 and str(frames[0]) in result.stderr


def test_fields_choose_the_statistics(run, frames: list[Path]) -> None:
    result = run("stats", frames[0], "--fields", "median,sum")
    assert result.stdout.split() == ["file", "median", "sum", str(frames[0]), "100", "240000"]
    assert json.loads(run("stats", frames[0], "--json", "--fields", "count").stdout) == [
        {"file": str(frames[0]), "count": 2400}
    ]
    wrong = run("stats", frames[0], "--fields", "medain")
    assert wrong.exit_code == 2 and "did you mean 'median'?" in wrong.stderr


@pytest.mark.parametrize("name", ["stats", "sources", "convert"])
def test_threads_and_memory_bound_the_files_in_flight(
    run, frames: list[Path], tmp_path: Path, monkeypatch, name: str
) -> None:
    places = ("-o", tmp_path / "out", "--to", "npz", "--overwrite") if name == "convert" else ()
    together, most, seen = [0], [0], []
    lock, read = threading.Lock(), ccdfx.read

    def slow(*arguments, **options):
        with lock:
            together[0] += 1
            most[0] = max(most[0], together[0])
        time.sleep(0.05)
        with lock:
            together[0] -= 1
        return read(*arguments, **options)

    monkeypatch.setattr(ccdfx, "read", slow)
    for options in (("--threads", 1), ("--threads", 3), ("--threads", 3, "--memory", 1)):
        most[0] = 0
        monkeypatch.setattr(several, "_PIXEL_BYTES", 32 if len(options) == 2 else 2**20 // 2400)
        result = run(name, *frames, *options, *places)
        assert result.exit_code == 0
        seen.append((most[0], result.stdout))
    # One more than threads may be in flight: the next file is read while a result is taken.
    assert seen[0][0] == 1 and 2 <= seen[1][0] <= 4 and seen[2][0] == 1
    assert len({text for _, text in seen}) == 1
