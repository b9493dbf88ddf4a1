"""The instrument files of ccdfx: where they are, and what they make of the headers of their cameras."""

from __future__ import annotations

from pathlib import Path

import pytest

import ccdfx
from ccdfx.night.instruments.known import builtin_instruments

ROOT = Path(ccdfx.__file__).parents[1]


@pytest.mark.quick
def test_a_wheel_has_every_file_and_each_file_is_named_as_its_instrument() -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel")
    packed = {
        Path(item.distribution_path)
        for item in wheel.WheelBuilder(str(ROOT)).recurse_included_files()
        if item.distribution_path.startswith("ccdfx/night/instruments/descriptions/")
    }
    assert sorted(path.name for path in packed) == sorted(f"{one.name}.toml" for one in builtin_instruments())
