"""average_sigma_clip against a plain restatement: first the sigma of each line, then its pixels one by one."""

from __future__ import annotations

import math
from itertools import takewhile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ccdfx
from ccdfx.kernels.rules import scaled
from ccdfx.kernels.stack import lanes as lanes_module
from ccdfx.operations.combining.blocks import division

# Any rule on any number of frames, few ones too.
pytestmark = pytest.mark.filterwarnings("ignore::ccdfx.CcdfxWarning")


def center_of(values, center, first):
    if center == "median":
        return float(np.median(values))
    return math.fsum(values[1:-1]) / (len(values) - 2) if first else math.fsum(values) / len(values)


def twin(line, low, high, center, keep, scales, zeros):
    """How many survive in each pixel of a line, and their mean; `line`: lists of (value, frame), sorted."""

    def weight(frame, c):
        return math.sqrt(max(1.0, (c + zeros[frame]) / scales[frame]))

    squares, number = 0.0, 0
    for pixel in line:
        if len(pixel) >= 3:
            c = center_of([x for x, _ in pixel], center, True)
            squares += math.fsum(((x - c) / weight(f, c)) ** 2 for x, f in pixel)
            number += len(pixel)
    sigma = math.sqrt(squares / (number - 1)) if number > 1 else 0.0
    found = []
    for pixel in line:
        kept, gone, first = list(pixel), [], True
        k = min(keep, len(pixel)) if keep >= 0 else max(0, len(pixel) + keep)
        while sigma > 0 and len(kept) >= max(3, k + 1):
            c = center_of([x for x, _ in kept], center, first)
            first = False
            far = {(x, f): (x - c) / (sigma * weight(f, c)) for x, f in kept}
            below, above = {v for v, d in far.items() if d < -low}, {v for v, d in far.items() if d > high}
            out = [*below, *above]
            if center == "median":  # both ends move inwards, up to the first value that stays
                out = [*takewhile(below.__contains__, kept), *takewhile(above.__contains__, kept[::-1])]
            gone = [(abs(far[v]), v) for v in out] + (gone if center == "median" else [])
            kept = [v for v in kept if v not in out]
            if not out:
                break
        gone.sort()
        while len(kept) < k:
            limit = gone[0][0] + 0.001
            kept += [v for d, v in gone if d <= limit]
            gone = [(d, v) for d, v in gone if d > limit]
        found.append([x for x, _ in kept])
    return found


@pytest.mark.parametrize("center", ["median", "mean"])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("keep", [0, 2])
@pytest.mark.parametrize("scaled", [False, True])
def test_it_equals_its_twin(center, count, keep, scaled):
    rng = np.random.default_rng(count)
    scales, zeros = [1.0, 0.5, 2.0, 4.0, 0.25, 1.5, 1.0][:count], [0.0, 3.0, -2.0, 0.0, 1.0, 5.0, 2.0][:count]
    level = rng.uniform(-5, 400, (4, 60))
    level[1] = 0.25
    arrays = [
        (s * (level + z) + rng.normal(0, 3, level.shape) * np.sqrt(4 + abs(level))).astype("f4")
        for s, z in zip(scales, zeros, strict=True)
    ]
    arrays[0][:, ::9] += 300
    masks = (rng.random((count, 4, 60)) < 0.1).astype(np.uint8)
    options = {"low": 2.0, "high": 2.5, "center": center, "keep": keep}
    frames = [ccdfx.Image(a, mask=m) for a, m in zip(arrays, masks, strict=True)]
    rule = ccdfx.average_sigma_clip(**options, scaled=scaled)
    result = ccdfx.stack(frames, reject=rule, scale=scales, zero=zeros)
    known = (scales, zeros) if scaled else ([1.0] * count, [0.0] * count)
    moved = [
        (a.astype("f8") / s - z).astype("f4").astype("f8")
        for a, s, z in zip(arrays, scales, zeros, strict=True)
    ]
    for y in range(4):
        line = [sorted((moved[j][y, i], j) for j in range(count) if not masks[j, y, i]) for i in range(60)]
        for i, kept in enumerate(twin(line, *options.values(), *known)):
            assert result.count[y, i] == len(kept), (y, i, line[i], kept)
            expected = math.fsum(kept) / len(kept) if kept else 0.0
            assert result.value[y, i] == pytest.approx(expected, rel=3e-7, abs=1e-5)
    assert result.rejected_high.any() or count < 3


