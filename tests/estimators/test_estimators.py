"""Statistics, sky level and noise of images."""

from __future__ import annotations

import dataclasses
import math
import pickle

import numpy as np
import pytest

from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxError
from ccdfx.estimators import (
    background,
    local_noise,
    location_of,
    mad_std_of,
    median_of,
    mode_of,
    predicted_noise,
    sampled_statistic,
    sigma_clipped,
    sky_level,
    spread_of,
    statistics,
)
from ccdfx.estimators.robust import fullest_bin
from ccdfx.records.image import Image

DTYPES = ["u1", "i1", "u2", "i2", ">u2", ">i2", "u4", "i4", "i8", "f2", "f4", ">f4", "f8", "b1"]


def expected_statistics(values: np.ndarray) -> dict[str, float]:
    values = values.astype(np.float64)
    kept = values
    while True:
        inside = kept[np.abs(kept - np.median(kept)) <= 3 * kept.std()]
        if inside.size == kept.size:
            break
        kept = inside
    median = np.median(values)
    return {
        "count": values.size, "mean": values.mean(), "median": median, "std": values.std(),
        "minimum": values.min(), "maximum": values.max(), "sum": values.sum(),
        "mad_std": 1.482602218505602 * np.median(np.abs(values - median)),
        "clipped_count": kept.size, "clipped_mean": kept.mean(), "clipped_median": np.median(kept),
        "clipped_std": kept.std(),
    }  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(7, 9), (300, 301)])
@pytest.mark.parametrize("masked", [False, True])
def test_statistics_are_those_of_numpy(dtype: str, shape: tuple[int, int], masked: bool) -> None:
    rng = np.random.default_rng(1)
    array = rng.normal(60, 12, shape)
    array[0, :5] = 120
    array = array.astype(dtype)
    mask = (rng.random(shape) < 0.2) if masked else np.zeros(shape, bool)
    if masked and array.dtype.kind == "f":
        array[1, 1:4] = [np.nan, np.inf, -np.inf]
    found = statistics(Image(array, mask=mask if masked else None))
    good = ~mask & np.isfinite(array)
    expected = expected_statistics(array[good])
    assert found.masked == array.size - expected["count"]
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-9, abs=1e-9), name


@pytest.mark.quick
def test_a_large_float_image_takes_the_sampled_way_to_the_same_numbers() -> None:
    array = np.random.default_rng(2).gamma(2.0, 300.0, (600, 700)).astype(np.float32)
    found = statistics(array)
    for name, value in expected_statistics(array).items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-9), name


def test_statistics_of_a_window_are_in_parent_coordinates() -> None:
    image = Image(np.arange(60.0).reshape(6, 10), range=(100, 110, 50, 56))
    found = statistics(image, section=(102, 104, 51, 53))
    assert (found.count, found.minimum, found.maximum) == (4, 12.0, 23.0)
    assert statistics(image, section="[101:110,51:51]").maximum == 9.0
    with pytest.raises(CcdfxError):
        statistics(image, section=(0, 5, 0, 5))


