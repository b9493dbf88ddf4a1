"""measure_shift, measure_shifts, align: on simulated fields whose steps are known, and on M 13."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import least_squares

from ccdfx import (
    ArgumentError,
    ArgumentTypeError,
    CcdfxError,
    Flag,
    Image,
    MismatchError,
    align,
    find_sources,
    measure_shift,
    measure_shifts,
)
from ccdfx.kernels.sources.maxima import gradient_sums
from ccdfx.operations.registration.shifts import Shift
from ccdfx.operations.resampling.transform import AlignmentError

SHAPE = (420, 480)


def stars_of(rng: np.random.Generator, count: int, faintest: float = 1500.0) -> np.ndarray:
    flux = np.minimum(faintest * (1 - rng.random(count)) ** -1.0, 2e5)
    return np.column_stack(
        [rng.uniform(-80, SHAPE[1] + 80, count), rng.uniform(-80, SHAPE[0] + 80, count), flux]
    )


def exposure(
    rng: np.random.Generator,
    stars: np.ndarray,
    step: tuple[float, float] = (0.0, 0.0),
    *,
    fwhm: float = 3.0,
    scale: float = 1.0,
    galaxy: tuple[float, float] | None = None,
    slope: float = 0.0,
) -> np.ndarray:
    """A noisy exposure of a field displaced by a step (x, y)."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    sky = np.full(SHAPE, 200.0) + slope * (x + 0.5 * y)
    sigma = fwhm / 2.3548
    for a, b, flux in stars:
        a, b = a + step[0], b + step[1]
        cut = np.s_[max(int(b) - 25, 0) : max(int(b) + 26, 0), max(int(a) - 25, 0) : max(int(a) + 26, 0)]
        far = (x[cut] - a) ** 2 + (y[cut] - b) ** 2
        sky[cut] += flux / (2 * np.pi * sigma**2) * np.exp(-far / (2 * sigma**2))
    if galaxy is not None:
        peak, size = galaxy
        sky += peak * np.exp(-np.hypot(x - 250 - step[0], (y - 200 - step[1]) / 0.6) / size)
    return rng.poisson(sky * scale) + rng.normal(0, 4, SHAPE)


def hot_pixels(rng: np.random.Generator, count: int) -> np.ndarray:
    out = np.zeros(SHAPE)
    out[rng.integers(0, SHAPE[0], count), rng.integers(0, SHAPE[1], count)] = (
        rng.exponential(2000, count) + 100
    )
    return out


def cosmic_rays(rng: np.random.Generator, count: int) -> np.ndarray:
    out = np.zeros(SHAPE)
    for _ in range(count):
        x, y, angle = rng.uniform(15, SHAPE[1] - 15), rng.uniform(15, SHAPE[0] - 15), rng.uniform(0, np.pi)
        t = np.clip(np.arange(0, 1 + rng.exponential(4), 0.4), 0, 14)
        out[(y + t * np.sin(angle)).astype(int), (x + t * np.cos(angle)).astype(int)] += rng.uniform(
            200, 4000
        )
    return out


def wrong_by(found: Shift, step: tuple[float, float]) -> float:
    """`found` undoes the displacement `step`."""
    return float(np.hypot(found.dx + step[0], found.dy + step[1]))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("fwhm", "count"), [(1.7, 80), (2.5, 80), (4.0, 60), (9.0, 30)], ids=["sharp", "good", "soft", "wide"]
)
def test_star_fields(seed: int, fwhm: float, count: int) -> None:
    rng = np.random.default_rng(seed)
    stars, fixed = stars_of(rng, count, 400 * fwhm), hot_pixels(rng, 300)
    step = tuple(rng.uniform(-60, 60, 2))
    reference = exposure(rng, stars, fwhm=fwhm) + fixed
    found = measure_shift(exposure(rng, stars, step, fwhm=fwhm) + fixed, reference=reference)
    assert found.method == "stars" and found.matched >= 5
    assert wrong_by(found, step) < max(0.03, 5 * found.error)
    assert found.error < 0.1


@pytest.mark.parametrize("seed", [4, 5])
def test_cosmic_rays_exposures_gradients_bad_columns_and_saturation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stars, fixed = stars_of(rng, 70), hot_pixels(rng, 200)
    fixed[:, 100] += 700
    fixed[:, 300:302] += 400
    fixed[222] -= 30
    step = tuple(rng.uniform(-40, 40, 2))
    frames = []
    for where, scale, slope in (((0.0, 0.0), 1.0, 0.0), (step, 0.3, 0.5)):
        array = exposure(rng, stars, where, scale=scale, slope=slope) + fixed + cosmic_rays(rng, 120)
        array = np.clip(array, 0, 3000)
        frames.append(Image(array, mask=np.where(array >= 3000, np.uint8(Flag.SATURATED), np.uint8(0))))
    found = measure_shift(frames[1], reference=frames[0])
    assert found.method == "stars" and wrong_by(found, step) < 0.06


