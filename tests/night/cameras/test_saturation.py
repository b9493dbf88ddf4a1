"""The saturation that a night finds in its raw frames."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from ccdfx.io import read
from ccdfx.night.frames.scan import scan
from ccdfx.night.run import reduce_night
from ccdfx.records.flags import Flag


def read_out(folder, bits, step=1, **cards):
    """Pass all frames through a converter of so many bits; return the exposed pixels at its limit by file."""
    top, found = (2**bits - 1) * step, {}
    for path in sorted(folder.iterdir()):
        with fits.open(path) as file:
            data, header = file[0].data.astype(int), file[0].header
        header.update(cards)
        data = (data.clip(0, 2**bits - 1) * step).astype(np.uint16)
        fits.PrimaryHDU(data, header).writeto(path, overwrite=True)
        found[path.stem] = data[:, :120] == top
    return found


def bright_night(camera, peak=20.0):
    camera.fluxes = camera.fluxes * peak
    camera.biases(3)
    camera.science("s.fits")
    camera.science("t.fits", object="other", dx=2.0)


@pytest.mark.quick
@pytest.mark.parametrize(("bits", "step"), [(14, 1), (14, 4), (12, 16)])
def test_every_saturated_star_is_flagged(camera, out, bits, step):
    bright_night(camera)
    truth = read_out(camera.folder, bits, step, GAIN=2.0 / step)
    assert truth["s"].sum() > 50
    facts = reduce_night(camera.folder, out).facts
    (noise,) = facts["noise"]
    assert (noise["saturation"], noise["saturation_source"]) == ((2**bits - 1) * step, "raw frames")
    for name in ("s", "t"):
        mask = read(out / f"calibrated/{name}.fits").mask
        assert np.array_equal((mask & Flag.SATURATED) != 0, truth[name])


def test_bits_of_the_header_tell_the_limit_where_nothing_saturates(camera, out):
    bright_night(camera, peak=1.0)
    read_out(camera.folder, 14, BITDEPTH=14)
    (noise,) = reduce_night(camera.folder, out).facts["noise"]
    assert (noise["saturation"], noise["saturation_source"]) == (16383.0, "raw frames")


def test_the_greatest_value_present_is_no_saturation(camera, out):
    bright_night(camera, peak=1.0)
    for path in camera.folder.iterdir():
        with fits.open(path, mode="update") as file:
            file[0].header["DATAMAX"] = float(file[0].data.max())
    (noise,) = reduce_night(camera.folder, out).facts["noise"]
    assert noise["saturation"] == 65535
    assert not (read(out / "calibrated/s.fits").mask & Flag.SATURATED).any()


@pytest.mark.parametrize(("dtype", "level"), [(np.uint16, 65535), (np.int32, None)])
def test_the_limit_of_16_bits_is_none_of_frames_of_32(dtype, level, camera):
    camera.science("s.fits")
    with fits.open(camera.folder / "s.fits", mode="update") as file:
        file[0].data = file[0].data.astype(dtype)
    (frame,) = scan(camera.folder)
    assert (frame.saturation and frame.saturation.value) == level


@pytest.mark.parametrize(
    ("stated", "step", "level", "said"),
    [(12_000.0, 1, 12_000.0, False), (60_000.0, 1, 16_383.0, True), (15_000.0, 4, 60_000.0, True)],
)
def test_what_a_header_states_holds_unless_the_frames_belie_it(camera, out, stated, step, level, said):
    """Of shifted values, a header may state the number of the converter."""
    bright_night(camera)
    read_out(camera.folder, 14, step, SATURATE=stated, GAIN=2.0 / step)
    facts = reduce_night(camera.folder, out).facts
    assert facts["noise"][0]["saturation"] == level
    assert any(f"not at the {stated:g} of the header" in text for text in facts["warnings"]) == said