@pytest.mark.parametrize("dtype", ["u2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(3, 4), (300, 300)])
def test_without_a_good_pixel_everything_but_the_counts_is_nan(dtype: str, shape: tuple[int, int]) -> None:
    found = statistics(Image(np.ones(shape, dtype), mask=np.ones(shape, bool)))
    fields = dataclasses.asdict(found)
    assert (fields.pop("count"), fields.pop("masked"), fields.pop("clipped_count")) == (
        0,
        shape[0] * shape[1],
        0,
    )
    assert all(math.isnan(value) for value in fields.values())
    empty = sigma_clipped(np.full(shape, np.nan))
    assert empty.count == 0 and math.isnan(empty.mean)
    assert math.isnan(median_of(np.full(shape, np.inf))) and math.isnan(mad_std_of([]))


def test_one_pixel_and_equal_pixels() -> None:
    found = statistics([[5.0]])
    assert (found.mean, found.median, found.std, found.mad_std, found.clipped_std) == (
        5.0,
        5.0,
        0.0,
        0.0,
        0.0,
    )
    found = statistics(np.full((500, 500), 0.1, np.float32))
    assert found.median == found.minimum == found.maximum == np.float64(np.float32(0.1))
    assert found.std == 0.0 and found.clipped_count == 250000


@pytest.mark.quick
def test_extreme_values_do_not_overflow() -> None:
    found = statistics(np.array([[1e300, -1e300], [1e300, -1e300]]))
    assert (found.mean, found.median, found.std) == (0.0, 0.0, pytest.approx(1e300))
    found = statistics(np.full((2, 2), 3e38, np.float32))
    assert found.std == 0.0 and found.mean == pytest.approx(3e38)


def test_a_high_level_does_not_eat_the_deviation() -> None:
    array = 1e9 + np.random.default_rng(3).normal(0, 1e-2, (200, 200))
    assert statistics(array).std == pytest.approx(array.std(), rel=1e-6)


def test_rows_of_different_lengths_are_no_array() -> None:
    with pytest.raises(ArgumentTypeError, match="rows must have one length"):
        median_of([[1.0], [1.0, 2.0]])


@pytest.mark.quick
def test_median_of_uses_only_good_values() -> None:
    array = np.arange(10.0).reshape(2, 5)
    assert median_of(array) == 4.5
    assert median_of(array, array > 6) == 8.0
    assert median_of(np.array(3, np.int16)) == 3.0
    assert mad_std_of(array, array > 6) == pytest.approx(1.4826022)
    with pytest.raises(ArgumentError, match="shape"):
        median_of(array, np.ones(3, bool))
    with pytest.raises(ArgumentError, match="True for a good value"):
        median_of(array, np.zeros(array.shape, np.uint8))
    with pytest.raises(ArgumentError, match="real numbers"):
        median_of(array + 1j)


@pytest.mark.parametrize("center", ["median", "mean"])
@pytest.mark.parametrize("limits", [(3.0, 3.0), (1.5, 4.0), (np.inf, 2.0)])
@pytest.mark.parametrize("iterations", [0, 1, 5, None])
@pytest.mark.parametrize("dtype", ["f8", "f4", "u2"])
def test_sigma_clipped_is_astropys(center: str, limits: tuple, iterations: int | None, dtype: str) -> None:
    from astropy.stats import sigma_clip

    rng = np.random.default_rng(4)
    array = np.where(rng.random((260, 270)) < 0.1, rng.gamma(1, 400, (260, 270)), 0) + rng.normal(
        900, 20, (260, 270)
    )
    array = array.astype(dtype)
    good = rng.random(array.shape) > 0.05
    found = sigma_clipped(array, good, low=limits[0], high=limits[1], iterations=iterations, center=center)
    if iterations == 0:  # astropy's 0 means something else
        assert found.count == good.sum() and found.iterations == 0
        return
    kept = sigma_clip(
        array[good].astype(float), sigma_lower=limits[0], sigma_upper=limits[1], maxiters=iterations,
        cenfunc=center, masked=False, copy=True,
    )  # fmt: skip
    kept = kept[np.isfinite(kept)]
    assert found.count == kept.size
    assert (found.mean, found.median, found.std) == pytest.approx(
        (kept.mean(), np.median(kept), kept.std()), rel=1e-9
    )
    assert found.lower <= kept.min() and kept.max() <= found.upper


@pytest.mark.parametrize(
    "options", [{"low": 0.0}, {"high": -1.0}, {"low": np.nan}, {"iterations": -1}, {"center": "mode"}]
)
def test_sigma_clipped_refuses_what_it_cannot_do(options: dict) -> None:
    with pytest.raises(ArgumentError, match=next(iter(options))):
        sigma_clipped([1.0, 2.0], **options)


def starfield(seed: int, stars: int, *, galaxy: float = 0.0, gradient: float = 0.0, sky: float = 200.0):
    """A frame in ADU with Moffat stars, its variance, and the noise of the empty sky."""
    rng = np.random.default_rng(seed)
    n, gain, read, width = 512, 1.8, 5.0, 2.1
    y, x = np.mgrid[:n, :n]
    light = sky * (1 + gradient * (x / n - 0.5))
    for flux in np.minimum(1000 * (1 - rng.random(stars)) ** (-1 / 1.5), 1e6):
        cx, cy = rng.uniform(0, n, 2)
        reach = int(15 + 5 * np.log10(flux))
        part = np.s_[max(0, int(cy) - reach) : int(cy) + reach, max(0, int(cx) - reach) : int(cx) + reach]
        squared = ((x[part] - cx) ** 2 + (y[part] - cy) ** 2) / (2 * width) ** 2
        light[part] += flux * 1.5 / (np.pi * (2 * width) ** 2) * (1 + squared) ** -2.5
    light += galaxy * np.exp(-np.hypot(x - 230, (y - 280) * 1.4) / 30)
    array = np.rint(rng.poisson(light * gain) / gain + rng.normal(0, read, light.shape))
    variance = np.maximum(array, 0) / gain + read**2 + 1 / 12
    return array, variance, math.sqrt(sky / gain + read**2 + 1 / 12)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    "scene",
    [
        {"stars": 0}, {"stars": 50}, {"stars": 500}, {"stars": 0, "gradient": 0.3},
        {"stars": 60, "galaxy": 1500.0}, {"stars": 50, "galaxy": 500.0, "gradient": 0.1}, {"stars": 30, "sky": 5.0},
    ],
    ids=str,
)  # fmt: skip
def test_noise_and_level_of_the_sky_are_right_among_sources(seed: int, scene: dict) -> None:
    array, variance, truth = starfield(seed, **scene)
    sky = background(Image(array, variance=variance))
    assert sky.noise == pytest.approx(truth, rel=0.02)
    assert sky.predicted == pytest.approx(truth, rel=0.02)
    assert sky.excess == pytest.approx(1.0, abs=0.015)
    assert sky.level == pytest.approx(scene.get("sky", 200.0), abs=0.3 * truth)
    assert 0 < sky.used <= sky.blocks == 256


def test_few_blocks_of_a_large_frame_tell_its_sky() -> None:
    found = background(np.random.default_rng(7).normal(100.0, 1.0, (2048, 2048)))
    assert (found.blocks, abs(found.level - 100) < 0.004, abs(found.noise - 1) < 0.004) == (512, True, True)


def test_a_wrong_variance_shows_as_excess() -> None:
    array, variance, _ = starfield(4, 50)
    assert background(Image(array, variance=variance / 4)).excess == pytest.approx(2.0, rel=0.02)
    assert background(array).excess is None


@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.0, 7.0])
def test_whole_numbers_do_not_quantise_the_noise(sigma: float) -> None:
    array = np.rint(np.random.default_rng(5).normal(1000.3, sigma, (512, 512))).astype(np.uint16)
    assert local_noise(array) == pytest.approx(math.sqrt(sigma**2 + 1 / 12), rel=0.015)