@pytest.mark.parametrize("step", [(150.3, -120.6), (-155.0, 10.4)])
def test_steps_of_a_third_of_the_frame(step: tuple[float, float]) -> None:
    rng = np.random.default_rng(6)
    stars = stars_of(rng, 150)
    stars = np.vstack([stars, stars_of(rng, 150) - [150, 0, 0]])
    found = measure_shift(exposure(rng, stars, step), reference=exposure(rng, stars))
    assert wrong_by(found, step) < 0.05


def test_hot_pixels_that_look_like_stars_do_not_outvote_stars() -> None:
    """What is fixed to the detector, even when blurred like a star, agrees on a step of zero; the stars win."""
    rng = np.random.default_rng(7)
    stars, ghosts = stars_of(rng, 40, 3000), stars_of(rng, 60, 3000)
    step = (-11.6, 4.2)
    fixed = exposure(np.random.default_rng(0), ghosts) - 200
    fixed = np.where(fixed > 30, fixed, 0)
    found = measure_shift(exposure(rng, stars, step) + fixed, reference=exposure(rng, stars) + fixed)
    assert wrong_by(found, step) < 0.1


@pytest.mark.quick
def test_no_step_between_equal_pointings() -> None:
    rng = np.random.default_rng(8)
    stars, fixed = stars_of(rng, 50), hot_pixels(rng, 300)
    found = measure_shift(exposure(rng, stars) + fixed, reference=exposure(rng, stars) + fixed)
    assert wrong_by(found, (0, 0)) < 0.04 and found.method == "stars"


def test_masked_stars_of_the_detector_play_no_part() -> None:
    rng = np.random.default_rng(9)
    stars, ghosts = stars_of(rng, 30, 3000), stars_of(rng, 200, 5000)
    fixed = exposure(np.random.default_rng(0), ghosts) - 200
    mask = fixed > 25
    fixed = np.where(mask, fixed, 0)
    step = (9.3, -6.1)
    frames = [Image(exposure(rng, stars, s) + fixed, mask=mask) for s in ((0, 0), step)]
    assert wrong_by(measure_shift(frames[1], reference=frames[0]), step) < 0.1


@pytest.mark.parametrize("galaxy", [(800.0, 25.0), (3000.0, 8.0)], ids=["smooth", "compact"])
@pytest.mark.parametrize("step", [(-6.2, 3.1), (13.4, -27.8)])
def test_a_galaxy_without_stars_is_correlated(galaxy: tuple[float, float], step: tuple[float, float]) -> None:
    rng = np.random.default_rng(10)
    fixed, none = hot_pixels(rng, 500), np.empty((0, 3))
    fixed[:, 77] += 600
    reference = exposure(rng, none, galaxy=galaxy) + fixed
    found = measure_shift(exposure(rng, none, step, galaxy=galaxy, scale=1.5) + fixed, reference=reference)
    assert found.method == "correlation" and found.matched == 0
    assert wrong_by(found, step) < max(0.1, 4 * found.error) < 1.5


@pytest.mark.parametrize("count", [0, 2, 10, 60])
def test_unrelated_fields_are_refused(count: int) -> None:
    rng = np.random.default_rng(11 + count)
    fixed = hot_pixels(rng, 400)
    frames = [exposure(rng, stars_of(rng, count, 3000)) + fixed for _ in range(2)]
    with pytest.raises(
        AlignmentError, match=r"night3: cannot be aligned: of \d+ stars .* leave the frame out"
    ):
        measure_shift(frames[1], reference=frames[0], name="night3")


def test_an_alignment_error_is_of_the_family_and_can_be_pickled() -> None:
    error = AlignmentError("x", "cannot be aligned", remedy="leave it out")
    assert isinstance(error, CcdfxError) and isinstance(pickle.loads(pickle.dumps(error)), AlignmentError)


@pytest.mark.quick
def test_failures_are_results_and_keep_their_place() -> None:
    rng = np.random.default_rng(12)
    stars = stars_of(rng, 50)
    steps = [(5.5, -3.0), (0.0, 0.0), (-8.25, 2.5)]
    frames = [Image(exposure(rng, stars, s)) for s in steps]
    frames.insert(1, Image(rng.normal(200, 5, SHAPE)))
    found = measure_shifts(iter(frames), reference=2)
    assert [type(f) for f in found] == [Shift, AlignmentError, Shift, Shift]
    assert found[1].subject == "images[1]"  # who read the files knows their names
    assert found[2] == Shift(0.0, 0.0, 0.0, found[2].matched, "reference")
    assert wrong_by(found[0], steps[0]) < 0.05 and wrong_by(found[3], steps[2]) < 0.05
    with pytest.raises(AlignmentError, match="images\\[1\\]"):
        align(frames, reference=2)


