"""Scale, zero and weights of combine from levels: statistics of pixels, header keywords, exposure times."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import ccdfx
from ccdfx.estimators import local_noise, location_of, mode_of, sampled_statistic, spread_of

SHAPE = (40, 60)
WORDS = {
    "mean": np.mean, "median": np.median, "mode": mode_of, "location": location_of, "spread": spread_of,
}  # fmt: skip


def sky(count, seed=0, level=500.0, sigma=20.0, shape=SHAPE, headers=None):
    rng = np.random.default_rng(seed)
    return [
        ccdfx.Image(rng.normal(level, sigma, shape), headers[k] if headers else None) for k in range(count)
    ]


def together(frames, **options):
    return ccdfx.combine(frames, reject=None, **options).array


class Windows:
    """A source that notes the windows it was asked for."""

    def __init__(self, image, name):
        self.image, self.name, self.asked = image, name, []
        self.shape, self.dtype, self.header, self.range = image.shape, image.dtype, image.header, image.range

    def select(self, range=None):
        window = ccdfx.Range.of(range, self.range)
        self.asked.append(window.to_fits())
        return self.image.select(window)

    def close(self):
        pass


# ---- what a level is ----


@pytest.mark.quick
def test_levels_are_values():
    which = ccdfx.level("mode", section=(0, 10, 5, 9), sampled=True)
    assert repr(which) == "level('mode', section='[1:10,6:9]', sampled=True)"
    assert pickle.loads(pickle.dumps(which)) == which != ccdfx.level("mode")
    assert repr(ccdfx.keyword(" SKY ")) == "keyword('SKY')" and repr(ccdfx.exposure()) == "exposure()"
    assert (
        repr(ccdfx.level(np.max)) == "level(max)"
        and repr(ccdfx.exposure("DARKTIME")) == "exposure('DARKTIME')"
    )
    assert isinstance(ccdfx.exposure(), ccdfx.Level)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ccdfx.level("avg"), "statistic: .*mean, median, mode, location, spread, noise, variance"),
        (lambda: ccdfx.level(3), "statistic"),
        (lambda: ccdfx.level(["mean"]), "statistic"),
        (lambda: ccdfx.level("median", section="[1:2]"), "section"),
        (lambda: ccdfx.level("median", section=(3, 1, 0, 5)), "section"),
        (lambda: ccdfx.level("median", section=5), "section"),
        (lambda: ccdfx.level("median", section=(1, 2, 3)), "section"),
        (lambda: ccdfx.level("median", sampled=1), "sampled"),
        (lambda: ccdfx.level("location", sampled=True), "sampled: goes with mean, median, mode"),
        (lambda: ccdfx.level(np.max, sampled=True), "sampled"),
        (lambda: ccdfx.keyword(""), "keyword"),
        (lambda: ccdfx.keyword(7), "keyword"),
        (lambda: ccdfx.exposure(7), "keyword"),
    ],
)
def test_levels_refuse_nonsense(make, text):
    with pytest.raises((ccdfx.ArgumentError, ccdfx.ArgumentTypeError), match=text):
        make()


# ---- scale and zero ----


@pytest.mark.parametrize("word", WORDS)
def test_a_scale_by_a_word_divides_by_the_level_relative_to_the_first(word):
    frames = sky(3)
    levels = [float(WORDS[word](frame.array)) for frame in frames]
    expected = np.mean([f.array * levels[0] / s for f, s in zip(frames, levels, strict=True)], axis=0)
    np.testing.assert_allclose(together(frames, scale=word), expected, rtol=1e-12)
    np.testing.assert_allclose(together(frames, scale=ccdfx.level(word)), expected, rtol=1e-12)


@pytest.mark.parametrize("word", ["mean", "median", "mode", "location"])
def test_a_zero_by_a_word_subtracts_the_level_relative_to_the_first(word):
    frames = sky(3)
    levels = [float(WORDS[word](frame.array)) for frame in frames]
    expected = np.mean([f.array - z + levels[0] for f, z in zip(frames, levels, strict=True)], axis=0)
    np.testing.assert_allclose(together(frames, zero=word), expected, rtol=1e-12)


def test_spread_and_location_bring_frames_to_one_contrast_and_one_sky():
    """Additive with scaling: x' = (x - L_l) S_1 / S_l + L_1."""
    first = sky(1)[0].array
    frames = [first, first * 3 - 900, first / 2 + 70]
    np.testing.assert_allclose(together(frames, scale="spread", zero="location"), first, rtol=1e-12)