@pytest.mark.parametrize("dtype", ["u2", ">i2", "f8"])
def test_the_bytes_do_not_depend_on_tiles_threads_or_blocks(dtype, monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(5):
        image = ccdfx.Image(
            rng.poisson(200, (37, 300)).astype(dtype), mask=(rng.random((37, 300)) < 0.05).astype(np.uint8),
            variance=rng.uniform(150, 250, (37, 300)).astype("f4"),
        )  # fmt: skip
        frames.append(image)
    rule = ccdfx.average_sigma_clip(low=2, high=2)
    for average in (ccdfx.mean(), ccdfx.median(), ccdfx.maximum()):
        expected = ccdfx.stack(frames, reject=rule, average=average)
        for threads, pixels, lanes in ((1, 300, 128), (2, 900, 320), (8, 2**18, 192)):
            monkeypatch.setattr(division, "TILE_PIXELS", pixels)
            monkeypatch.setattr(lanes_module, "block_lanes", lambda count, itemsize, lanes=lanes: lanes)
            with ccdfx.engine(threads=threads):
                got = ccdfx.stack(frames, reject=rule, average=average)
            monkeypatch.undo()
            for name in ("value", "variance", "count", "rejected_low", "rejected_high", "flags"):
                assert getattr(got, name).tobytes() == getattr(expected, name).tobytes(), name
    assert expected.rejected_high.any() and expected.rejected_low.any()


@pytest.mark.quick
def test_one_outlier_in_three_frames_goes():
    rng = np.random.default_rng(2)
    frames = [rng.poisson(100, (2, 500)).astype("f4") for _ in range(3)]
    frames[1][0, 7] = 1000
    result = ccdfx.stack(frames, reject=ccdfx.average_sigma_clip(low=4, high=4))
    assert result.rejected_high[0, 7] == 1 and result.rejected_high.sum() <= 3


def test_options_that_are_nonsense():
    for options in ({"center": "x"}, {"scaled": "no"}, {"low": 0}, {"keep": 0.5}):
        with pytest.raises((ccdfx.ArgumentError, ccdfx.ArgumentTypeError)):
            ccdfx.average_sigma_clip(**options)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([-500.0, 0.0, 3.0, 1000.0]), st.booleans())
def test_no_sigma_of_a_value_lies_below_the_bound_by_which_lanes_are_passed_over(seed, level, by_line):
    rng = np.random.default_rng(seed)
    n, lanes = 5, 8
    noise = np.zeros((n, 5))
    noise[:, 0], noise[:, 1] = rng.uniform(0.2, 4.0, n), rng.uniform(-900, 900, n)
    noise[:, 2] = 2.5 if by_line else 0.0
    values = np.sort(rng.normal(level, rng.choice([0.0, 1.0, 50.0]), (n, lanes)), axis=0)
    counts, bound = np.full(lanes, n, np.int32), np.empty(lanes)
    center = np.median(values, axis=0)
    scaled._store_bounds(values, counts, noise, center, bound)
    for i in range(lanes):
        weights = np.sqrt(np.maximum(1.0, (center[i] + noise[:, 1]) / noise[:, 0]))
        for frames in (np.arange(n), rng.permutation(n)):  # whichever frame a value comes from
            own = weights[frames]
            common = 2.5 if by_line else np.sqrt((((values[:, i] - center[i]) / own) ** 2).sum() / (n - 1))
            assert (bound[i] <= common * own).all()
