"""A product as its maker plans it."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from ccdfx.night.plan import plan_night
from ccdfx.night.products.camera import plan_cameras
from ccdfx.night.products.planned import Planned
from ccdfx.night.settings.choices import NightRecipe

from ..test_plan import biases, science


@pytest.mark.quick
def test_a_planned_product_is_an_image_of_the_whole_night_unless_it_says_otherwise():
    one = Planned(file="sky.fits", kind="sky", record=(1, 2))
    assert (one.setup, one.raw, one.needs, one.has_image) == (None, (), (), True)
    with pytest.raises(FrozenInstanceError):
        one.file = "other.fits"


@pytest.mark.quick
def test_makers_plan_with_setup_and_frames():
    plan = plan_night([*biases(), science()])
    (one,) = plan_cameras(plan, NightRecipe())
    assert (
        one.setup == plan.setups[0]
        and one.raw == plan.frames_of(one.setup)
        and one.record.label == one.setup.label
    )
