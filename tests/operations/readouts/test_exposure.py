"""Exposures of several readouts: the assembled image is the truth, and the same whole, by rows, and step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_readouts import NX, Detector, side_by_side

from ccdfx import ArgumentError, MismatchError
from ccdfx.noise import poisson_noise
from ccdfx.operations.calibration.calibrate import add_variance
from ccdfx.operations.calibration.electrons import to_electrons
from ccdfx.operations.calibration.overscan import subtract_overscan
from ccdfx.operations.pixels.flag import mask_saturated
from ccdfx.operations.readouts.assembly import assemble
from ccdfx.operations.readouts.crosstalk import subtract_crosstalk
from ccdfx.operations.readouts.exposure import assemble_exposure, plan_assembly
from ccdfx.operations.readouts.linearise import linearise
from ccdfx.operations.readouts.linearity import Linearity
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.history import has_partial_variance
from ccdfx.records.image import Image
from ccdfx.records.range import Range

LAYOUTS = [(2, 1), (2, 2), (8, 2)]


def light(detector: Detector, seed: int) -> np.ndarray:
    """A sky that differs from place to place, and stars, the brightest of them 60,000 e-."""
    rng = np.random.default_rng(seed)
    ny, nx = detector.shape
    electrons = 300.0 + 50.0 * np.sin(np.arange(nx) / 17.0) + np.arange(ny)[:, None]
    electrons[rng.integers(0, ny, 40), rng.integers(0, nx, 40)] += rng.uniform(5e3, 6e4, 40)
    return electrons


@pytest.mark.quick
@pytest.mark.parametrize(("columns", "rows"), LAYOUTS)
def test_the_assembled_image_is_the_truth(columns: int, rows: int) -> None:
    """Levels, gains, flips and crosstalk are all undone: without noise nothing but rounding is left."""
    detector = Detector(columns, rows, crosstalk=1e-3)
    truth = light(detector, 3)
    images = detector.read(truth, np.random.default_rng(5), noise=False)
    done = assemble_exposure(images, readouts=detector.readouts)
    ghosts = assemble_exposure(images, readouts=[replace(one, crosstalk=()) for one in detector.readouts])
    seen = np.abs(ghosts.array - truth)
    assert done.unit == "electron" and done.shape == detector.shape and done.header["CALSTAT"] == "O"
    assert seen.max() > 20.0
    # What is left is of second order: the crosstalk of crosstalk.
    assert np.abs(done.array - truth).max() < 0.02 * seen.max()
    assert not done.mask.any()


@pytest.mark.parametrize(("columns", "rows"), LAYOUTS)
def test_the_noise_is_that_of_the_variance(columns: int, rows: int) -> None:
    detector = Detector(columns, rows, ny=96, nx=64)
    rng = np.random.default_rng(columns)
    truth = np.full(detector.shape, 400.0)
    images = detector.read(rng.poisson(truth), rng)
    done = assemble_exposure(images, readouts=detector.readouts)
    done = add_variance(done, noise=poisson_noise())
    assert not has_partial_variance(done.header)
    pulls = (done.array - truth) / np.sqrt(done.variance)
    assert abs(pulls.std() - 1.0) < 0.03
    for one in detector.readouts:
        part = pulls[one.place.slices]
        assert abs(part.mean()) < 5 / np.sqrt(part.size / 4) and abs(part.std() - 1.0) < 0.06


LAWS = {
    "none": None,
    "polynomial": Linearity(polynomial=(1.0, 1e-6), limit=50000.0),
    "table": Linearity(table=[(0.0, 0.0), (20000.0, 20400.0), (50000.0, 52500.0)]),
}


@pytest.mark.parametrize("kind", LAWS)
def test_any_rows_are_those_of_the_whole_and_of_the_steps_one_by_one(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    law, corrected = LAWS[kind], kind != "none"
    detector = Detector(2, 2, crosstalk=5e-4 if corrected else 0.0)
    readouts = tuple(replace(one, linearity=law) for one in detector.readouts)
    truth = light(detector, 4)
    truth[5, 7] = truth[30, 50] = 1e6  # saturated
    images = detector.read(truth, np.random.default_rng(6))
    joined, beside = side_by_side(replace(detector), images)
    beside = tuple(replace(one, linearity=law) for one in beside)
    whole = assemble_exposure(images, readouts=readouts)
    in_one = assemble_exposure(joined, readouts=beside)
    source = plan_assembly([joined] * 4, readouts=beside)
    monkeypatch.setattr("ccdfx.operations.readouts.corrections._BAND_PIXELS", 20 * NX)  # many bands
    part = source.select(Range(9, 50, 20, 31))
    banded = source.select()
    by_steps = [
        subtract_overscan(
            mask_saturated(image, saturation=one.saturation), overscan=one.bias, axis="rows"
        ).select(one.data)
        for image, one in zip(images, readouts, strict=True)
    ]
    if corrected:
        by_steps = subtract_crosstalk(by_steps, matrix=[one.crosstalk for one in readouts], readouts=readouts)
        by_steps = [
            linearise(image, polynomial=law.polynomial, table=law.table, limit=law.limit)
            for image in by_steps
        ]
    steps = assemble(
        [to_electrons(one, gain=r.gain) for one, r in zip(by_steps, readouts, strict=True)], readouts=readouts
    )
    assert ((whole.mask & 4) > 0).sum() == 2 and ((whole.mask & 2) > 0).any() == corrected
    for other, cut in ((in_one, ...), (banded, ...), (part, (slice(20, 31), slice(9, 50)))):
        assert np.array_equal(other.array, whole.array[cut]) and np.array_equal(other.mask, whole.mask[cut])
        assert np.array_equal(other.variance, whole.variance[cut])
    assert np.array_equal(steps.mask, whole.mask)
    np.testing.assert_allclose(steps.array, whole.array, rtol=1e-6, atol=1e-3)
    read_noise = assemble(
        [Image(np.full(one.data.shape, one.readnoise**2)) for one in readouts], readouts=readouts
    )
    if not corrected:  # the read noise is that of the amplifier, after linearity
        np.testing.assert_allclose(steps.variance + read_noise.array, whole.variance, rtol=1e-5)


def test_a_level_of_columns_gaps_and_the_unit_of_unknown_gains() -> None:
    detector = Detector(2, 1)
    (one, two) = detector.readouts
    raw = np.full((12, 10), 100.0) + np.arange(10)
    raw[:8] += 7.0
    above = Readout(
        name="A", window=Range(0, 10, 0, 12), data=Range(0, 10, 0, 8), bias=(Range(0, 10, 8, 12),),
        place=Range(2, 12, 1, 9), flip_x=True,
    )  # fmt: skip
    done = assemble_exposure([raw], readouts=[above], shape=(10, 13))
    assert done.unit is None and done.shape == (10, 13)
    np.testing.assert_allclose(done.array[1:9, 2:12], 7.0)
    gaps = np.ones((10, 13), bool)
    gaps[1:9, 2:12] = False
    assert np.array_equal(done.mask == 16, gaps) and np.isnan(done.array[gaps]).all()
    mixed = assemble_exposure(detector.read(np.full(detector.shape, 90.0), np.random.default_rng(1), noise=False),
                              readouts=[one, replace(two, gain=None)])  # fmt: skip
    assert mixed.unit == "adu" and mixed.array[one.place.slices].mean() == pytest.approx(90.0 / one.gain)


def test_the_position_on_the_sky_stays() -> None:
    """The WCS is that of the first readout, turned round with it."""
    detector = Detector(2, 2)
    first = replace(detector.readouts[3], crosstalk=())  # both flips
    header = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 12.0, "CRPIX2": 3.0, "CRVAL1": 10.0, "CRVAL2": 20.0,
              "CD1_1": -1e-4, "CD1_2": 2e-5, "CD2_1": 2e-5, "CD2_2": 1e-4, "EXTNAME": "A3", "BIASSEC": "[1:2,1:2]"}  # fmt: skip
    image = Image(np.zeros(first.window.shape), header)
    done = assemble_exposure([image], readouts=[first])
    x, y = first.data.x_lower + 4, 6
    there = (first.place.x_upper - 1 - 4, first.place.y_upper - 1 - 6)
    np.testing.assert_allclose(
        done.wcs.wcs_pix2world([there], 0), image.wcs.wcs_pix2world([(x, y)], 0), rtol=1e-12
    )
    assert not {"EXTNAME", "BIASSEC"} & set(done.header)
    again = assemble([image.select(first.data)], readouts=[first])
    np.testing.assert_allclose(
        again.wcs.wcs_pix2world([there], 0), image.wcs.wcs_pix2world([(x, y)], 0), rtol=1e-12
    )


@pytest.mark.quick
def test_a_detector_has_no_sections_of_its_readouts_and_keeps_its_binning() -> None:
    first = Detector(2, 1).readouts[0]
    cards = {
        "CCDSUM": "2 2",
        "NEXTEND": 2,
        "DSEC11": "[1:4,1:4]",
        "BIASSECA": "[5:6,1:4]",
        "DETSECA": "[1:8,1:8]",
    }
    image = Image(np.zeros(first.window.shape), {**cards, "SECPIX": 0.4, "GAINA": 2.0})
    kept = set(assemble([image], readouts=[first]).header)
    assert kept == {"CCDSUM", "SECPIX", "GAINA"}


def test_contradictions_are_refused() -> None:
    detector = Detector(2, 1)
    one, two = detector.readouts
    images = detector.read(np.zeros(detector.shape), np.random.default_rng(1))
    with pytest.raises(ArgumentError, match=r"place of readout A1: must not overlap that of A0"):
        assemble_exposure(images, readouts=[one, replace(two, place=one.place)])
    with pytest.raises(ArgumentError, match="different names"):
        assemble_exposure(images, readouts=[one, replace(two, name="A0")])
    with pytest.raises(ArgumentError, match="of one detector"):
        assemble_exposure(images, readouts=[one, replace(two, detector="2")])
    with pytest.raises(MismatchError, match="window of readout A0: must lie inside its image"):
        assemble_exposure([images[0].array[:, 5:], images[1]], readouts=[one, two])
    with pytest.raises(ArgumentError, match="crosstalk of readout A0: must have 2 numbers"):
        assemble_exposure(images, readouts=[replace(one, crosstalk=(0.0,)), two])
    with pytest.raises(ArgumentError, match="0 on its diagonal"):
        assemble_exposure(images, readouts=[replace(one, crosstalk=(0.1, 0.0)), two])
    with pytest.raises(ArgumentError, match="place of readout A1: must lie in the detector of 40 x 24"):
        assemble(images, readouts=[one, two], shape=(24, 40))
    done = assemble_exposure(images, readouts=[one, two])
    whole = replace(one, window=Range.whole(done.shape), data=Range(0, 9, 0, 9), place=Range(0, 9, 0, 9),
                    bias=(Range(20, 30, 0, 24),))  # fmt: skip
    with pytest.raises(MismatchError, match="overscan"):
        assemble_exposure([done], readouts=[whole])
