"""What users do wrong: each mistake is a typed error that names the argument, the value, the rule and the remedy."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ccdfx
from ccdfx import (
    ArgumentError,
    ArgumentTypeError,
    CcdfxError,
    FileError,
    FormatError,
    Header,
    Image,
    MismatchError,
    OutputExistsError,
    Range,
    UnknownNameError,
    WindowError,
    registry,
    scalings,
)
from ccdfx import noise as noises
from ccdfx.estimators import median_of, sigma_clipped

ONES = np.ones((2, 3))
ADU = Image(ONES, {"BUNIT": "adu", "EXPTIME": 30, "FILTER": "V", "CCDSUM": "1 1"}, range=(5, 8, 5, 7))
ELECTRON = ADU.replace(unit="electron")
CCD = noises.ccd_noise(gain=1.5, readnoise=5.0)
Mistake = tuple[type[CcdfxError], str, Callable[[], Any]]


def exposure(seconds: object) -> Image:
    return Image(ONES * 6, {} if seconds is None else {"EXPTIME": seconds})


def dark(image: object, master: object, scale: object = "exposure") -> Image:
    return ccdfx.subtract_dark(exposure(image), dark=exposure(master), scale=scale)


def flat(image: Any, master: Any, statistic: Any = "median") -> Image:
    return ccdfx.divide_flat(image, flat=master, statistic=statistic)


def recipe(options: str) -> ccdfx.Pipeline:
    return ccdfx.read_recipe(f"[[step]]\n{options}\n")


CALIBRATION: dict[str, Mistake] = {
    "a broadcast bias": (MismatchError, "bias", lambda: ccdfx.subtract_bias(ONES, bias=np.ones((1, 3)))),
    "a transposed bias": (MismatchError, "bias", lambda: ccdfx.subtract_bias(ONES, bias=ONES.T)),
    "a bias of one number": (ArgumentError, "bias", lambda: ccdfx.subtract_bias(ONES, bias=3.0)),
    "a cube of biases": (ArgumentError, "bias", lambda: ccdfx.subtract_bias(ONES, bias=np.ones((2, 2, 3)))),
    "a list of biases": (ArgumentTypeError, "bias", lambda: ccdfx.subtract_bias(ONES, bias=[ONES, ONES])),
    "a bias by file name": (ArgumentTypeError, "bias", lambda: ccdfx.subtract_bias(ONES, bias="bias.fits")),
    "no bias": (ArgumentTypeError, "bias", lambda: ccdfx.subtract_bias(ONES, bias=None)),
    "a bias of another window": (
        MismatchError, "bias", lambda: ccdfx.subtract_bias(ADU, bias=ADU.replace(range=(6, 9, 5, 7))),
    ),
    "a bias in electrons": (MismatchError, "bias", lambda: ccdfx.subtract_bias(ADU, bias=ELECTRON)),
    "a bias of another binning": (
        MismatchError, "bias",
        lambda: ccdfx.subtract_bias(ADU, bias=ADU.replace(header=ADU.header.set("CCDSUM", "2 2"))),
    ),
    "a list of images": (ArgumentTypeError, "image", lambda: ccdfx.subtract_bias([ADU, ADU], bias=ONES)),
    "a file name": (ArgumentTypeError, "image", lambda: ccdfx.subtract_bias("raw.fits", bias=ONES)),
    "a complex frame": (ArgumentTypeError, "image", lambda: ccdfx.subtract_bias(ONES * 1j, bias=ONES)),
    "a cube": (ArgumentError, "image", lambda: ccdfx.mask_invalid(np.ones((2, 3, 4)))),
    "a row": (ArgumentError, "image", lambda: ccdfx.mask_invalid(np.ones(3))),
    "no pixel": (ArgumentError, "image", lambda: ccdfx.mask_invalid(np.ones((0, 3)))),
    "the shape of an image": (ArgumentError, "image", lambda: ccdfx.statistics((2, 3))),
    "a ragged list": (ArgumentTypeError, "image", lambda: ccdfx.mask_invalid([[1, 2], [3]])),
    "another exposure": (MismatchError, "dark", lambda: dark(30, 60, None)),
    "no exposure of the image": (ArgumentError, "image", lambda: dark(None, 60)),
    "no exposure of the dark": (ArgumentError, "dark", lambda: dark(60, None)),
    "a dark of exposure zero": (ArgumentError, "EXPTIME of the dark", lambda: dark(60, 0)),
    "an exposure of zero": (ArgumentError, "EXPTIME of the image", lambda: dark(0, 60)),
    "a negative exposure": (ArgumentError, "EXPTIME of the image", lambda: dark(-5, 60)),
    "an exposure in words": (ArgumentError, "header keyword EXPTIME", lambda: dark("long", 60)),
    "a misspelt scale": (ArgumentError, "scale", lambda: dark(1, 1, "exptime")),
    "a negative scale": (ArgumentError, "scale", lambda: dark(1, 1, -1)),
    "a scale that is NaN": (ArgumentError, "scale", lambda: dark(1, 1, np.nan)),
    "a scale without a dark": (ArgumentError, "dark_scale", lambda: ccdfx.calibrate(ONES, dark_scale=2.0)),
    "another filter": (MismatchError, "flat", lambda: flat(ADU, ADU.replace(band="R"))),
    "a flat of zeros": (ArgumentError, "flat", lambda: flat(ONES, ONES * 0)),
    "a negative flat": (ArgumentError, "flat", lambda: flat(ONES, -ONES)),
    "a flat of NaN": (ArgumentError, "flat", lambda: flat(ONES, ONES * np.nan)),
    "a flat that is all masked": (ArgumentError, "flat", lambda: flat(ONES, Image(ONES, mask=ONES > 0))),
    "a masked flat for a function": (
        ArgumentError, "flat", lambda: flat(ONES, Image(ONES, mask=ONES > 0), np.median),
    ),
    "a level of zero": (ArgumentError, "statistic", lambda: flat(ONES, ONES, 0)),
    "a level that is NaN": (ArgumentError, "statistic", lambda: flat(ONES, ONES, lambda values: np.nan)),
    "an unknown level": (ArgumentError, "statistic", lambda: flat(ONES, ONES, "mode")),
    "a level without a flat": (ArgumentError, "statistic", lambda: ccdfx.calibrate(ONES, statistic="mean")),
    "a negative gain": (ArgumentError, "gain", lambda: ccdfx.to_electrons(ONES, gain=-1.5)),
    "a gain of zero": (ArgumentError, "gain", lambda: ccdfx.to_electrons(ONES, gain=0)),
    "a gain that is NaN": (ArgumentError, "gain", lambda: ccdfx.to_electrons(ONES, gain=np.nan)),
    "an infinite gain": (ArgumentError, "gain", lambda: ccdfx.to_electrons(ONES, gain=np.inf)),
    "a gain beyond floats": (ArgumentError, "gain", lambda: ccdfx.to_electrons(ONES, gain=10**400)),
    "a gain in words": (ArgumentTypeError, "gain", lambda: ccdfx.to_electrons(ONES, gain="1.5")),
    "a gain that is True": (ArgumentTypeError, "gain", lambda: ccdfx.to_electrons(ONES, gain=True)),
    "a gain for each amplifier": (ArgumentTypeError, "gain", lambda: ccdfx.to_electrons(ONES, gain=[1.5, 2])),
    "electrons twice": (MismatchError, "image", lambda: ccdfx.to_electrons(ELECTRON, gain=1.5)),
    "electrons twice, fused": (MismatchError, "image", lambda: ccdfx.calibrate(ELECTRON, gain=1.5)),
    "fluxes": (MismatchError, "image", lambda: ccdfx.to_electrons(ADU.replace(unit="Jy"), gain=1.5)),
    "noise of ADU for electrons": (MismatchError, "image", lambda: ccdfx.add_variance(ELECTRON, noise=CCD)),
    "noise as a number": (ArgumentTypeError, "noise", lambda: ccdfx.add_variance(ONES, noise=5.0)),
    "noise without its options": (
        ArgumentTypeError, "noise", lambda: ccdfx.add_variance(ONES, noise=noises.ccd_noise),
    ),
    "a saturation of zero": (ArgumentError, "saturation", lambda: ccdfx.mask_saturated(ONES, saturation=0)),
    "a saturation that is NaN": (ArgumentError, "saturation", lambda: ccdfx.calibrate(ONES, saturation=np.nan)),
    "no saturation": (ArgumentTypeError, "saturation", lambda: ccdfx.mask_saturated(ONES, saturation=None)),
    "cosmic rays without noise": (ArgumentError, "image", lambda: ccdfx.mask_cosmic_rays(ONES)),
    "cosmic rays with the noise of ADU": (
        MismatchError, "image", lambda: ccdfx.mask_cosmic_rays(ELECTRON, noise=CCD),
    ),
    "a limit of zero sigma": (
        ArgumentError, "sigma_limit", lambda: ccdfx.mask_cosmic_rays(ONES, noise=CCD, sigma_limit=0),
    ),
    "an even window": (ArgumentError, "size", lambda: ccdfx.median_filter(ONES, size=4)),
    "a broadcast map": (
        MismatchError, "bad_pixels", lambda: ccdfx.mask_from(ONES, bad_pixels=np.zeros((2, 1), bool)),
    ),
    "a map that is a frame": (ArgumentError, "bad_pixels", lambda: ccdfx.calibrate(ONES, bad_pixels=ONES * 1000)),
}  # fmt: skip

RECORDS: dict[str, Mistake] = {
    "a shape with a fraction": (ArgumentTypeError, "ny of the shape", lambda: Image.filled((1.5, 2))),
    "a shape in words": (ArgumentTypeError, "shape", lambda: Image.filled("ab")),
    "a mask of floats": (ArgumentTypeError, "mask", lambda: Image(ONES, mask=ONES)),
    "a mask of another shape": (ArgumentError, "mask", lambda: Image(ONES, mask=[[1]])),
    "flags beyond 8 bits": (ArgumentError, "mask", lambda: Image(ONES, mask=np.full((2, 3), 256))),
    "a negative variance": (ArgumentError, "variance", lambda: Image(ONES, variance=-ONES)),
    "a variance of another shape": (ArgumentError, "variance", lambda: Image(ONES, variance=[[1.0]])),
    "a window of another shape": (ArgumentError, "range", lambda: Image(ONES, range=(0, 9, 0, 9))),
    "a window outside": (WindowError, "section", lambda: ccdfx.select(ONES, section=(0, 9, 0, 2))),
    "a window backwards": (ArgumentError, "range", lambda: Range(5, 2, 0, 1)),
    "a window in odd text": (ArgumentError, "range", lambda: Range.of("[1:2]", (9, 9))),
    "a window in endless text": (ArgumentError, "range", lambda: Range.of(f"[{'9' * 5000}:1,1:1]", (9, 9))),
    "a centre outside": (WindowError, "range", lambda: Range.of((20, 5, 2), (9, 9))),
    "half a pixel": (ArgumentTypeError, "x_lower", lambda: Range.of((0.5, 2, 0, 1), (9, 9))),
    "text that is none": (ArgumentError, "range", lambda: Range.from_fits(None)),
    "a header of a number": (ArgumentTypeError, "header", lambda: Image(ONES, 5)),
    "a header of lists": (ArgumentTypeError, "header keyword A", lambda: Header({"A": [1]})),
    "an absent keyword": (UnknownNameError, "keyword", lambda: Header({"EXPTIME": 1})["EXPTME"]),
    "a keyword that is a number": (ArgumentTypeError, "keyword", lambda: Header().set(5, 1)),
    "a comment that is absent": (UnknownNameError, "keyword", lambda: Header().comment("GAIN")),
    "HISTORY that is set": (ArgumentError, "keyword", lambda: Header().set("HISTORY", "x")),
    "a zero point in words": (ArgumentTypeError, "zero_point", lambda: ADU.replace(zero_point="bright")),
    "three pixel scales": (ArgumentTypeError, "pixel_scale", lambda: ADU.replace(pixel_scale=(1, 2, 3))),
    "a negative pixel scale": (ArgumentError, "pixel_scale", lambda: ADU.replace(pixel_scale=-0.4)),
    "a unit that is a number": (ArgumentTypeError, "unit", lambda: ADU.replace(unit=5)),
    "an unknown field": (ArgumentTypeError, "replace", lambda: ADU.replace(data=ONES)),
    "a WCS that contradicts itself": (
        ArgumentError, "header", lambda: Image(ONES, {"CTYPE1": "FOO--TAN", "CTYPE2": "DEC--TAN"}).wcs,
    ),
    "counts of no mask": (ArgumentTypeError, "mask", lambda: ccdfx.flag_counts(ONES)),
}  # fmt: skip

OPERATIONS: dict[str, Mistake] = {
    "no section": (ArgumentTypeError, "section", lambda: ccdfx.trim(ONES, section=None)),
    "a section outside": (WindowError, "section", lambda: ccdfx.trim(ONES, section="[1:9,1:2]")),
    "a part outside": (WindowError, "part", lambda: ccdfx.paste(ONES, part=np.ones((9, 9)))),
    "no overscan": (ArgumentTypeError, "overscan", lambda: ccdfx.subtract_overscan(ONES, overscan=None)),
    "an overscan outside": (
        WindowError, "overscan", lambda: ccdfx.subtract_overscan(ONES, overscan="[3:9,1:2]"),
    ),
    "an overscan twice": (
        ArgumentError, "overscan", lambda: ccdfx.subtract_overscan(ONES, overscan=["[3:3,1:2]"] * 2),
    ),
    "an unknown statistic": (
        ArgumentError, "statistic", lambda: ccdfx.subtract_overscan(ONES, overscan="[3:3,1:2]", statistic="mode"),
    ),
    "a statistic that returns text": (
        ArgumentTypeError, "statistic",
        lambda: ccdfx.subtract_overscan(ONES, overscan="[3:3,1:2]", statistic=lambda pixels: "low"),
    ),
    "a fit of too many terms": (
        ArgumentError, "fit", lambda: ccdfx.subtract_overscan(ONES, overscan="[3:3,1:2]", fit={"order": 9}),
    ),
    "a misspelt fit": (
        ArgumentTypeError, "fit", lambda: ccdfx.subtract_overscan(ONES, overscan="[3:3,1:2]", fit={"odrer": 2}),
    ),
    "an order in words": (ArgumentTypeError, "order", lambda: ccdfx.OverscanFit(order="3")),
    "a value to replace by": (ArgumentTypeError, "by", lambda: ccdfx.replace_masked(ONES, by="mean")),
    "a step that is NaN": (ArgumentError, "dx", lambda: ccdfx.shift(ONES, dx=np.nan, dy=0)),
    "a step in words": (ArgumentTypeError, "dy", lambda: ccdfx.shift(ONES, dx=0, dy="1")),
    "a step beyond the frame": (ArgumentError, "dx", lambda: ccdfx.shift(ONES, dx=3, dy=0)),
    "an unknown kernel": (UnknownNameError, "kernel", lambda: ccdfx.align([ONES, ONES], kernel="cubic")),
    "nothing to align": (ArgumentError, "images", lambda: ccdfx.align([])),
    "one image to align": (ArgumentTypeError, "images", lambda: ccdfx.align(ADU)),
    "a number to align": (ArgumentTypeError, "images", lambda: ccdfx.align(5)),
    "a reference that is not there": (ArgumentError, "reference", lambda: ccdfx.align([ONES], reference=3)),
    "frames of two shapes": (MismatchError, "images[1]", lambda: ccdfx.align([ONES, np.ones((9, 9))])),
    "a name that is no scaling": (ArgumentTypeError, "scaling", lambda: ccdfx.scale(ONES, scaling="log")),
    "a base of one": (ArgumentError, "base", lambda: scalings.log(1)),
    "a base in words": (ArgumentTypeError, "base", lambda: scalings.log("10")),
    "an end of the range in words": (ArgumentTypeError, "upper", lambda: scalings.log(upper="1")),
    "limits out of order": (ArgumentError, "maximum", lambda: scalings.log(10, minimum=5, maximum=1)),
    "half a range": (ArgumentError, "minimum, maximum", lambda: scalings.log(10, maximum=5)),
    "a softening of zero": (ArgumentError, "softening", lambda: scalings.asinh(0)),
    "a misspelt option": (ArgumentTypeError, "asinh", lambda: scalings.asinh().configure(soft=1)),
    "a negative read noise": (ArgumentError, "readnoise", lambda: noises.ccd_noise(gain=1, readnoise=-1)),
    "no noise model": (ArgumentTypeError, "model", lambda: ccdfx.variance_of(ONES, model="ccd")),
    "noise without numbers": (
        ArgumentTypeError, "rng", lambda: ccdfx.add_noise(ONES, model=noises.poisson_noise(), rng=None),
    ),
    "one sample": (
        ArgumentError, "samples", lambda: ccdfx.variance_of(ONES, model=noises.poisson_noise(), samples=1),
    ),
    "a clamp in words": (ArgumentTypeError, "floor", lambda: noises.poisson_noise().clamped("low")),
    "a clamp upside down": (ArgumentError, "floor, ceiling", lambda: noises.poisson_noise().clamped(2, 1)),
    "one flat": (ArgumentError, "flats", lambda: ccdfx.fit_noise([ONES], [ONES, ONES])),
    "no biases": (ArgumentTypeError, "biases", lambda: ccdfx.fit_noise([ONES, ONES], None)),
    "no variance to predict from": (ArgumentError, "image", lambda: ccdfx.predicted_noise(ONES)),
    "a limit in words": (ArgumentTypeError, "low", lambda: sigma_clipped(ONES, low="3")),
    "half a pass": (ArgumentTypeError, "iterations", lambda: sigma_clipped(ONES, iterations=1.5)),
    "flags for good": (ArgumentError, "good", lambda: median_of(ONES, good=[[1]])),
    "a start outside": (ArgumentError, "x", lambda: ccdfx.centroid(ONES, 9, 1, 2)),
    "a threshold of zero": (ArgumentError, "threshold", lambda: ccdfx.find_sources(ONES, threshold=0)),
    "stars wider than the frame": (ArgumentError, "fwhm", lambda: ccdfx.find_sources(ONES, fwhm=1e6)),
    "a radius of zero": (
        ArgumentError, "radius", lambda: ccdfx.aperture_photometry(ONES, [(1, 1)], radius=0),
    ),
    "a ring inside out": (
        ArgumentError, "annulus", lambda: ccdfx.aperture_photometry(ONES, [(1, 1)], radius=2, annulus=(5, 3)),
    ),
    "positions without x": (
        ArgumentTypeError, "positions",
        lambda: ccdfx.aperture_photometry(ONES, np.zeros(3, [("a", float)]), radius=2),
    ),
}  # fmt: skip

TEXTS_AND_FILES: dict[str, Mistake] = {
    "a misspelt step": (UnknownNameError, "step", lambda: ccdfx.step("trimm", section="[1:1,1:1]")),
    "a list as a name": (UnknownNameError, "scaling", lambda: registry.lookup("scaling", ["log"])),
    "a kind in the plural": (UnknownNameError, "kind", lambda: registry.records("scalings")),
    "a step that is a number": (ArgumentTypeError, "step", lambda: ccdfx.step(5)),
    "steps in a list": (ArgumentTypeError, "pipeline", lambda: ccdfx.pipeline([ccdfx.step("mask_invalid")])),
    "a step without its option": (ArgumentTypeError, "trim", lambda: ccdfx.step("trim")),
    "a recipe that is not there": (FileError, "nowhere.toml", lambda: ccdfx.read_recipe("nowhere.toml")),
    "a recipe of a number": (ArgumentTypeError, "recipe", lambda: ccdfx.read_recipe(5)),
    "a recipe with a null byte": (FileError, "a\\x00b", lambda: ccdfx.read_recipe("a\0b")),
    "a master that is a number": (
        FormatError, "a master frame", lambda: recipe("use = 'subtract_bias'\nbias = {file = 5}"),
    ),
    "a model that is a list": (
        UnknownNameError, "noise model", lambda: recipe("use = 'add_variance'\nnoise = {noise_model = [1]}"),
    ),
    "a recipe of no pipeline": (ArgumentTypeError, "recipe", lambda: ccdfx.to_recipe(None)),
    "a master without a file": (
        ArgumentError, "subtract_bias: option bias",
        lambda: ccdfx.to_recipe(ccdfx.pipeline(ccdfx.step("subtract_bias", bias=ONES))),
    ),
    "a file that is not there": (FileError, "nowhere.fits", lambda: ccdfx.read("nowhere.fits")),
    "a folder": (FileError, ".", lambda: ccdfx.read(".")),
    "an empty file": (FormatError, "<bytes>", lambda: ccdfx.read(b"")),
    "a path that is a number": (ArgumentTypeError, "path", lambda: ccdfx.read(5)),
    "bytes for a master": (ArgumentTypeError, "path", lambda: ccdfx.read_master(b"SIMPLE")),
    "an unknown suffix": (ArgumentError, "a.jpeg", lambda: ccdfx.write(ONES, "a.jpeg")),
    "an output that is none": (ArgumentTypeError, "path", lambda: ccdfx.write(ONES, None)),
    "an output with a null byte": (FileError, "a\\x00.fits", lambda: ccdfx.write(ONES, "a\0.fits")),
    "no image to write": (ArgumentError, "images", lambda: ccdfx.write([], "a.fits")),
}  # fmt: skip
MISTAKES = CALIBRATION | RECORDS | OPERATIONS | TEXTS_AND_FILES
# Where something is missing there is no value to show.
WITHOUT_VALUE = {
    "an unknown suffix",
    "a cube of biases", "a flat of zeros", "a negative flat", "a flat of NaN", "a flat that is all masked",
    "a masked flat for a function", "a ragged list", "a step without its option", "no variance to predict from",
    "a WCS that contradicts itself", "no image to write", "a file that is not there", "a folder", "an empty file",
    "a recipe that is not there", "a recipe with a null byte", "an output with a null byte",
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_refused_with_argument_value_rule_and_remedy(
    name: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kind, subject, mistake = MISTAKES[name]
    with pytest.raises(CcdfxError) as caught:
        mistake()
    error = caught.value
    assert type(error) is kind
    assert str(error).startswith(f"{subject}: ") and error.rule in str(error)
    assert error.remedy and str(error).endswith(error.remedy)
    assert "(got " in str(error) or name in WITHOUT_VALUE
    assert not list(tmp_path.iterdir())


def test_an_error_keeps_what_it_says_through_pickle_and_under_another_name() -> None:
    error = MismatchError("bias", "must fit", value=(1, 2), remedy="trim it")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.value) == (
        MismatchError,
        "bias: must fit (got (1, 2)); trim it",
        (1, 2),
    )
    assert str(error.about("dark")) == "dark: must fit (got (1, 2)); trim it"
    assert repr(error) == f"MismatchError({str(error)!r})"


@pytest.mark.parametrize(
    ("kind", "plain"),
    [(ArgumentError, ValueError), (ArgumentTypeError, TypeError), (FileError, OSError), (FormatError, ValueError),
     (OutputExistsError, FileExistsError), (UnknownNameError, KeyError), (UnknownNameError, LookupError)],
)  # fmt: skip
def test_an_error_is_also_the_plain_kind_that_scripts_catch(kind: type[CcdfxError], plain: type) -> None:
    error = kind("a", "must be b", remedy="c")
    assert isinstance(error, plain) and str(error) == "a: must be b; c"
    if isinstance(error, OSError):
        assert error.errno is None and error.filename is None
