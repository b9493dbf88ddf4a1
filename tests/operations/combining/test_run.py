"""What becomes of every value: the maps of rejected frames and exposure, flags that count, growth, rules and averages in Python."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

import ccdfx
from ccdfx.operations.rejection.rule import Arrangement, Rejection
from ccdfx.records.parameters import frozen

SHAPE = (15, 21)


def noisy(count, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(1000, 10, SHAPE).astype("f4") for _ in range(count)]


def hit(count=7, seed=0):
    frames = noisy(count, seed)
    frames[2][7, 10] += 5000
    frames[4][3, 3] -= 900
    return frames


# ---- which frames, and for how long ----


@pytest.mark.quick
def test_the_frames_that_were_rejected_are_known():
    frames = hit(11)
    result = ccdfx.stack(frames, follow=True)
    assert result.rejected_in(2)[7, 10] and not result.rejected_in(3)[7, 10]
    assert result.rejected_in(4)[3, 3]
    total = sum(result.rejected_in(j).astype(int) for j in range(11))
    assert np.array_equal(total, result.rejected_low + result.rejected_high)
    assert np.array_equal(result.value, ccdfx.stack(frames).value)


@pytest.mark.parametrize("frame", [-1, 11, 2.5])
def test_a_frame_that_is_not_there(frame):
    with pytest.raises(ccdfx.CcdfxError, match="frame"):
        ccdfx.stack(noisy(11), follow=True).rejected_in(frame)


def test_nothing_is_followed_unless_asked():
    with pytest.raises(ccdfx.ArgumentError, match="follow=True"):
        ccdfx.stack(noisy(3)).rejected_in(0)


@pytest.mark.quick
@pytest.mark.parametrize("times", [[10.0] * 7, [1.0, 2, 4, 8, 16, 32, 64]])
def test_exposure_is_that_of_the_survivors(times):
    frames = [ccdfx.Image(frame, header={"EXPTIME": time}) for frame, time in zip(hit(), times, strict=True)]
    result = ccdfx.stack(frames)
    assert result.exposure[7, 10] == sum(times) - times[2]
    assert result.exposure[3, 3] == sum(times) - times[4]
    assert result.exposure[result.count == 7] == pytest.approx(sum(times))


def test_frames_without_weight_expose_nothing():
    frames = [ccdfx.Image(frame, header={"EXPTIME": 5.0}) for frame in noisy(4)]
    result = ccdfx.stack(frames, weights=[1, 0, 1, 1], reject=None)
    assert (result.exposure == 15).all()


def test_no_exposure_without_exposure_times():
    frames = [ccdfx.Image(noisy(1)[0], header={"EXPTIME": 5.0}), noisy(1, 2)[0]]
    assert ccdfx.stack(frames, reject=None).exposure is None


# ---- which flags count ----


def test_flags_that_do_not_count_leave_values_in_and_stay():
    mask = np.zeros(SHAPE, np.uint8)
    mask[0, 0], mask[1, 1] = ccdfx.Flag.NONLINEAR, ccdfx.Flag.SATURATED | ccdfx.Flag.NONLINEAR
    frames = [ccdfx.Image(noisy(1)[0], mask=mask), *noisy(2, 5)]
    counted = ccdfx.Flag(255) & ~ccdfx.Flag.NONLINEAR
    result = ccdfx.stack(frames, reject=None, flags=counted)
    assert result.count[0, 0] == 3 and result.count[1, 1] == 2
    assert result.flags[0, 0] == ccdfx.Flag.NONLINEAR and result.flags[1, 1] == 6  # saturated passes
    assert not result.flags[2:].any()
    assert ccdfx.stack(frames, reject=None).count[0, 0] == 2


def test_where_there_is_no_data_there_is_no_value_whatever_flags_count(tmp_path):
    """In memory a pixel without data holds some number, which is not in the file."""
    paths = []
    for level in (10, 30):
        hdu = fits.PrimaryHDU(np.array([[level, level, 7]], "i2"))
        hdu.header["BLANK"] = 7 if level == 30 else 10
        paths.append(tmp_path / f"{level}.fits")
        hdu.writeto(paths[-1])
    for frames in (ccdfx.open_frames(paths), [ccdfx.read(path) for path in paths]):
        result = ccdfx.stack(frames, reject=None, flags=ccdfx.Flag.SATURATED)
        assert result.value.tolist() == [[30, 30, 7]] and result.count.tolist() == [[1, 1, 1]]
        assert not result.flags.any()


def test_flags_must_be_flags():
    with pytest.raises(ccdfx.CcdfxError, match="flags"):
        ccdfx.combine(noisy(3), flags=-1)
    with pytest.raises(ccdfx.CcdfxError, match="flags"):
        ccdfx.combine(noisy(3), flags="SATURATED")
    with pytest.raises(ccdfx.ArgumentError, match="flags: must be at most 255"):
        ccdfx.combine(noisy(3), flags=256)


# ---- rules in Python ----


def rule(select, grow=0.0):
    """A rule as a plugin writes it."""

    def arrange(parameters, facts):
        return Arrangement(select=select)

    return Rejection("mine", lambda **options: rule(select, **options), arrange, frozen({"grow": grow}))


def greatest(values):
    """Rejects the greatest value of each pixel."""
    return values.filled(-np.inf) == values.filled(-np.inf).max(axis=0)


@pytest.mark.quick
def test_a_rule_in_python_has_the_rights_of_a_compiled_one():
    frames = noisy(6)
    expected = ccdfx.stack(frames, reject=ccdfx.minmax(low=0, high=1), average=ccdfx.median(), follow=True)
    got = ccdfx.stack(frames, reject=rule(greatest), average=ccdfx.median(), follow=True)
    for name in ("value", "count", "rejected_low", "rejected_high", "flags", "rejects"):
        assert np.array_equal(getattr(got, name), getattr(expected, name)), name


def test_what_is_missing_is_masked_for_a_rule_in_python():
    frames = noisy(6)
    frames[0][5, 5] = np.nan
    result = ccdfx.stack(frames, reject=rule(greatest))
    assert result.count[5, 5] == 4 and (np.delete(result.count, 5 * SHAPE[1] + 5) == 5).all()


def test_a_rule_in_python_works_on_files_of_any_number_of_tiles(tmp_path):
    frames = noisy(6)
    paths = [ccdfx.write(ccdfx.Image(frame), tmp_path / f"{i}.fits") for i, frame in enumerate(frames)]
    with ccdfx.engine(memory=2**13, threads=1):
        got = ccdfx.combine([ccdfx.open_source(path) for path in paths], reject=rule(greatest))
    assert got.array.tobytes() == ccdfx.combine(frames, reject=rule(greatest)).array.tobytes()


@pytest.mark.parametrize("wrong", [lambda v: v.sum(axis=0) > 0, lambda v: v.filled(0), lambda v: None])
def test_a_rule_that_gives_something_else(wrong):
    with pytest.raises(ccdfx.ArgumentError, match="bool array"):
        ccdfx.combine(noisy(3), reject=rule(wrong))


def test_a_rule_cannot_change_its_values():
    def spoil(values):
        values[0] = 0
        return values > 1e9

    with pytest.raises(ValueError, match="read-only"):
        ccdfx.combine(noisy(3), reject=rule(spoil))


# ---- averages in Python ----


@pytest.mark.quick
def test_an_average_in_python():
    frames = hit()
    expected = ccdfx.stack(frames, average=ccdfx.mean())
    got = ccdfx.stack(frames, average=lambda values: np.ma.mean(values, axis=0, dtype="f8"))
    assert np.allclose(got.value, expected.value, rtol=1e-6)
    assert np.array_equal(got.count, expected.count)
    assert got.variance is None


def test_where_an_average_gives_nothing_there_is_no_data():
    frames = [np.full((2, 2), v) for v in (1.0, 2.0, 3.0)]
    masked = ccdfx.combine(frames, average=lambda v: np.ma.masked_less(v.mean(axis=0) * [0, 1], 1))
    assert masked.array.tolist() == [[0, 2], [0, 2]]
    assert masked.mask.tolist() == [[ccdfx.Flag.NO_DATA, 0]] * 2
    small = [frame.astype(np.float32) for frame in frames]
    huge = ccdfx.combine(small, average=lambda v: np.full(v.shape[1:], 1e300))  # beyond the largest float32
    assert (huge.mask == ccdfx.Flag.NO_DATA).all() and not huge.array.any()


@pytest.mark.parametrize("wrong", [lambda v: v, lambda v: 3.0, lambda v: v.mean(axis=0).astype(str)])
def test_an_average_that_gives_something_else(wrong):
    with pytest.raises(ccdfx.ArgumentError, match="one number a pixel"):
        ccdfx.combine(noisy(3), average=wrong)


def broken(values):
    raise KeyError("no such thing")


def test_what_a_function_raises_names_it():
    for options, words in (
        ({"average": broken}, "average broken: raised KeyError: 'no such thing'; correct the function"),
        ({"reject": rule(broken)}, "rule mine: function broken: raised KeyError"),
        ({"scale": broken}, r"scale of frames\[0\]: function broken: raised KeyError"),
    ):
        with pytest.raises(ccdfx.ArgumentError, match=words) as caught:
            ccdfx.combine(noisy(3), **options)
        assert isinstance(caught.value.__cause__, KeyError)


def test_an_error_of_ccdfx_in_a_function_stays_what_it_is():
    with pytest.raises(ccdfx.FileError, match="no/such"):
        ccdfx.combine(noisy(3), average=lambda values: ccdfx.read("no/such.fits"))


# ---- growth ----


def grown(radius, **options):
    """The rule of all these tests, which grows."""
    return ccdfx.mad_clip(grow=radius, **options)


@pytest.mark.quick
@pytest.mark.parametrize(("radius", "pixels"), [(0, 1), (0.5, 1), (1, 5), (1.5, 9), (2, 13)])
def test_the_neighbours_in_the_same_frame_go_too(radius, pixels):
    frames = [np.full(SHAPE, 100.0) + j for j in range(7)]
    frames[2][7, 10] = 9000.0
    result = ccdfx.stack(frames, reject=grown(radius), follow=True)
    assert result.rejected_in(2).sum() == pixels and result.rejected_high.sum() == pixels
    assert not any(result.rejected_in(j).any() for j in range(7) if j != 2)
    expected = np.where(result.rejected_in(2), np.mean([100, 101, 103, 104, 105, 106]), 103.0)
    assert np.allclose(result.value, expected)


def test_masked_and_limited_values_do_not_grow():
    frames = [ccdfx.Image(np.full(SHAPE, 100.0) + j) for j in range(7)]
    values = frames[2].array.copy()
    values[7, 10] = 9000.0
    mask = np.zeros(SHAPE, bool)
    mask[7, 10] = True
    masked = [*frames[:2], frames[2].replace(array=values, mask=mask), *frames[3:]]
    assert ccdfx.stack(masked, reject=grown(2)).count.sum() == 7 * np.prod(SHAPE) - 1
    limited = [*frames[:2], values, *frames[3:]]
    assert ccdfx.stack(limited, reject=grown(2), limits=(0, 1000)).count.sum() == 7 * np.prod(SHAPE) - 1


def test_where_growth_would_leave_nothing_it_does_nothing():
    frames = [np.full((1, 3), v) for v in (10.0, 11.0, 12.0)]
    for frame, x in zip(frames, (0, 0, 2), strict=True):
        frame[0, x] += 1000.0
    frames[2][0, 0] += 1e6  # pixel 0 keeps the first two, the last frame grows into pixel 1

    def nothing_left(values):
        rejected = np.zeros(values.shape, bool)
        rejected[:, 1] = False
        rejected[0, 0] = rejected[1, 0] = rejected[2, 2] = True
        return rejected

    result = ccdfx.stack(frames, reject=rule(nothing_left, grow=1.0), follow=True)
    assert result.count.tolist() == [[1, 3, 2]]  # growth would have emptied the pixel in the middle
    assert not result.flags.any()


def test_growth_ends_at_no_tile(tmp_path):
    frames = hit(9, seed=4)
    rng = np.random.default_rng(1)
    for frame in frames:
        frame[rng.random(SHAPE) < 0.02] += 800
    paths = [ccdfx.write(ccdfx.Image(frame), tmp_path / f"{i}.fits") for i, frame in enumerate(frames)]
    expected = ccdfx.stack(frames, reject=grown(2.5), follow=True)
    for threads, memory in ((1, 2**15), (3, 2**17)):
        with ccdfx.engine(memory=memory, threads=threads):
            got = ccdfx.stack([ccdfx.open_source(path) for path in paths], reject=grown(2.5), follow=True)
        for name in ("value", "variance", "count", "rejected_low", "rejected_high", "flags", "rejects"):
            assert getattr(got, name).tobytes() == getattr(expected, name).tobytes(), name


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 3.2), st.sampled_from(["mean", "median"]))
def test_growth_equals_a_plain_restatement(seed, radius, average):
    rng = np.random.default_rng(seed)
    frames = rng.normal(0, 1, (6, 7, 8))
    frames[rng.random(frames.shape) < 0.05] = np.nan
    before = ccdfx.stack(list(frames), reject=grown(0, low=2, high=2), follow=True)
    seeds = np.array([before.rejected_in(j) for j in range(6)])
    steps = [(dy, dx) for dy in range(-4, 5) for dx in range(-4, 5) if dx * dx + dy * dy <= radius * radius]
    wide = seeds.copy()
    for j, y, x in np.argwhere(seeds):
        for dy, dx in steps:
            if 0 <= y + dy < 7 and 0 <= x + dx < 8:
                wide[j, y + dy, x + dx] = True
    there = np.isfinite(frames)
    empty = ~(there & ~wide).any(axis=0)
    wide[:, empty] = seeds[:, empty]
    left = np.where(there & ~wide, frames, np.nan)
    some = np.isfinite(left).any(axis=0)
    expected = np.zeros(frames.shape[1:])
    expected[some] = getattr(np, f"nan{average}")(left[:, some], axis=0)
    got = ccdfx.stack(list(frames), reject=grown(radius, low=2, high=2), average=getattr(ccdfx, average)())
    assert np.allclose(got.value, expected)
    assert np.array_equal(got.count, (there & ~wide).sum(axis=0))


def test_survivors_are_the_values_that_a_stack_keeps():
    frames = [
        ccdfx.Image(frame, mask=np.arange(21) == j + np.zeros((15, 1))) for j, frame in enumerate(hit())
    ]
    for rule, limits in ((ccdfx.mad_clip(), None), (ccdfx.mad_clip(grow=1), (900, 2000)), (None, None)):
        kept = ccdfx.find_survivors(frames, reject=rule, limits=limits)
        result = ccdfx.stack(frames, reject=rule, limits=limits, follow=True)
        assert np.array_equal(kept.sum(axis=0), result.count) and kept.shape == (7, *SHAPE)
        assert not (kept & [result.rejected_in(j) for j in range(7)]).any()
        assert np.array_equal(kept[2], frames[2].good) != (rule is not None)


def test_borrowed_frames_are_not_copied_and_give_the_same():
    arrays, masks = hit(), [np.eye(15, 21, j, dtype=bool) for j in range(7)]
    lent = [ccdfx.borrow(array, mask=mask) for array, mask in zip(arrays, masks, strict=True)]
    assert all(np.shares_memory(image.array, array) for image, array in zip(lent, arrays, strict=True))
    assert all(np.shares_memory(image.mask, mask) for image, mask in zip(lent, masks, strict=True))
    owned = [ccdfx.Image(array, mask=mask) for array, mask in zip(arrays, masks, strict=True)]
    assert np.array_equal(ccdfx.stack(lent).value, ccdfx.stack(owned).value)
    assert arrays[0].flags.writeable and not lent[0].array.flags.writeable
    swapped = arrays[0].astype(">f4")
    assert np.array_equal(ccdfx.borrow(swapped).array, swapped)


@pytest.mark.parametrize("average", [ccdfx.mean(), ccdfx.total()])
@pytest.mark.parametrize("rule", [None, ccdfx.mad_clip(), ccdfx.minmax(), ccdfx.mad_clip(grow=1)], ids=str)
def test_the_scatter_is_that_of_the_values_kept(average, rule):
    frames = [ccdfx.Image(f, mask=f > 1012, variance=np.ones(SHAPE)) for f in hit()]
    result = ccdfx.stack(frames, average=average, reject=rule, scale=[2.0] * 7, scatter=True)
    kept = ccdfx.find_survivors(frames, reject=rule, scale=[2.0] * 7)
    values = np.where(kept, [f.array / 2 for f in frames], np.nan).astype("f8")
    with np.errstate(invalid="ignore"):
        n = kept.sum(axis=0)
        expected = np.sqrt(np.nansum((values - np.nansum(values, axis=0) / n) ** 2, axis=0) / (n - 1))
    known = n > 1
    assert result.variance is None and np.allclose(result.scatter[known], expected[known], rtol=1e-4)
    assert np.isnan(result.scatter[~known]).all()


def test_a_scatter_comes_with_a_plain_mean():
    for options in ({"average": ccdfx.median()}, {"weights": [1, 2, 1, 1, 1, 1, 1]}):
        with pytest.raises(ccdfx.ArgumentError, match="scatter"):
            ccdfx.stack(hit(), scatter=True, **options)
