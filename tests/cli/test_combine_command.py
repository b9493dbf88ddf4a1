"""`ccdfx combine`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import ccdfx


@pytest.mark.quick
def test_it_combines_and_writes_where_everything_came_from(run, frames: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "out.fits"
    result = run("combine", *frames, "-o", output, "--average", "median", "--reject", "none")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "" and str(output) in result.stderr
    image = ccdfx.read(output)
    assert (image.array[0] == 120).all() and image.header["OBJECT"] == "M 51"
    history = image.header.history
    assert history[0] == f"ccdfx {ccdfx.__version__} combine of 5 frames"
    assert history[1:3] == ("combine average=median", "combine reject=none")
    assert history[3:] == tuple(f"combine input frame{number}.fits" for number in range(5))


@pytest.mark.parametrize(
    ("options", "pixel"),
    [
        (("--reject", "none"), (100 + 110 + 60000 + 130 + 140) / 5),
        (("--reject", "minmax:low=1,high=1"), (110 + 130 + 140) / 3),
        (("--reject", "minmax:low=0,high=1", "--average", "total"), 480),
        (("--reject", "ccd_clip:gain=1.0,readnoise=30.0"), 120),
        (("--weights", "1,0,0,0,0", "--reject", "none"), 100),
        (("--scale", "1,1,600,1.3,1.4", "--reject", "none"), (100 + 110 + 100 + 100 + 100) / 5),
        (("--zero", "0,10,59900,30,40", "--reject", "none"), 100),
        (("--limits", "105,135", "--reject", "none"), 120),
        (("--average", "maximum", "--reject", "none"), 60000),
    ],
)
def test_options_reach_the_engine(
    run, frames: list[Path], tmp_path: Path, options: tuple[str, ...], pixel
) -> None:
    result = run("combine", *frames, "-o", tmp_path / "out.fits", *options)
    assert result.exit_code == 0, result.stderr
    assert ccdfx.read(tmp_path / "out.fits").array[7, 9] == pytest.approx(pixel, rel=1e-6)


def test_the_default_rule_is_told(run, frames: list[Path], tmp_path: Path) -> None:
    odd = tmp_path / "m51 \u00e9\x1b.fits"
    odd.write_bytes(frames[0].read_bytes())
    result = run("combine", odd, *frames[1:], "-o", tmp_path / "out.fits", "--scale", "median", "--hdu", "0")
    assert result.exit_code == 0, result.stderr
    history = ccdfx.read(tmp_path / "out.fits").header.history
    assert {"combine average=mean", "combine scale=median", "combine hdu=0"} <= set(history)
    assert history[2].startswith("combine reject=mad_clip(low=7.0, high=7.0") and "align" not in str(history)
    assert "combine input m51 \\xe9\\x1b.fits" in history


def test_scale_by_a_statistic(run, frames: list[Path], tmp_path: Path) -> None:
    for kind in ("--scale", "--zero"):
        result = run("combine", *frames, "-o", tmp_path / "out.fits", kind, "median", "--overwrite")
        assert result.exit_code == 0, result.stderr
        assert np.allclose(ccdfx.read(tmp_path / "out.fits").array[0], 100)


@pytest.fixture
def uneven(tmp_path: Path) -> list[Path]:
    """Frames of level 10 EXPTIME + SKY with a dark corner; GAIN makes their levels equal."""
    paths = []
    for number, (time, sky) in enumerate([(10, 0), (20, 50), (40, -30)]):
        array = np.full((30, 50), 10.0 * time + sky, np.float32)
        array[:10, :10] = 1 + number
        header = {"EXPTIME": time, "SKYCORR": -sky, "FACTOR": 100.0 / array[20, 20]}
        image = ccdfx.Image(array, header, variance=np.full(array.shape, 1.0 + number))
        paths.append(ccdfx.write(image, tmp_path / f"uneven{number}.fits"))
    return paths


@pytest.mark.parametrize(
    ("options", "pixel"),
    [
        (("--scale", "!FACTOR"), 100),
        (("--zero", "!SKYCORR", "--scale", "exposure"), 100),
        (("--scale", "mode"), 100),
        (("--zero", "location"), 100),
        (("--scale", "median", "--section", "[1:10,1:10]"), np.mean([100, 250 / 2, 370 / 3])),
        (("--scale", "mean", "--section", "[11:50,11:30]", "--sampled"), 100),
        (("--weights", "exposure"), np.average([100, 250, 370], weights=[1, 2, 4])),
        (("--weights", "!EXPTIME"), np.average([100, 250, 370], weights=[1, 2, 4])),
        (("--weights", "variance"), np.average([100, 250, 370], weights=[1, 1 / 2, 1 / 3])),
        (("--weights", "median"), np.average([100, 250, 370], weights=[100, 250, 370])),
        (("--average", "inverse_variance_mean"), np.average([100, 250, 370], weights=[1, 1 / 2, 1 / 3])),
    ],
)
def test_levels_reach_the_engine(run, uneven, tmp_path: Path, options: tuple[str, ...], pixel) -> None:
    result = run("combine", *uneven, "-o", tmp_path / "out.fits", "--reject", "none", *options)
    assert result.exit_code == 0, result.stderr
    assert ccdfx.read(tmp_path / "out.fits").array[20, 20] == pytest.approx(pixel, rel=1e-6)


def test_levels_are_told(run, uneven, tmp_path: Path) -> None:
    section = ("--section", "[1:10,1:10]")
    result = run(
        "combine", *uneven, "-o", tmp_path / "out.fits", "--scale", "mode", "--weights", "!W", *section
    )
    assert result.exit_code == 1 and "uneven0.fits): needs W" in result.stderr
    result = run(
        "combine", *uneven, "-o", tmp_path / "out.fits", "--scale", "mode", "--weights", "!EXPTIME", *section
    )
    assert result.exit_code == 0, result.stderr
    history = ccdfx.read(tmp_path / "out.fits").header.history
    assert "combine scale=level('mode', section='[1:10,1:10]')" in history
    assert "combine weights=keyword('EXPTIME')" in history


def test_frames_of_several_kinds_or_filters_are_told(run, tmp_path: Path) -> None:
    paths = []
    for number, (kind, band) in enumerate((("object", "V"), ("object", "R"), ("bias", "V"))):
        header = {"IMAGETYP": kind, "FILTER": band, "EXPTIME": 5.0}
        paths.append(
            ccdfx.write(ccdfx.Image(np.full((4, 5), 7.0), header=header), tmp_path / f"{number}.fits")
        )
    result = run("combine", *paths, "-o", tmp_path / "out.fits", "--reject", "none")
    assert result.exit_code == 0
    assert (
        "note: frames of several kinds were combined: science: 0.fits, 1.fits; bias: 2.fits" in result.stderr
    )
    assert "note: frames of several filters were combined: V: 0.fits; R: 1.fits" in result.stderr
    same = run("combine", paths[0], paths[0], "-o", tmp_path / "same.fits", "--reject", "none")
    assert same.exit_code == 0 and "note:" not in same.stderr


def test_threads_and_memory_change_nothing(run, frames: list[Path], tmp_path: Path) -> None:
    run("combine", *frames, "-o", tmp_path / "a.fits")
    result = run("combine", *frames, "-o", tmp_path / "b.fits", "--threads", "1", "--memory", "1")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()


def test_the_result_says_what_it_is_and_of_what(run, frames: list[Path], tmp_path: Path) -> None:
    run("combine", *frames, "-o", tmp_path / "a.fits")
    header = ccdfx.read(tmp_path / "a.fits").header
    assert header["PRODUCT"] == "combined frame" and header["CREATOR"] == f"ccdfx {ccdfx.__version__}"
    for number, path in enumerate(frames, 1):
        assert header[f"IMCMB{number:03d}"] == path.name
        assert header[f"IMSHA{number:03d}"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_engine_by_name(run, frames: list[Path], tmp_path: Path) -> None:
    assert run("combine", *frames, "-o", tmp_path / "a.fits").exit_code == 0
    assert run("combine", *frames, "-o", tmp_path / "b.fits", "--engine", "threads").exit_code == 0
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--engine", "daks"), "must be one of: "),
        (("--scheduler", "tcp://host:8786"), "--engine NAME"),
        (("--engine", "threads", "--scheduler", "tcp://host:8786"), "takes no options (got 'scheduler')"),
    ],
)
def test_an_engine_that_cannot_be_is_a_usage_error(
    run, frames: list[Path], tmp_path: Path, options, words
) -> None:
    result = run("combine", *frames, "-o", tmp_path / "out.fits", *options)
    assert result.exit_code == 2 and words in result.stderr
    result = run("reduce", tmp_path, "-o", tmp_path / "out", *options)
    assert result.exit_code == 2 and words in result.stderr


def test_progress_counts_tiles(run, frames: list[Path], tmp_path: Path) -> None:
    result = run("combine", *frames, "-o", tmp_path / "out.fits", "-v", "--threads", "2")
    assert "2/2 tiles" in result.stderr
    assert run("combine", *frames, "-o", tmp_path / "quiet.fits", "-q").stderr == ""


def test_an_existing_output_stays(run, frames: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "out.fits"
    output.write_bytes(b"precious")
    result = run("combine", *frames, "-o", output)
    assert result.exit_code == 4 and "exists already" in result.stderr and "--overwrite" in result.stderr
    assert output.read_bytes() == b"precious"
    assert run("combine", *frames, "-o", output, "--overwrite").exit_code == 0


@pytest.mark.parametrize("link", [False, True])
def test_an_output_that_is_an_input_is_refused(run, frames: list[Path], tmp_path: Path, link: bool) -> None:
    output = frames[1]
    if link:
        output = tmp_path / "link.fits"
        output.hardlink_to(frames[1])
    before = frames[1].read_bytes()
    result = run("combine", *frames, "-o", output, "--overwrite")
    assert result.exit_code == 2 and "must not be one of the inputs" in result.stderr
    assert frames[1].read_bytes() == before


@pytest.mark.parametrize(
    ("output", "options", "words"),
    [
        ("o.fits", ("--maps", "sub/../o.fits"), "two files"),
        ("o.fits", ("--maps", "none/m.fits"), "make the folder first"),
        ("none/o.fits", (), "make the folder first"),
        ("s.fits", ("--shared", "s.fits", "--overwrite"), "must not be one of the inputs"),
        (
            "o.fits",
            ("--shared", "s.fits", "--maps", "s.fits", "--overwrite"),
            "must not be one of the inputs",
        ),
    ],
)
def test_nothing_is_written_where_a_place_is_wrong(
    run, frames: list[Path], tmp_path: Path, monkeypatch, output: str, options: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    Path("s.fits").write_bytes(frames[0].read_bytes())
    before = {path: path.read_bytes() for path in tmp_path.glob("*.fits")}
    result = run("combine", *frames, "-o", output, *options)
    assert result.exit_code in (1, 2) and words in result.stderr
    assert {path: path.read_bytes() for path in tmp_path.glob("*.fits")} == before


def test_wrong_inputs_say_what_is_wrong(run, frames: list[Path], tmp_path: Path) -> None:
    other = ccdfx.write(np.zeros((3, 3)), tmp_path / "small.fits")
    assert "small.fits" in run("combine", frames[0], other, "-o", tmp_path / "o.fits").stderr
    assert "none.fits" in run("combine", frames[0], "none.fits", "-o", tmp_path / "o.fits").stderr
    assert "suffix" in run("combine", *frames, "-o", tmp_path / "out.xyz").stderr
    assert "is a directory; give the name of a file" in run("combine", *frames, "-o", tmp_path).stderr
    assert run("combine", "-o", tmp_path / "out.fits").exit_code == 2
    assert not (tmp_path / "o.fits").exists()


def test_align_brings_the_stars_together(run, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:96, :96]
    stars = rng.uniform(15, 80, (12, 2))
    paths = []
    for number, (dy, dx) in enumerate([(0, 0), (3, -2), (-4, 5)]):
        sky = rng.normal(100, 1, x.shape)
        for cy, cx in stars:
            sky += 900 * np.exp(-((y - cy - dy) ** 2 + (x - cx - dx) ** 2) / 6)
        paths.append(ccdfx.write(sky.astype(np.float32), tmp_path / f"dither{number}.fits"))
    result = run("combine", *paths, "-o", tmp_path / "out.fits", "--align", "--average", "median")
    assert result.exit_code == 0, result.stderr
    combined = ccdfx.read(tmp_path / "out.fits").array
    cy, cx = np.round(stars).astype(int).T
    assert np.median(combined[cy, cx]) > 800
    assert "combine align=True" in ccdfx.read(tmp_path / "out.fits").header.history

    turned = ccdfx.write(np.rot90(ccdfx.read(paths[0]).array), tmp_path / "turned.fits")
    result = run(
        "combine", paths[0], turned, "-o", tmp_path / "both.fits", "--align-by", "stars", "--reject", "none"
    )
    assert result.exit_code == 0, result.stderr
    assert np.median(ccdfx.read(tmp_path / "both.fits").array[cy, cx]) > 800
    assert "combine align=stars" in ccdfx.read(tmp_path / "both.fits").header.history

    blank = ccdfx.write(rng.normal(100, 1, x.shape).astype(np.float32), tmp_path / "blank.fits")
    failed = run("combine", paths[0], blank, "-o", tmp_path / "none.fits", "--align")
    assert failed.exit_code == 1 and f"error: {blank}: cannot be aligned" in failed.stderr
    assert not (tmp_path / "none.fits").exists()

    untimed = run("combine", *paths, "-o", tmp_path / "none.fits", "--align", "--scale", "exposure")
    assert untimed.exit_code == 1 and f"error: scale of {paths[0]}: needs EXPTIME" in untimed.stderr

    unaligned = run("combine", *paths, "-o", tmp_path / "bad.fits", "--average", "median")
    assert unaligned.exit_code == 0 and np.median(ccdfx.read(tmp_path / "bad.fits").array[cy, cx]) < 800


# ---- the rest of what combine can do ----


@pytest.fixture
def shifted(tmp_path: Path) -> list[Path]:
    scene = np.random.default_rng(3).normal(100, 5, (40, 50))
    return [
        ccdfx.write(
            ccdfx.Image(scene[y : y + 30, x : x + 40], {"EXPTIME": 10.0 * (1 + x)}), tmp_path / f"s{x}.fits"
        )
        for x, y in ((0, 0), (4, 2), (9, 7))
    ]


def test_frames_are_laid_by_a_file_of_offsets(run, shifted: list[Path], tmp_path: Path) -> None:
    table = tmp_path / "offsets.txt"
    table.write_text("# dx dy\n0 0\n4, 2\n\n9 7  # the last\n")
    result = run("combine", *shifted, "-o", tmp_path / "o.fits", "--offsets", table, "--reject", "none")
    assert result.exit_code == 0, result.stderr
    assert ccdfx.read(tmp_path / "o.fits").shape == (37, 49)
    common = ("--offsets", table, "--extent", "intersection")
    run("combine", *shifted, "-o", tmp_path / "o.fits", *common, "--overwrite", "--reject", "none")
    image = ccdfx.read(tmp_path / "o.fits")
    scene = np.random.default_rng(3).normal(100, 5, (40, 50))
    assert np.allclose(image.array, scene[7:30, 9:40])
    assert any(line.startswith("combine offsets=Placement") for line in image.header.history)


def test_maps_are_written_beside(run, shifted: list[Path], tmp_path: Path) -> None:
    grid = "grid:columns=3,rows=1,dx=40,dy=0"
    result = run(
        "combine", *shifted, "-o", tmp_path / "o.fits", "--maps", tmp_path / "m.fits", "--offsets", grid
    )
    assert result.exit_code == 0, result.stderr
    maps = {image.header["EXTNAME"]: image for image in ccdfx.read(tmp_path / "m.fits", hdu="all")}
    assert set(maps) == {"COUNT", "REJECTED_LOW", "REJECTED_HIGH", "EXPOSURE"}
    assert (maps["COUNT"].array == 1).all() and maps["COUNT"].shape == (30, 120)
    assert maps["EXPOSURE"].array[0, [0, 40, 80]].tolist() == [10, 50, 100]


def test_which_frames_were_rejected_is_told_bit_by_bit(run, frames: list[Path], tmp_path: Path) -> None:
    maps = tmp_path / "m.fits"
    options = ("--maps", maps, "--follow", "--scale", "median")
    result = run("combine", *frames, "-o", tmp_path / "o.fits", *options)
    assert result.exit_code == 0, result.stderr
    bits = ccdfx.read(maps, hdu="REJECTS_1").array
    assert bits[7, 9] == 1 << 2 and np.count_nonzero(bits) == 1
    assert run("combine", *frames, "-o", tmp_path / "p.fits", "--follow").exit_code == 2


def test_planes_of_a_cube_and_all_extensions(run, tmp_path: Path) -> None:
    cube = tmp_path / "cube.fits"
    fits.writeto(cube, np.stack([np.full((4, 5), level, "f4") for level in (1, 2, 6)]))
    result = run("combine", cube, "-o", tmp_path / "o.fits", "--planes", "--reject", "none")
    assert result.exit_code == 0 and (ccdfx.read(tmp_path / "o.fits").array == 3).all()
    result = run("combine", cube, "-o", tmp_path / "p.fits", "--planes", "--align")
    assert result.exit_code == 1 and f"error: {cube}: cannot be aligned" in result.stderr
    paths = []
    for level in (1, 2, 6):
        hdus = [
            fits.ImageHDU(np.full((4, 5), level * n, "f4"), name=name) for name, n in (("A", 1), ("B", 10))
        ]
        paths.append(tmp_path / f"mef{level}.fits")
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(paths[-1])
    result = run("combine", *paths, "-o", tmp_path / "mef.fits", "--hdu", "all", "--reject", "none")
    assert result.exit_code == 0, result.stderr
    assert [image.array[0, 0] for image in ccdfx.read(tmp_path / "mef.fits", hdu="all")] == [3, 30]


def test_an_average_in_python_and_flags(run, frames: list[Path], tmp_path: Path) -> None:
    result = run(
        "combine", *frames, "-o", tmp_path / "a.fits", "--average", "numpy.ma:median", "--flags", "none"
    )
    assert result.exit_code == 1 and "one number a pixel" in result.stderr  # it has no axis to go along
    result = run("combine", *frames, "-o", tmp_path / "a.fits", "--flags", "saturated,cosmic_ray")
    assert "combine flags=12" in ccdfx.read(tmp_path / "a.fits").header.history


def test_the_profile_of_stars_is_an_option_of_a_rule(run, tmp_path: Path) -> None:
    level = np.random.default_rng(3).normal(100, 5, (3, 20, 20))
    level[1, 5, 5] += 900
    header = {"GAIN": 1.0, "RDNOISE": 5.0}
    paths = [ccdfx.write(ccdfx.Image(v, header), tmp_path / f"{i}.fits") for i, v in enumerate(level)]
    rule = "profile_clip:amplitude=0.3,gradient=0.6,gain=GAIN,readnoise=RDNOISE"
    result = run("combine", *paths, "-o", tmp_path / "o.fits", "--zero", "median", "--reject", rule)
    assert result.exit_code == 0, result.stderr
    done = ccdfx.read(tmp_path / "o.fits")
    assert abs(done.array[5, 5] - 100) < 20
    assert any("profile_clip(amplitude=0.3" in line for line in done.header.history)


def test_flags_that_pass_to_the_result(run, tmp_path: Path) -> None:
    paths = [
        ccdfx.write(
            ccdfx.Image(np.full((1, 2), 9.0), mask=np.array([[0, flag]], np.uint8)), tmp_path / f"{flag}.fits"
        )
        for flag in (0, 4, 8)
    ]
    for options, expected in ([], 4), (["--passes", "cosmic_ray"], 8), (["--passes", "none"], 0):
        run("combine", *paths, "-o", tmp_path / "o.fits", "--overwrite", *options)
        mask = ccdfx.read(tmp_path / "o.fits").mask
        assert (0 if mask is None else mask[0, 1]) == expected


def test_a_module_that_cannot_be_imported(run, frames: list[Path], tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "broken_average.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    result = run("combine", *frames, "-o", tmp_path / "a.fits", "--average", "broken_average:mean")
    assert result.exit_code == 2 and "cannot be imported: division by zero" in result.stderr


def test_an_average_that_raises_is_one_line(run, frames: list[Path], tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "raising.py").write_text("def mine(values):\n    return values[1000]\n")
    monkeypatch.syspath_prepend(tmp_path)
    result = run("combine", *frames, "-o", tmp_path / "a.fits", "--average", "raising:mine")
    assert result.exit_code == 1 and "error: average mine: raised IndexError" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_shared_variance_comes_from_a_file(run, tmp_path: Path) -> None:
    paths = [
        ccdfx.write(ccdfx.Image(np.full((4, 5), 9.0), variance=np.full((4, 5), 30.0)), tmp_path / f"{i}.fits")
        for i in range(4)
    ]
    shared = ccdfx.write(ccdfx.Image(np.full((4, 5), 10.0)), tmp_path / "shar\u00e9d.fits")
    run("combine", *paths, "-o", tmp_path / "o.fits", "--shared", shared, "--reject", "none")
    image = ccdfx.read(tmp_path / "o.fits")
    assert image.variance == pytest.approx(np.full((4, 5), 20 / 4 + 10))
    assert "shar\\xe9d.fits" in "".join(image.header.history)  # lines that are too long go on in the next