@pytest.mark.parametrize("wavelength", [2.5, 3.3, 5.0, 9.0])
def test_interference_counts_about_as_much_as_it_scatters_the_pixels(wavelength: float) -> None:
    rng = np.random.default_rng(6)
    phase = rng.uniform(0, 2 * np.pi, (512, 1))
    array = rng.normal(0, 5, (512, 512)) + 4 * np.sin(2 * np.pi * np.arange(512) / wavelength + phase)
    assert local_noise(array) == pytest.approx(array.std(), rel=0.08)


def test_flagged_and_non_finite_pixels_play_no_part() -> None:
    rng = np.random.default_rng(7)
    array, variance, _ = starfield(8, 50)
    mask = rng.random(array.shape) < 0.1
    mask[:, 100:120] = True
    clean = background(Image(array, mask=mask, variance=variance))
    spoilt = array.copy()
    spoilt[mask] = rng.choice([np.nan, np.inf, -1e30, 1e30], int(mask.sum()))
    assert background(Image(spoilt, mask=mask, variance=variance)) == clean
    spoilt[mask] = np.nan
    assert background(Image(spoilt, variance=variance)) == clean


@pytest.mark.quick
def test_small_and_spoilt_images() -> None:
    assert background([[1.0, 2.0, 9.0]]) == background(np.array([[1.0, 2.0, 9.0]]))
    small = background([[1.0, 2.0, 9.0]])
    assert small.level == 2.0 and math.isnan(small.noise) and small.predicted is None and small.blocks == 0
    nothing = background(Image(np.ones((64, 64)), mask=np.ones((64, 64), bool), variance=np.ones((64, 64))))
    assert math.isnan(nothing.level) and math.isnan(nothing.noise) and nothing.used == 0
    assert math.isnan(predicted_noise(Image(np.ones((4, 4)), variance=np.ones((4, 4)))))
    flat = Image(np.full((64, 64), 3.0), variance=np.zeros((64, 64)))
    assert (sky_level(flat), local_noise(flat), predicted_noise(flat), background(flat).excess) == (
        3.0,
        0,
        0,
        None,
    )
    tiny = np.random.default_rng(9).normal(50, 4, (40, 30))
    assert local_noise(tiny) == pytest.approx(4, rel=0.2)


