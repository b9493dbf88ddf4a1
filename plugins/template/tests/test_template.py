"""One test a kind: found by name, does what it says, refuses what is wrong."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import ccdfx
from ccdfx import registry

HOME = Path(__file__).parents[1]


def test_the_plugin_is_installed_and_whole() -> None:
    report = next(item for item in registry.plugins() if "template" in item.name)
    assert report.problem is None
    assert dict(report.provides) == {
        "format": ("pgm",),
        "scaling": ("softroot",),
        "noise_model": ("digitisation",),
        "rejection": ("drop_brightest",),
        "step": ("flip",),
        "instrument": ("template-cam",),
        "maker": ("sky_frame",),
        "command": ("brightest",),
    }


def test_it_uses_public_names_only() -> None:
    paths = list(HOME.glob("ccdfx_template/*.py"))
    assert len(paths) > 5
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ccdfx."):
                raise AssertionError(f"{path.name} imports from {node.module}")
            if isinstance(node, ast.ImportFrom) and node.module == "ccdfx":
                assert {alias.name for alias in node.names} <= set(ccdfx.__all__), path.name


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_format_reads_what_it_wrote(tmp_path: Path, dtype: type) -> None:
    image = ccdfx.Image(np.arange(12, dtype=dtype).reshape(3, 4) * 20)
    path = ccdfx.write(image, tmp_path / "guide.pgm")
    back = ccdfx.read(path)
    assert np.array_equal(back.array, image.array)
    assert back.header["DATAMAX"] == 65535
    assert np.array_equal(ccdfx.read(path, section=(1, 3, 0, 2)).array, image.array[0:2, 1:3])
    assert len(ccdfx.read(path, hdu="all")) == 1


def test_format_reads_eight_bits_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "guide.dat"  # recognised by content, not by name
    path.write_bytes(b"P5\n# made by hand\n2 1\n255\n\x07\xff")
    assert ccdfx.read(path).array.tolist() == [[7, 255]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"P5\n2000 2000\n255\n\x00", "too short"),
        (b"P5\n0 4\n255\n", "impossible size"),
        (b"P5\n2 2\n70000\n" + bytes(16), "impossible size"),
        (b"P6\n2 2\n255\n" + bytes(16), "does not begin"),
    ],
)
def test_format_refuses_what_is_wrong(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "bad.pgm"
    path.write_bytes(content)
    with pytest.raises(ccdfx.FormatError, match=words):
        ccdfx.read(path)


@pytest.mark.parametrize("array", [np.array([[1.5]]), np.array([[-1]]), np.array([[70000]])])
def test_format_refuses_what_it_cannot_hold(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(ccdfx.ArgumentError, match="0 to 65535"):
        ccdfx.write(array, tmp_path / "a.pgm")
    assert not list(tmp_path.iterdir())


def test_scaling_is_monotone_and_has_its_inverse() -> None:
    values = np.linspace(-5e4, 5e4, 2001).reshape(3, -1)
    scaling = registry.lookup("scaling", "softroot").configure(knee=50.0)
    scaled = ccdfx.scale(values, scaling=scaling)
    assert (np.diff(scaled.array.ravel()) > 0).all()
    assert np.allclose(ccdfx.unscale(scaled, scaling=scaling).array, values, rtol=1e-9, atol=1e-9)


def test_scaling_derivative_is_the_slope() -> None:
    scaling = registry.lookup("scaling", "softroot")
    x, h = np.array([-3000.0, -1.0, 0.5, 800.0]), 1e-4
    slope = (scaling.transform(x + h, knee=100.0) - scaling.transform(x - h, knee=100.0)) / (2 * h)
    assert np.allclose(scaling.derivative(x, knee=100.0), slope, rtol=1e-6)
    with pytest.raises(ccdfx.ArgumentError, match="knee"):
        scaling.configure(knee=0.0)


def test_noise_has_the_variance_that_it_claims() -> None:
    model = registry.lookup("noise_model", "digitisation").configure(bit=4.0)
    image = np.zeros((200, 200))
    assert ccdfx.variance_of(image, model=model)[0, 0] == pytest.approx(16 / 12)
    drawn = ccdfx.add_noise(image, model=model, rng=1).array
    assert drawn.var() == pytest.approx(16 / 12, rel=0.03)
    with pytest.raises(ccdfx.ArgumentError, match="bit"):
        model.configure(bit=-1.0)


def test_rejection_drops_the_brightest() -> None:
    frames = [np.full((3, 70), level, np.float32) for level in (1, 2, 3, 100, 200)]
    rule = registry.lookup("rejection", "drop_brightest")
    assert (ccdfx.combine(frames, reject=rule.configure(count=2)).array == 2).all()
    assert (ccdfx.stack(frames, reject=rule).rejected_high == 1).all()
    assert (ccdfx.combine(frames, reject=rule.configure(count=0)).array == np.float32(61.2)).all()


def test_rejection_never_drops_the_last_value() -> None:
    good = ccdfx.Image(np.full((1, 4), 5.0))
    flagged = good.replace(mask=np.ones((1, 4), np.uint8))
    combined = ccdfx.combine([good, flagged], reject=registry.lookup("rejection", "drop_brightest"))
    assert (combined.array == 5).all()


@pytest.mark.parametrize("count", [-1, 1.5, True, 5])
def test_rejection_refuses_nonsense(count: object) -> None:
    with pytest.raises(ccdfx.ArgumentError, match="count"):
        rule = registry.lookup("rejection", "drop_brightest").configure(count=count)
        ccdfx.combine([np.zeros((1, 2))] * 5, reject=rule)


def test_step_flips_everything_and_writes_history() -> None:
    image = ccdfx.Image(
        [[1.0, 2.0, 3.0]], {"CRPIX1": 1.0, "OBJECT": "M 51"}, mask=[[0, 1, 2]], variance=[[4.0, 5.0, 6.0]]
    )
    turned = ccdfx.pipeline(ccdfx.step("flip"))(image)
    assert turned.array.tolist() == [[3, 2, 1]]
    assert turned.mask.tolist() == [[2, 1, 0]] and turned.variance.tolist() == [[6, 5, 4]]
    assert "CRPIX1" not in turned.header and turned.header["OBJECT"] == "M 51"
    assert "flip" in turned.header.history[-1]
    assert ccdfx.pipeline(ccdfx.step("flip", axis="y"))(image).array.tolist() == [[1, 2, 3]]
    with pytest.raises(ccdfx.ArgumentError, match="axis"):
        ccdfx.pipeline(ccdfx.step("flip", axis="z"))(image)


def test_step_is_known_to_recipes() -> None:
    text = ccdfx.to_recipe(ccdfx.pipeline(ccdfx.step("flip", axis="y")))
    assert ccdfx.read_recipe(text + "\n")([[1.0], [2.0]]).array.tolist() == [[2], [1]]


def test_instrument_knows_its_frames(tmp_path: Path) -> None:
    header = {"INSTRUME": "TemplateCam", "IMAGETYP": "Light Frame", "EXPTIME": 30.0, "FILTER": "V"}
    ccdfx.write(ccdfx.Image(np.zeros((4, 4), np.uint16), header), tmp_path / "a.fits")
    (frame,) = ccdfx.scan(tmp_path)
    assert (frame.instrument, frame.kind, frame.exptime, frame.filter) == (
        "template-cam",
        "science",
        30.0,
        "V",
    )
    assert frame.gain.value == 1.5 and frame.problem is None


def write_night(folder: Path, count: int = 4) -> None:
    """Write flats, and science frames whose sky has a gradient that no flat has, with a star that moves."""
    rng = np.random.default_rng(3)
    shape = (160, 200)
    gradient = 1 + 0.1 * np.linspace(-1, 1, shape[1])
    kinds = [("bias", 0.0, None)] * 3 + [("flat", 9000.0, "V")] * 3 + [("light", 400.0, "V")] * count
    folder.mkdir()
    for number, (kind, level, band) in enumerate(kinds):
        electrons = np.full(shape, 1.5 * level)
        if kind == "light":
            electrons = 1.5 * (level + 50 * number) * gradient * np.ones(shape)
            electrons[20 + 10 * number :, 30:][:5, :5] += 20000
        raw = np.round(1000 + rng.poisson(electrons) / 1.5 + rng.normal(0, 4.0, shape))
        header = {
            "INSTRUME": "TemplateCam",
            "IMAGETYP": kind,
            "EXPTIME": 5.0 * (level > 0),
            "OBJECT": "field",
        }
        header |= {} if band is None else {"FILTER": band}
        ccdfx.write(ccdfx.Image(raw.astype(np.uint16), header), folder / f"{number:02d}.fits")


def test_a_night_of_the_camera_has_its_sky(tmp_path: Path) -> None:
    write_night(tmp_path / "raw")
    night = ccdfx.reduce_night(tmp_path / "raw", tmp_path / "out", recipe={"bad_pixels": {"use": False}})
    (facts,) = night.facts["products"]["sky"]
    sky = ccdfx.read(tmp_path / "out" / facts["file"])
    truth = 1 + 0.1 * np.linspace(-1, 1, 200)
    middle = np.median(np.where(sky.good, sky.array, np.nan)[10:150], axis=0)  # 140 rows of 4 frames
    assert np.abs(middle / truth - np.median(middle / truth)).max() < 0.01
    assert (np.abs(sky.array / truth - 1) < 0.25).all()  # no star
    assert facts["frames"] == sky.header["NCOMBINE"] == 4 and sky.header["IMCMB001"] == "calibrated/06.fits"
    assert "Products of a plugin" in (tmp_path / "out" / "report.html").read_text()


def test_two_frames_are_too_few_for_a_sky(tmp_path: Path) -> None:
    write_night(tmp_path / "raw", 2)
    night = ccdfx.reduce_night(tmp_path / "raw", tmp_path / "out", recipe={"bad_pixels": {"use": False}})
    assert night.facts["products"] == {}


def test_command_prints_the_brightest_good_pixel(tmp_path: Path) -> None:
    from ccdfx.cli.group import commands

    image = ccdfx.Image([[1.0, 9.0, 5.0], [2.0, 3.0, 4.0]], mask=[[0, 4, 0], [0, 0, 0]])
    path = str(ccdfx.write(image, tmp_path / "a.fits"))
    assert CliRunner().invoke(commands, ["brightest", path]).output == f"{path} 2 0 5\n"
    empty = str(ccdfx.write(image.replace(mask=np.ones((2, 3), np.uint8)), tmp_path / "b.fits"))
    failed = CliRunner().invoke(commands, ["brightest", empty])
    assert failed.exit_code == 1 and "has no good pixel" in failed.stderr
