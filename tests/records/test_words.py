"""Words where a choice is to be made, and what is none."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx
from ccdfx import CcdfxError, Image, placed
from ccdfx.records.checks import boolean, one_of

IMAGE = Image(np.eye(8), variance=np.ones((8, 8)))


@pytest.mark.parametrize(
    "call",
    [
        lambda word: one_of("axis", word, ("rows", "columns")), lambda word: boolean("sampled", word),
        lambda word: ccdfx.shift(IMAGE, dx=0.5, dy=0, kernel=word), lambda word: ccdfx.align([IMAGE], by=word),
        lambda word: ccdfx.match_stars(np.eye(2), reference=np.eye(2), model=word),
        lambda word: ccdfx.find_outliers(IMAGE, unit=word), lambda word: ccdfx.find_sigma(IMAGE, masked=word),
        lambda word: ccdfx.clip_outliers(IMAGE, unit=word), lambda word: ccdfx.similarity(flip=word),
        lambda word: ccdfx.uniform_noise(0.0, 1.0).configure(fraction=word),
        lambda word: ccdfx.find_outliers(IMAGE, low=word, unit="value"), lambda word: ccdfx.median(even=word),
        lambda word: ccdfx.subtract_overscan(IMAGE, overscan=(0, 2, 0, 8), axis=word),
        lambda word: ccdfx.subtract_overscan(IMAGE, overscan=(0, 2, 0, 8), statistic=word),
        lambda word: ccdfx.OverscanFit(function=word), lambda word: placed([(0, 0)], extent=word),
        lambda word: ccdfx.mask_cosmic_rays(IMAGE, medians=word), lambda word: ccdfx.sample_clip(ddof=word),
        lambda word: ccdfx.sigma_clip(center=word), lambda word: ccdfx.sigma_clip(scaled=word),
        lambda word: ccdfx.cutouts(IMAGE, positions=[(1, 1)], size=word),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "word", ["nonsense", np.array([1, 2, 3]), np.eye(2), [[1, 2], [3]], {}, 1e300], ids=repr
)
def test_what_is_no_word_is_a_typed_error(call, word) -> None:
    with pytest.raises(CcdfxError, match="; "):
        call(word)