def test_predicted_noise_needs_a_variance() -> None:
    with pytest.raises(ArgumentError, match="add_variance"):
        predicted_noise(np.ones((64, 64)))


def test_results_are_frozen_and_can_be_pickled() -> None:
    for record in (statistics([[1.0]]), sigma_clipped([1.0]), background(np.ones((16, 16), np.float32))):
        name = dataclasses.fields(record)[0].name
        assert not [field for field in dataclasses.astuple(record) if isinstance(field, np.generic)]
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, name, 3)
    sky = background(Image(np.ones((16, 16)), variance=np.ones((16, 16))))
    assert pickle.loads(pickle.dumps(sky)) == sky
    assert statistics([[1, 2]]) == statistics(Image([[1, 2]]))


def test_a_real_bias_frame_has_its_read_noise(shared) -> None:
    from astropy.io import fits

    with fits.open(shared / "data/nickel/d1001.fits") as hdus:
        raw = hdus[0].data[:, :1024]
    mask = np.zeros(raw.shape, bool)
    mask[:, 256] = True
    found = background(Image(raw, mask=mask))
    assert found.level == pytest.approx(np.median(raw), abs=2.0)
    assert 4.9 < found.noise < 5.3


@pytest.mark.parametrize(("number", "excess"), [(1047, 1.09), (1074, 1.05)])
def test_the_sky_noise_of_real_frames_is_what_the_noise_model_predicts(
    shared, number: int, excess: float
) -> None:
    """The rest is interference: waves of 2.5 pixels along the rows, which bias frames hardly show."""
    from astropy.io import fits

    from ccdfx.noise import ccd_noise, variance_of

    frames = []
    for name in (number, *range(1001, 1006)):
        with fits.open(shared / f"data/nickel/d{name}.fits") as hdus:
            raw = hdus[0].data.astype(np.float32)
        frames.append(raw[:, :1024] - np.median(raw[:, 1026:]))
    array = frames[0] - np.median(frames[1:], axis=0)
    mask = np.zeros(array.shape, bool)
    mask[:, 255:258] = True
    variance = variance_of(array, model=ccd_noise(gain=1.79, readnoise=9.16))
    sky = background(Image(array, mask=mask, variance=variance))
    assert sky.used > 0.6 * sky.blocks
    assert sky.excess == pytest.approx(excess, abs=0.03)


# ---- robust location, spread and mode ----


@pytest.mark.parametrize("dtype", DTYPES)
def test_biweight_location_and_spread_are_those_of_astropy(dtype: str) -> None:
    from astropy.stats import biweight_location, biweight_scale

    rng = np.random.default_rng(5)
    array = rng.normal(60, 12, (300, 301))
    array[:3] = 120
    array = array.astype(dtype)
    good = rng.random(array.shape) < 0.9
    if array.dtype.kind == "f":
        array[5, 5:8] = [np.nan, np.inf, -np.inf]
    finite = np.isfinite(array)
    for kept, given in ((finite, None), (good & finite, good)):
        values = array[kept].astype(float)
        assert location_of(array, given) == pytest.approx(biweight_location(values), rel=1e-12)
        assert spread_of(array, given) == pytest.approx(biweight_scale(values), rel=1e-10)


