"""Flags that go from any frame to the result: by default that a value is saturated."""

import numpy as np
import pytest

import ccdfx
from ccdfx import ArgumentError, Flag, Image

SPREAD = np.array([[0, 1, 2, 4], [3, 0, 5, 1], [2, 2, 1, 6]], "f4")
WAYS = {
    "plain": {"reject": None},
    "ranked": {},
    "weighted": {"weights": [1, 2, 3, 4, 5]},
    "median": {"average": ccdfx.median(), "reject": ccdfx.minmax(low=1, high=1)},
    "profile": {"reject": ccdfx.profile_clip(gain=1.0, readnoise=5.0)},
    "grow": {"reject": ccdfx.mad_clip(grow=1)},
    "python": {"average": lambda values: np.ma.median(values, axis=0)},
    "offsets": {"offsets": [(0, 0)] * 5},
    "counts as good": {"flags": Flag.COSMIC_RAY},
}


def frames():
    """Five frames; in the second, a pixel is saturated, another one hit by a cosmic ray."""
    found = [Image(100 + SPREAD + 3 * number) for number in range(5)]
    mask = np.zeros(SPREAD.shape, np.uint8)
    mask[1, 2], mask[0, 0] = Flag.SATURATED, Flag.COSMIC_RAY
    found[1] = found[1].replace(mask=mask)
    return found


@pytest.mark.quick
@pytest.mark.parametrize("way", WAYS)
def test_a_pixel_that_is_saturated_in_any_frame_is_so_in_the_result(way):
    plain = ccdfx.stack(frames(), passes=0, **WAYS[way])
    done = ccdfx.stack(frames(), **WAYS[way])
    expected = np.zeros(SPREAD.shape, np.uint8)
    expected[1, 2] = Flag.SATURATED
    np.testing.assert_array_equal(done.flags, expected)
    np.testing.assert_array_equal(done.value, plain.value)  # a flag changes no value
    np.testing.assert_array_equal(done.count, plain.count)
    np.testing.assert_array_equal(plain.flags, expected if way == "counts as good" else 0)
    combined = ccdfx.combine(frames(), **WAYS[way])
    np.testing.assert_array_equal(combined.mask, expected)


def test_the_same_from_files_by_tiles(tmp_path):
    paths = [tmp_path / f"{number}.fits" for number in range(5)]
    for path, frame in zip(paths, frames(), strict=True):
        ccdfx.write(frame, path)
    for options in (WAYS["plain"], WAYS["ranked"], WAYS["grow"]):
        expected = ccdfx.stack(frames(), **options)
        with ccdfx.engine(threads=2, memory=2 * 5 * 4 * 100):
            sources = ccdfx.open_frames(paths)
            done = ccdfx.stack(sources, **options)
        for source in sources:
            source.close()
        assert done.flags[1, 2] == Flag.SATURATED
        assert done.flags.tobytes() == expected.flags.tobytes()
        assert done.value.tobytes() == expected.value.tobytes()


def test_the_flags_that_pass_are_chosen():
    done = ccdfx.combine(frames(), passes=Flag.COSMIC_RAY)
    assert done.mask[0, 0] == Flag.COSMIC_RAY and np.count_nonzero(done.mask) == 1
    both = ccdfx.combine(frames(), passes=Flag.COSMIC_RAY | Flag.SATURATED)
    assert both.mask[1, 2] == Flag.SATURATED and np.count_nonzero(both.mask) == 2
    assert ccdfx.combine(frames(), passes=0).mask is None


@pytest.mark.parametrize("passes", [Flag.NO_DATA, 256, -1])
def test_what_cannot_pass_is_refused(passes):
    with pytest.raises(ArgumentError, match="passes"):
        ccdfx.combine(frames(), passes=passes)


def test_the_core_of_a_star_that_is_saturated_in_the_sharp_frames_is_marked():
    """The mean of the blunt frames alone lacks some of its flux: the result must not look good there."""
    y, x = np.mgrid[:31, :31]
    stars = []
    for sigma in (1.0, 1.1, 1.5, 1.6, 1.6):
        star = 80 + 1e5 / (2 * np.pi * sigma**2) * np.exp(-((x - 15) ** 2 + (y - 15) ** 2) / (2 * sigma**2))
        stars.append(ccdfx.mask_saturated(Image(star.astype("f4")), saturation=9000))
    done = ccdfx.combine(stars, reject=None)
    saturated = np.array([star.mask is not None and bool(star.mask[15, 15]) for star in stars])
    assert saturated.any() and not saturated.all()
    assert done.mask[15, 15] & Flag.SATURATED and done.mask[0, 0] == 0
    truth = np.mean([s.array for s in stars], axis=0)[8:23, 8:23].sum() - 80 * 225
    assert done.array[8:23, 8:23].sum() - 80 * 225 < 0.99 * truth  # what the mark warns of


@pytest.mark.quick
@pytest.mark.parametrize("defect", [Flag.BAD_PIXEL, Flag.NO_DATA])
def test_a_saturated_defect_of_one_frame_does_not_pass(defect):
    several = frames()
    mask = several[1].mask.copy()
    mask[1, 2] |= defect
    several[1] = several[1].replace(mask=mask)
    assert ccdfx.combine(several).mask is None
    kept = ccdfx.combine(several, flags=255 & ~Flag.SATURATED)  # what makes no value bad stays on the pixel
    assert kept.mask[1, 2] == Flag.SATURATED