@pytest.mark.quick
def test_scale_by_exposure():
    frames = [ccdfx.Image(np.full(SHAPE, 10.0 * t), {"EXPTIME": t}) for t in (5.0, 10.0, 20.0)]
    assert np.all(together(frames, scale="exposure") == 50)
    assert np.all(together(frames, scale=ccdfx.exposure()) == 50)
    dark = [f.replace(header={"DARKTIME": f.exptime, "EXPTIME": 1}) for f in frames]
    assert np.all(together(dark, scale=ccdfx.exposure("DARKTIME")) == 50)


def test_keywords_multiply_and_are_added():
    factors, added = (2.0, 1.0, 4.0), (10.0, -20.0, 6.0)
    frames = [
        ccdfx.Image(np.full(SHAPE, 100.0), {"FLUX": f, "SKY": z}) for f, z in zip(factors, added, strict=True)
    ]
    scaled = [100.0 * f / 2.0 for f in factors]
    assert np.all(together(frames, scale=ccdfx.keyword("FLUX")) == np.mean(scaled))
    assert np.all(together(frames, zero=ccdfx.keyword("SKY")) == 100 + np.mean(added))
    both = [(100.0 + z) * f / 2.0 for f, z in zip(factors, added, strict=True)]
    np.testing.assert_allclose(
        together(frames, scale=ccdfx.keyword("FLUX"), zero=ccdfx.keyword("SKY")), np.mean(both), rtol=1e-12
    )


def test_a_section_is_in_the_coordinates_of_the_frame():
    frames = []
    for factor in (1.0, 2.0):
        array = np.full(SHAPE, 1000.0)
        array[4:8, 10:20] = 50 * factor
        frames.append(ccdfx.Image(array))
    for section in ("[11:20,5:8]", (10, 20, 4, 8), ccdfx.Range(10, 20, 4, 8)):
        result = together(frames, scale=ccdfx.level("median", section=section))
        assert np.all(result[4:8, 10:20] == 50) and result[0, 0] == 750
    windowed = [frame.select((5, 25, 2, 12)) for frame in frames]
    result = together(windowed, scale=ccdfx.level("median", section="[11:20,5:8]"))
    assert result[2, 5] == 50
    column = together(frames, scale=ccdfx.level("mean", section="[1:10,*]"))
    assert np.all(column == together(frames))


def test_a_source_is_read_once_and_only_in_the_section():
    frames = sky(2)
    sources = [Windows(frame, f"file {k}") for k, frame in enumerate(frames)]
    whole, part = ccdfx.level("median"), ccdfx.level("mean", section="[1:5,1:5]")
    got = together(sources, scale=whole, zero="mean", weights=part)
    assert np.array_equal(got, together(frames, scale=whole, zero="mean", weights=part))
    asked = sources[1].asked
    assert asked.count("[1:5,1:5]") == 1 and asked.count("[1:60,1:40]") == 1  # the rest is read by rows


def test_levels_are_those_of_the_good_pixels_within_the_limits():
    frames = [frame.array.copy() for frame in sky(2)]
    masks = np.zeros((2, *SHAPE), np.uint8)
    for array, mask in zip(frames, masks, strict=True):
        array[0], array[1], array[2] = 1e4, np.nan, 7e4
        mask[0] = 4
    images = [ccdfx.Image(a, mask=m) for a, m in zip(frames, masks, strict=True)]
    for word, function in WORDS.items():
        levels = [float(function(array[3:])) for array in frames]
        got = together(images, scale=word, limits=(0, 6e4))
        expected = (frames[0] + frames[1] * levels[0] / levels[1]) / 2
        np.testing.assert_allclose(got[3:], expected[3:], rtol=1e-12)


def test_limits_beyond_the_largest_float32_are_none():
    frames = [frame.replace(array=frame.array.astype(np.float32)) for frame in sky(2)]
    np.testing.assert_array_equal(
        together(frames, scale="mean", limits=(-1e300, 1e300)), together(frames, scale="mean")
    )


