"""Steps that are applied twice are refused, by cards of this and other programs; `again` overrides."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx
from ccdfx import Image, MismatchError

PLANE = np.full((10, 12), 5.0)
STEPS = {
    "overscan": lambda image, **more: ccdfx.subtract_overscan(image, overscan="[10:12,1:10]", **more),
    "bias": lambda image, **more: ccdfx.subtract_bias(image, bias=PLANE, **more),
    "dark": lambda image, **more: ccdfx.subtract_dark(image, dark=PLANE, **more),
    "flat": lambda image, **more: ccdfx.divide_flat(image, flat=PLANE, **more),
}
FUSED = {
    name: lambda image, name=name, **more: ccdfx.calibrate(image, **{name: PLANE}, **more)
    for name in ("bias", "dark", "flat")
}
CARDS = {
    "overscan": ("OVERSCAN", "Overscan section is [1:9,1:9] with mean=300"),
    "bias": ("ZEROCOR", "Zero level correction image is Zero"),
    "dark": ("DARKCOR", "Dark count correction image is Dark"),
    "flat": ("FLATCOR", "Flat field image is FlatV with scale=1"),
}


@pytest.mark.quick
@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_not_applied_twice(name) -> None:
    once = STEPS[name](Image(PLANE))
    with pytest.raises(
        MismatchError, match=rf"image: must not have had the {name} .* before .*CALSTAT = '{name[0].upper()}'"
    ):
        STEPS[name](once)
    twice = STEPS[name](once, again=True)
    plain = STEPS[name](once.replace(header={}))
    assert np.array_equal(twice.array, plain.array), "asked for, it is applied"
    for other in STEPS.keys() - {name}:
        STEPS[other](once)


@pytest.mark.parametrize("name", FUSED)
def test_one_pass_refuses_what_the_steps_refuse(name) -> None:
    for done in (FUSED[name](Image(PLANE)), STEPS[name](Image(PLANE))):
        with pytest.raises(MismatchError, match=f"{name} .* before"):
            FUSED[name](done)
        with pytest.raises(MismatchError, match=f"{name} .* before"):
            STEPS[name](done)
        FUSED[name](done, again=True)


@pytest.mark.parametrize("name", STEPS)
def test_cards_of_other_programs_count(name) -> None:
    keyword, value = CARDS[name]
    frame = Image(PLANE, {keyword: value})
    with pytest.raises(MismatchError, match=keyword) as caught:
        STEPS[name](frame)
    assert value in str(caught.value) and "again=True" in str(caught.value)
    STEPS[name](frame, again=True)


def test_one_pass_records_what_the_steps_record() -> None:
    image = Image(PLANE)
    steps = STEPS["flat"](STEPS["dark"](STEPS["bias"](image)))
    fused = ccdfx.calibrate(image, bias=PLANE, dark=PLANE, flat=PLANE)
    assert steps.header["CALSTAT"] == fused.header["CALSTAT"] == "BDF"


def test_pipelines_refuse_too() -> None:
    twice = ccdfx.pipeline(*[ccdfx.step(ccdfx.subtract_bias, bias=Image(PLANE))] * 2)
    with pytest.raises(MismatchError, match="bias"):
        twice(Image(PLANE))
    again = ccdfx.step(ccdfx.subtract_bias, bias=Image(PLANE), again=True)
    assert again(again(Image(PLANE))).array[0, 0] == -5.0


def test_an_average_of_calibrated_frames_is_calibrated() -> None:
    frames = [STEPS["bias"](Image(PLANE)) for _ in range(3)]
    with pytest.raises(MismatchError, match="before"):
        STEPS["bias"](ccdfx.combine(frames, reject=None))