def test_a_negative_reference_counts_from_the_end() -> None:
    rng = np.random.default_rng(13)
    stars = stars_of(rng, 50)
    frames = [exposure(rng, stars, s) for s in ((3.0, 1.0), (0.0, 0.0))]
    found = measure_shifts(frames, reference=-1)
    assert found[1].method == "reference" and wrong_by(found[0], (3, 1)) < 0.05


def test_align_puts_stars_on_the_pixels_of_the_reference() -> None:
    rng = np.random.default_rng(14)
    stars = stars_of(rng, 60, 4000)
    steps = [(0.0, 0.0), (12.37, -4.81), (-20.5, 9.13)]
    header = {"CRPIX1": 100.0, "CRPIX2": 50.0}
    frames = [Image(exposure(rng, stars, s), header, variance=np.full(SHAPE, 220.0)) for s in steps]
    aligned = align(frames, reference=0)
    assert aligned[0] is frames[0]
    base = find_sources(frames[0], fwhm=3)[:15]
    for frame, step in zip(aligned[1:], steps[1:], strict=True):
        table = find_sources(frame, fwhm=3)
        gaps = np.hypot(base["x"][:, None] - table["x"], base["y"][:, None] - table["y"])
        assert np.median(gaps.min(axis=1)) < 0.06
        assert frame.header["CRPIX1"] == pytest.approx(100 - step[0], abs=0.05)
        assert frame.mask is not None and (frame.mask & Flag.NO_DATA).any()
        assert frame.variance is not None and frame.shape == SHAPE and frame.range == frames[0].range


def test_faint_stars_are_registered_better_together_than_alone() -> None:
    rng = np.random.default_rng(15)
    stars = stars_of(rng, 300, 350)
    steps = np.vstack([[0, 0], rng.uniform(-20, 20, (5, 2))])
    frames = [exposure(rng, stars, tuple(s), fwhm=7.0) for s in steps]
    found = measure_shifts(frames)
    wrong = np.array([(f.dx, f.dy) for f in found if isinstance(f, Shift)]) + steps
    assert all(isinstance(f, Shift) and f.error < 0.2 for f in found)
    assert np.sqrt(np.mean(wrong[1:] ** 2)) < 0.1


def test_frames_that_do_not_fit_are_refused() -> None:
    with pytest.raises(MismatchError):
        measure_shift(np.zeros((40, 50)), reference=np.zeros((50, 40)))
    with pytest.raises(MismatchError, match="images\\[1\\]"):
        measure_shifts([np.zeros((40, 50)), np.zeros((50, 40))])
    one, two = Image(np.zeros((40, 50)), {"BUNIT": "adu"}), Image(np.zeros((40, 50)), {"BUNIT": "electron"})
    with pytest.raises(MismatchError):
        align([one, two])