def test_a_function_of_a_section_sees_that_section():
    seen = []

    def corner(image):
        seen.append((image.range.to_fits(), int(image.good.sum())))
        return float(image.array.max())

    together(sky(2), scale=ccdfx.level(corner, section="[1:4,1:3]"), limits=(0, 520))
    assert [text for text, _ in seen] == ["[1:4,1:3]"] * 2 and all(0 < good < 12 for _, good in seen)


def test_sampled_levels_are_those_of_imcombine():
    frames = [frame.array for frame in sky(2, shape=(350, 400))]
    for word in ("mean", "median", "mode"):
        levels = [sampled_statistic(frame, np.ones(frame.shape, bool), word) for frame in frames]
        assert levels[0] != WORDS[word](frames[0])
        expected = (frames[0] + frames[1] / (levels[1] / levels[0])) / 2
        got = together(frames, scale=ccdfx.level(word, sampled=True))
        np.testing.assert_allclose(got, expected, rtol=1e-14)


# ---- weights ----


def weighted(frames, values):
    return np.average([frame.array for frame in frames], axis=0, weights=values)


@pytest.mark.quick
def test_weights_from_exposure_keyword_and_statistic():
    headers = [{"EXPTIME": 10, "WT": 1.0}, {"EXPTIME": 30, "WT": 0.0}, {"EXPTIME": 20, "WT": 2.5}]
    frames = sky(3, headers=headers)
    for which, values in (
        ("exposure", (1, 3, 2)),
        (ccdfx.keyword("WT"), (1.0, 0.0, 2.5)),
        ("median", [np.median(frame.array) for frame in frames]),
        (lambda image: image.header["EXPTIME"] ** 2, (1, 9, 4)),
        ([4, 0, 1], (4, 0, 1)),
    ):
        np.testing.assert_allclose(together(frames, weights=which), weighted(frames, values), rtol=1e-12)


def test_the_mean_of_several_exposures_weighs_as_they_do():
    frames = sky(2, headers=[{"EXPTIME": 10, "NCOMBINE": 3}, {"EXPTIME": 10}])
    np.testing.assert_allclose(together(frames, weights="exposure"), weighted(frames, (3, 1)), rtol=1e-12)
    np.testing.assert_allclose(together(frames, weights=[1, 1]), weighted(frames, (1, 1)), rtol=1e-12)


def test_weights_from_noise_and_variance_are_those_after_scaling():
    first, second = sky(1, sigma=10)[0], sky(1, seed=1, level=1000, sigma=40)[0]
    noise = [local_noise(frame) for frame in (first, second)]
    scaled = [first, ccdfx.Image(second.array / 2)]
    got = together([first, second], scale=[1, 2], weights="noise")
    np.testing.assert_allclose(got, weighted(scaled, (1 / noise[0] ** 2, 4 / noise[1] ** 2)), rtol=1e-12)
    planes = [np.full(SHAPE, 100.0), np.full(SHAPE, 1600.0)]
    planes[1][0, :5], planes[1][1, :5] = 0, np.inf
    frames = [frame.replace(variance=v) for frame, v in zip((first, second), planes, strict=True)]
    got = together(frames, scale=[1, 2], weights="variance")
    np.testing.assert_allclose(got, weighted(scaled, (1 / 100, 4 / 1600)), rtol=1e-12)


def test_huge_and_tiny_weights_are_only_relative():
    frames = sky(3)
    for factor in (1e300, 1e-300):
        got = ccdfx.combine(frames, reject=None, weights=[factor, 2 * factor, 4 * factor])
        expected = ccdfx.combine(frames, reject=None, weights=[1, 2, 4])
        np.testing.assert_allclose(got.array, expected.array, rtol=1e-14)
        np.testing.assert_allclose(got.variance, expected.variance, rtol=1e-12)


# ---- bad input ----


def numbered(**headers):
    """Two frames; the second has these cards."""
    return [
        ccdfx.Image(np.full((20, 20), 5.0), {"EXPTIME": 1, "F": 1}),
        ccdfx.Image(np.ones((20, 20)), headers),
    ]


BLACK = [np.ones((20, 20)), np.zeros((20, 20))]
BLIND = [np.ones((20, 20)), ccdfx.Image(np.ones((20, 20)), mask=np.ones((20, 20), bool))]


