"""The calibration kernel against a plain numpy twin: every type, length, absent input, NaN and flag."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from ccdfx.kernels.image import calibrate as pixels
from ccdfx.kernels.image.bad_pixels import fill_from_neighbours
from ccdfx.records.flags import Flag

KINDS = [(np.uint16, np.float32), (np.int16, np.float32), (np.float32, np.float32), (np.float64, np.float64)]
LENGTHS = [1, 17, pixels.BLOCK_PIXELS - 1, pixels.BLOCK_PIXELS, 2 * pixels.BLOCK_PIXELS + 5]


def frozen(array):
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array


def twin(raw, masters, masks, variances, parameters, kind):
    """The definition, in whole-array numpy; absent inputs are None."""
    n = raw.size
    bias, dark, flat = masters
    x = raw.astype(kind)
    union = np.zeros(n, np.uint8)
    for mask in masks:
        union |= 0 if mask is None else mask
    union[x >= parameters["saturation"]] |= np.uint8(Flag.SATURATED)
    union[~np.isfinite(x)] |= np.uint8(Flag.NO_DATA)
    variance = np.zeros(n, kind) if variances[0] is None else variances[0].copy()
    for master, own, scale, noisy in (
        (bias, variances[1], 1.0, True),
        (dark, variances[2], parameters["scale"], False),
    ):
        if master is not None:
            known = np.isfinite(master)
            x[known] = x[known] - kind(scale) * master[known]
            union[~known] |= np.uint8(Flag.BAD_PIXEL)
            if own is not None:
                variance[known] += kind(scale) ** 2 * own[known]
            if master is bias and own is not None:
                both, alone, _ = parameters["bias parts"]
                usable = known if dark is None else known & np.isfinite(dark)
                variance[usable] += kind(both - alone) * own[usable]
            elif master is dark and own is not None and variances[1] is not None:
                common = kind(parameters["bias parts"][2]) * variances[1]
                variance[known] -= kind(scale) ** 2 * np.minimum(common, own)[known]
        if noisy and parameters["noise"] is not None:
            gain, readnoise, sensitivity = parameters["noise"]
            noise = (
                np.maximum(x, 0) / kind(gain) + kind((readnoise / gain) ** 2) + (kind(sensitivity) * x) ** 2
            )
            variance += np.where(np.isfinite(x), noise, np.nan)
    if flat is not None:
        f = flat / kind(parameters["level"])
        sound = np.isfinite(f) & (f >= pixels.DARKEST_FLAT)
        if masks[4] is not None:
            sound &= masks[4] == 0
        union[~sound] |= np.uint8(Flag.BAD_PIXEL)
        x[sound] = x[sound] / f[sound]
        if variances[3] is not None:
            relative = variances[3][sound] / kind(parameters["level"]) ** 2
            variance[sound] += np.where(np.isfinite(x[sound]), x[sound] ** 2 * relative, 0)
        variance[sound] = variance[sound] / f[sound] ** 2
    gain = kind(parameters["gain"])
    return x * gain, union, variance * gain**2


def run_kernel(raw, masters, masks, variances, parameters, kind, wants_variance):
    vector = np.ones(pixels.PARAMETERS)
    vector[pixels.SATURATION] = parameters["saturation"]
    vector[pixels.DARK_SCALE] = parameters["scale"]
    vector[pixels.FLAT_LEVEL] = parameters["level"]
    vector[pixels.GAIN] = parameters["gain"]
    vector[pixels.NOISE] = parameters["noise"] is not None
    parts = [pixels.BIAS_PART, pixels.BIAS_ALONE, pixels.BIAS_IN_DARK]
    vector[parts] = parameters.get("bias parts", (1.0, 1.0, 0.0))
    if parameters["noise"]:
        vector[[pixels.NOISE_GAIN, pixels.NOISE_READ, pixels.NOISE_SENSITIVITY]] = parameters["noise"]
    zeros, ones = pixels.ZEROS[np.dtype(kind)], pixels.ONES[np.dtype(kind)]
    out, mask = np.empty(raw.size, kind), np.empty(raw.size, np.uint8)
    variance = np.empty(raw.size if wants_variance else 0, kind)
    union = pixels.calibrate_pixels(
        frozen(raw),
        tuple(
            absent if m is None else frozen(m)
            for m, absent in zip(masters, (zeros, zeros, ones), strict=True)
        ),
        tuple(pixels.NO_MASK if m is None else frozen(m) for m in masks),
        tuple(zeros if v is None else frozen(v) for v in variances),
        frozen(vector),
        out,
        mask,
        variance,
    )
    assert union == np.bitwise_or.reduce(mask)
    return out, mask, variance


def case(rng, n, source, kind, given):
    """Random inputs of which `given` says which are there; floats hold some NaN, infinities and zeros."""
    raw = (
        rng.uniform(0, 60000, n).astype(source)
        if source != np.int16
        else rng.integers(-300, 30000, n, np.int16)
    )
    spoil = lambda a: np.where(rng.random(n) < 0.02, rng.choice([np.nan, np.inf, -np.inf], n), a).astype(kind)  # noqa: E731
    if np.dtype(source).kind == "f":
        raw = spoil(raw).astype(source)
    masters = (
        spoil(rng.normal(300, 5, n)),
        spoil(rng.normal(5, 1, n)),
        spoil(np.where(rng.random(n) < 0.05, rng.choice([0.0, -1.0, 1e-9], n), rng.normal(2.0, 0.1, n))),
    )
    masks = tuple(rng.choice(np.array([0, 0, 0, 1, 8, 64], np.uint8), n) for _ in range(5))
    variances = tuple(rng.uniform(0, 9, n).astype(kind) for _ in range(4))
    masters = tuple(m if there else None for m, there in zip(masters, given, strict=True))
    present = (True, True, *given)
    masks = tuple(
        m if there and rng.random() < 0.6 else None for m, there in zip(masks, present, strict=True)
    )
    variances = tuple(
        v if there and rng.random() < 0.6 else None
        for v, there in zip(variances, (True, *given), strict=True)
    )
    return raw, masters, masks, variances


@pytest.mark.quick
@pytest.mark.parametrize(("source", "kind"), KINDS, ids=lambda k: np.dtype(k).name)
@pytest.mark.parametrize("n", LENGTHS)
def test_kernel_equals_its_twin(source, kind, n):
    rng = np.random.default_rng(n)
    rtol = 3e-6 if kind == np.float32 else 1e-14
    for given, noisy in product(product((True, False), repeat=3), (True, False)):
        raw, masters, masks, variances = case(rng, n, source, kind, given)
        parameters = {
            "saturation": 25000.0 if noisy else np.nan,
            "scale": 2.5,
            "level": 2.03 if given[2] else 1.0,
            "gain": 1.7 if noisy else 1.0,
            "noise": (1.7, 4.0, 0.01) if noisy else None,
            "bias parts": (0.4, 1.0, 0.7) if noisy else (1.0, 1.0, 0.0),
        }
        with np.errstate(all="ignore"):
            expected = twin(raw, masters, masks, variances, parameters, kind)
        found = run_kernel(raw, masters, masks, variances, parameters, kind, True)
        # Where bias and signal cancel, only the rounding of the terms remains.
        np.testing.assert_allclose(found[0], expected[0], rtol=rtol, atol=rtol * 1e3, equal_nan=True)
        np.testing.assert_array_equal(found[1], expected[1])
        np.testing.assert_allclose(found[2], expected[2], rtol=10 * rtol, equal_nan=True)
        alone = run_kernel(raw, masters, masks, variances, parameters, kind, False)
        np.testing.assert_array_equal(alone[0], found[0])
        np.testing.assert_array_equal(alone[1], found[1])


def test_the_kernel_knows_the_flags_of_the_records():
    assert (pixels.FLAG_BAD_PIXEL, pixels.FLAG_SATURATED, pixels.FLAG_NO_DATA) == (
        Flag.BAD_PIXEL,
        Flag.SATURATED,
        Flag.NO_DATA,
    )


@pytest.mark.quick
def test_where_a_run_is_cut_does_not_matter():
    rng = np.random.default_rng(5)
    n = 3 * pixels.BLOCK_PIXELS
    raw, masters, masks, variances = case(rng, n, np.uint16, np.float32, (True, True, True))
    parameters = {"saturation": 3e4, "scale": 1.5, "level": 2.0, "gain": 1.1, "noise": (1.1, 3.0, 0.0)}
    whole = run_kernel(raw, masters, masks, variances, parameters, np.float32, True)
    cuts = [0, 1, 1000, pixels.BLOCK_PIXELS, n - 7, n]
    for a, b in pairwise(cuts):
        cut = lambda items: tuple(None if i is None else i[a:b] for i in items)  # noqa: B023, E731
        part = run_kernel(raw[a:b], cut(masters), cut(masks), cut(variances), parameters, np.float32, True)
        for piece, everything in zip(part, whole, strict=True):
            np.testing.assert_array_equal(piece, everything[a:b])


def test_one_compiled_kernel_serves_every_choice_of_inputs():
    before = len(pixels.calibrate_pixels.signatures)
    rng = np.random.default_rng(6)
    parameters = {"saturation": np.nan, "scale": 1.0, "level": 1.0, "gain": 1.0, "noise": None}
    for given in product((True, False), repeat=3):
        run_kernel(*case(rng, 30, np.uint16, np.float32, given), parameters, np.float32, True)
    assert len(pixels.calibrate_pixels.signatures) <= before + 1


def neighbours(values, bad, otherwise):
    filled = []
    for y, x in np.argwhere(bad):
        for radius in (2, 4, 8, 16):
            box = np.s_[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
            good = values[box][~bad[box]]
            if good.size >= 3:
                filled.append(np.median(good))
                break
        else:
            filled.append(otherwise)
    return np.array(filled)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.9, 0.995])
def test_filling_from_neighbours_equals_its_twin(kind, share):
    rng = np.random.default_rng(7)
    values = rng.normal(100, 5, (40, 55)).astype(kind)
    bad = rng.random(values.shape) < share
    if share == 0.995:
        bad[:, 10:] = True
    values[bad] = np.nan
    found = fill_from_neighbours(values, bad, -1.0)
    np.testing.assert_allclose(found, neighbours(values, bad, -1.0), rtol=1e-6)