@pytest.mark.parametrize(
    ("images", "reference", "error"),
    [
        ([], 0, ArgumentError),
        ([np.zeros((20, 20))], 1, ArgumentError),
        ([np.zeros((20, 20))], -2, ArgumentError),
        ([np.zeros((20, 20))], "first", ArgumentTypeError),
        ([np.zeros((20, 20))], True, ArgumentTypeError),
        ([np.zeros((20, 20))], 0.0, ArgumentTypeError),
    ],
)
def test_bad_references_are_refused(images: list, reference: object, error: type) -> None:
    with pytest.raises(error):
        measure_shifts(images, reference=reference)


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (16, 16)])
def test_tiny_frames_are_refused_politely(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(16)
    with pytest.raises(AlignmentError):
        measure_shift(rng.normal(0, 1, shape), reference=rng.normal(0, 1, shape))


def test_frames_without_a_good_pixel_are_refused_politely() -> None:
    nothing = np.full((60, 60), np.nan)
    with pytest.raises(AlignmentError):
        measure_shift(nothing, reference=nothing)


@pytest.mark.quick
def test_gradient_sums_equal_their_twin() -> None:
    rng = np.random.default_rng(17)
    template, image = rng.normal(0, 1, (2, 30, 31))
    out = np.empty((1, 6))
    gradient_sums(template, image, np.array([[14.0, 15.0]]), 6.0, out)
    y, x = np.indices(template.shape)
    inside = (x - 14) ** 2 + (y - 15) ** 2 <= 36
    gain = (template * image)[inside].sum() / (image**2)[inside].sum()
    ty, tx = np.gradient(template)
    iy, ix = (gain * g for g in np.gradient(image))
    difference = template - gain * image
    terms = [
        tx * ix,
        0.5 * (tx * iy + ty * ix),
        ty * iy,
        -0.5 * (tx + ix) * difference,
        -0.5 * (ty + iy) * difference,
        0.25 * (tx**2 + ty**2 + ix**2 + iy**2),
    ]
    assert np.allclose(out[0], [t[inside].sum() for t in terms])


def m13_frames(shared: Path) -> list[Image]:
    from astropy.io import fits

    return [Image(fits.getdata(file)) for file in sorted((shared / "data" / "m13").glob("*.fits"))]


def joint_centre(array: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """One displacement and one width for all stars together, by least squares; with the error of the displacement.

    The stars are so faint against the noise that a single one says little; flux and sky are each star's own.
    """
    y, x = np.mgrid[-18:19, -18:19]
    stamps = []
    for a, b in places:
        i, j = round(a), round(b)
        cut = array[j - 18 : j + 19, i - 18 : i + 19].astype(float)
        cut = np.clip(cut - np.median(cut), -110, 110)
        far = (x - a + i) ** 2 + (y - b + j) ** 2
        near = far < 13**2
        stamps.append((cut[near], (x - a + i)[near], (y - b + j)[near]))

    def residual(parameters: np.ndarray) -> np.ndarray:
        out = []
        for cut, dx, dy in stamps:
            star = np.exp(-((dx - parameters[0]) ** 2 + (dy - parameters[1]) ** 2) / (2 * parameters[2] ** 2))
            basis = np.column_stack([star, np.ones_like(star)])
            out.append(cut - basis @ np.linalg.lstsq(basis, cut, rcond=None)[0])
        return np.concatenate(out)

    fit = least_squares(residual, [0.0, 0.0, 4.5])
    covariance = np.linalg.inv(fit.jac.T @ fit.jac) * 2 * fit.cost / fit.fun.size
    return fit.x[:2], np.sqrt(np.diag(covariance)[:2]), float(fit.x[2])


def test_m13_is_registered_and_its_stars_stay_sharp(shared: Path) -> None:
    frames = m13_frames(shared)
    found = measure_shifts(frames)
    assert all(isinstance(f, Shift) for f in found)
    steps = np.array([(f.dx, f.dy) for f in found if isinstance(f, Shift)])
    # About 12 pixels a frame, mostly in x; the hot pixels, which stay, would say 0.
    assert (np.diff(steps[:, 0]) > 9).all() and (np.diff(steps[:, 0]) < 14).all()
    assert (np.abs(steps[:, 1]) < 5).all()
    aligned = align(frames)
    good = np.all([a.good for a in aligned], axis=0)
    median = np.median([a.array for a in aligned], axis=0)
    stars = find_sources(Image(median, mask=~good), threshold=8.0)
    inside = (stars["x"] > 80) & (stars["x"] < 1310) & (stars["y"] > 30) & (stars["y"] < 1010)
    places = np.column_stack([stars["x"], stars["y"]])[inside]
    assert len(places) >= 30
    centres, errors, widths = zip(*(joint_centre(a.array, places) for a in aligned), strict=True)
    off = np.array(centres) - np.mean(centres, axis=0)
    # What the centroids say beyond their own noise, which is 0.12 pixels an axis, stays below 0.1 pixel.
    excess = np.mean(off**2) * len(off) / (len(off) - 1) - np.mean(np.square(errors))
    assert excess < 0.1**2
    assert np.abs(off).max() < 0.3
    single = np.mean([joint_centre(f.array, places - s)[2] for f, s in zip(frames, steps, strict=True)])
    mean = np.mean([a.array for a in aligned], axis=0)
    for combined in (mean, median):
        assert joint_centre(combined, places)[2] < 1.05 * single
    assert np.mean(widths) == pytest.approx(single, rel=0.03)


def test_every_pair_of_m13_closes(shared: Path) -> None:
    """Steps measured alone agree with each other: a to b and b to c is a to c, within the errors."""
    a, b, c = (m13_frames(shared)[i] for i in (0, 2, 4))
    ab, bc, ac = measure_shift(b, reference=a), measure_shift(c, reference=b), measure_shift(c, reference=a)
    error = np.hypot(np.hypot(ab.error, bc.error), ac.error)
    assert abs(ab.dx + bc.dx - ac.dx) < 3 * error and abs(ab.dy + bc.dy - ac.dy) < 3 * error