@pytest.mark.parametrize(
    ("frames", "options", "text"),
    [
        (numbered(), {"scale": "exposure"}, r"scale of frames\[1\]: needs EXPTIME or EXPOSURE.*numbers"),
        (numbered(), {"weights": "exposure"}, r"weights of frames\[1\]: needs EXPTIME"),
        (numbered(EXPTIME=0), {"scale": "exposure"}, r"scale of frames\[1\]: must be above 0.*header"),
        (numbered(EXPTIME=-3), {"weights": "exposure"}, r"exposure of frames\[1\]: must be above 0"),
        (numbered(EXPTIME="long"), {"scale": "exposure"}, r"EXPTIME of frames\[1\].*number.*'long'"),
        (numbered(), {"scale": ccdfx.keyword("F")}, r"scale of frames\[1\]: needs F"),
        (numbered(F=-1), {"scale": ccdfx.keyword("F")}, r"scale of frames\[1\]: must be above 0"),
        (numbered(F=True), {"zero": ccdfx.keyword("F")}, r"F of frames\[1\]: must be a finite number"),
        (numbered(F=-2), {"weights": ccdfx.keyword("F")}, r"weights of frames\[1\]: .*not negative"),
        (BLIND, {"scale": "median"}, r"scale of frames\[1\]: needs a good, finite pixel"),
        (BLIND, {"zero": ccdfx.level("mode", section="[1:3,1:3]")}, r"zero of frames\[1\].*\[1:3,1:3\]"),
        (BLIND, {"weights": ccdfx.level("mean", sampled=True)}, r"weights of frames\[1\]: needs a good"),
        (BLACK, {"scale": "location"}, r"scale of frames\[1\]: must be above 0 \(got 0"),
        (BLACK, {"scale": ccdfx.level("mean", section="[1:30,1:3]")}, r"section of frames\[0\].*inside"),
        (BLACK, {"scale": "brightest"}, "scale: .*mean, median, mode, location, spread, exposure"),
        (BLACK, {"scale": "keyword"}, "scale: .*numbers, a function, a keyword or one of mean"),
        (BLACK, {"zero": "exposure"}, "zero: .*mean, median, mode, location "),
        (BLACK, {"zero": ccdfx.exposure()}, "zero: .*exposure"),
        (BLACK, {"zero": ccdfx.level("spread")}, "zero: "),
        (BLACK, {"scale": "noise"}, "scale: "),
        (BLACK, {"weights": "spread"}, "weights: .*exposure, noise, variance, mean"),
        (BLACK, {"weights": "noise"}, r"noise of frames\[0\]: must be above 0"),
        ([np.ones((3, 3)), np.ones((3, 3))], {"weights": "noise"}, r"weights of frames\[0\]: has too few"),
        (BLACK, {"weights": "variance"}, r"weights of frames\[0\]: needs the variance"),
        (BLACK, {"weights": lambda image: -1.0}, r"weights of frames\[0\]"),
        (BLACK, {"scale": lambda image: math.nan}, r"scale of frames\[0\].*finite"),
        (BLACK, {"scale": lambda image: "high"}, r"scale of frames\[0\]: must be a number"),
        (BLACK, {"weights": "noise", "average": ccdfx.median()}, "weights: go with the mean only"),
    ],
)  # fmt: skip
def test_errors_name_the_frame_and_the_remedy(frames, options, text):
    with pytest.raises((ccdfx.ArgumentError, ccdfx.ArgumentTypeError), match=text) as error:
        ccdfx.combine(frames, reject=None, **options)
    assert error.value.remedy


def test_errors_name_the_file(tmp_path):
    for number, time in enumerate((5, 0)):
        ccdfx.write(ccdfx.Image(np.ones((4, 4)), {"EXPTIME": time}), tmp_path / f"f{number}.fits")
    sources = [ccdfx.open_source(tmp_path / f"f{number}.fits") for number in range(2)]
    with pytest.raises(ccdfx.ArgumentError, match=r"f1\.fits"):
        ccdfx.combine(sources, scale="exposure")
    with pytest.raises(ccdfx.ArgumentError, match=r"section of .*f0\.fits"):
        ccdfx.combine(sources, scale=ccdfx.level("mean", section="[1:9,1:1]"))