@pytest.mark.parametrize("huge", [1e200, -1e308, 1.7e308])
def test_the_square_of_a_far_value_does_not_overflow(huge: float) -> None:
    near = np.arange(9.0)
    assert location_of([*near, huge]) == pytest.approx(location_of([*near, 1e6 * np.sign(huge)]))
    assert spread_of([*near, huge]) == pytest.approx(spread_of([*near, 1e6 * np.sign(huge)]))


def test_biweight_of_what_hardly_varies_or_is_not_there() -> None:
    constant = np.array([5.0] * 9 + [1e9])
    assert location_of(constant) == 5.0 and spread_of(constant) == 0.0
    for statistic in (location_of, spread_of, mode_of):
        assert math.isnan(statistic([np.nan, np.inf]))
        assert math.isnan(statistic([1.0, 2.0], good=[False, False]))


@pytest.mark.quick
def test_mode_is_where_most_values_lie() -> None:
    rng = np.random.default_rng(3)
    sky = rng.normal(100, 10, 200_000)
    stars = 100 + rng.exponential(300, 60_000)
    found = mode_of(np.concatenate([sky, stars]))
    assert abs(found - 100) < 2 < np.median(np.concatenate([sky, stars])) - 100
    assert mode_of(np.repeat(np.arange(20, dtype="u2"), [1] * 7 + [9] + [1] * 12)) == 7
    assert mode_of([1.0, 5.0, 6.0, 7.0]) == 5.5
    assert mode_of([3.0] * 20) == 3.0


def _bins_one_by_one(ranked: np.ndarray, whole: bool) -> float:
    """`fullest_bin` as a loop over the bins."""
    n = len(ranked)
    inside = ranked[n * 3 // 20 : n * 17 // 20]
    lower, span = ranked[n * 3 // 20], ranked[n * 17 // 20] - ranked[n * 3 // 20]
    step, width = (max(1, part * span) if whole else part * span for part in (0.01, 0.1))
    fullest, most = [ranked[n * 3 // 20]], 0
    for k in range(101):
        edge = lower + k * step
        found = [rank for rank, x in enumerate(inside) if edge <= x < edge + width]
        if len(found) > most:
            # the rank, from 1 on, that is half the sum of the first one inside and the first one beyond
            middle = (2 * (n * 3 // 20) + found[0] + 1 + found[-1] + 2) // 2 - 1
            fullest, most = [ranked[middle]], len(found)
    return float(fullest[0])


@pytest.mark.parametrize("size", [10, 11, 37, 407, 480])
@pytest.mark.parametrize("whole", [False, True])
def test_the_fullest_bin_is_that_of_a_loop(size: int, whole: bool) -> None:
    rng = np.random.default_rng(size)
    for _ in range(20):
        values = rng.gamma(3, 20, size)
        values = np.sort(values.astype(np.int64)) if whole else np.sort(values)
        assert fullest_bin(values, whole) == _bins_one_by_one(values, whole)


def test_sampled_statistics_look_at_fewer_than_100_000_pixels() -> None:
    array = np.random.default_rng(0).normal(0, 1, (700, 600)).astype("f4")
    good = np.ones(array.shape, bool)
    good[:3] = False
    values = np.sort(array[::3, ::3][good[::3, ::3]])  # 234 x 200; every second pixel would be 105,000
    assert values.size == 233 * 200
    assert sampled_statistic(array, good, "median") == values[values.size // 2 - 1]
    assert sampled_statistic(array, good, "mean") == pytest.approx(np.mean(values, dtype=float), rel=1e-9)
    assert sampled_statistic(array, good, "mode") == mode_of(values)
    assert sampled_statistic(array[:1, :3], np.ones((1, 3), bool), "median") == array[0, :3].min()
    assert sampled_statistic(array[:1, :1], np.ones((1, 1), bool), "mode") == array[0, 0]
    assert math.isnan(sampled_statistic(array, np.zeros(array.shape, bool), "mode"))