# ---- weights beside a zero from a statistic ----


def imcombine_weights(weights, zeros, scales, numbers):
    """The weights of `ic_scale` of imcombine in plain Python, where zero is a statistic (NCOMBINE is `numbers`)."""
    levels = [zero * scales[0] / scale for zero, scale in zip(zeros, scales, strict=True)]
    if min(levels) <= 0:
        levels = [1.0] * len(levels)
    kept = [n * w * levels[0] / z for n, w, z in zip(numbers, weights, levels, strict=True)]
    return [weight / math.fsum(kept) for weight in kept]


def unequal_frames():
    """Three frames with levels, exposures and numbers of exposures of their own."""
    headers = [{"EXPTIME": t, "NCOMBINE": n, "W": w} for t, n, w in ((5.0, 1, 2), (20.0, 3, 1), (10.0, 2, 4))]
    frames = sky(3, headers=headers)
    return [
        frame.replace(array=frame.array * factor)
        for frame, factor in zip(frames, (1.0, 3.0, 0.7), strict=True)
    ]


def weights_of(frames, **factors):
    """The weights that `combine` uses."""
    from ccdfx.operations.combining.factors import factors_of
    from ccdfx.operations.combining.frames import as_frames

    return factors_of(as_frames(frames), factors.get("scale"), factors.get("zero"), factors.get("weights"))[2]


@pytest.mark.parametrize("scale", [None, "median", "exposure"])
@pytest.mark.parametrize("weights", ["mean", "median", "exposure"])
@pytest.mark.parametrize("zero", ["mean", "mode"])
def test_weights_are_divided_by_the_level_of_the_zero_as_in_imcombine(scale, weights, zero):
    frames = unequal_frames()
    levels = {word: [float(WORDS[word](f.array)) for f in frames] for word in WORDS}
    levels |= {"exposure": [f.header["EXPTIME"] for f in frames], None: [1.0] * 3}
    expected = imcombine_weights(levels[weights], levels[zero], levels[scale], [1, 3, 2])
    for which in (zero, ccdfx.level(zero), ccdfx.level(lambda image: float(WORDS[zero](image.array)))):
        assert weights_of(frames, scale=scale, zero=which, weights=weights) == pytest.approx(
            expected, rel=1e-12
        )


def test_frames_of_100_and_200_with_zero_and_weights_by_the_mean_are_averaged_equally():
    frames = [np.full(SHAPE, 100.0), np.full(SHAPE, 200.0)]
    assert weights_of(frames, zero="mean", weights="mean") == (0.5, 0.5)
    assert weights_of(frames, weights="mean") == pytest.approx((1 / 3, 2 / 3))
    frames[0][5, 5], frames[1][5, 6] = 1e6, 1e6
    mean = together(frames, zero="median", weights="median")
    assert mean[5, 5] == pytest.approx((1e6 + 100) / 2) and mean[5, 6] == pytest.approx((1e6 - 100 + 100) / 2)


def test_other_weights_do_not_depend_on_the_zero():
    frames = unequal_frames()
    for weights in ([1.0, 2.0, 3.0], "noise", ccdfx.keyword("W"), lambda image: float(image.array[0, 0])):
        assert weights_of(frames, zero="mean", weights=weights) == weights_of(frames, weights=weights)
    for zero in ([1.0, 2.0, 3.0], ccdfx.keyword("W")):
        assert weights_of(frames, zero=zero, weights="mean") == weights_of(frames, weights="mean")


def test_a_zero_that_is_not_above_0_leaves_all_weights_with_a_warning():
    frames = [np.full(SHAPE, level) for level in (100.0, -50.0, 200.0)]
    times = [ccdfx.Image(frame, {"EXPTIME": 10.0 * (k + 1)}) for k, frame in enumerate(frames)]
    with pytest.warns(ccdfx.CcdfxWarning, match=r"^frames\[1\]: have a zero that is not above 0"):
        found = weights_of(times, zero="mean", weights="exposure")
    assert found == pytest.approx(imcombine_weights([1, 2, 3], [100.0, -50.0, 200.0], [1, 1, 1], [1, 1, 1]))
