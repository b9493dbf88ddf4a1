"""align and measure_transform by stars, by correlation and by the headers, on simulated exposures and on M 13."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ccdfx import (
    AlignmentError,
    ArgumentError,
    Flag,
    Image,
    MismatchError,
    Transform,
    UnknownNameError,
    align,
    aperture_photometry,
    find_sources,
    measure_shift,
    measure_transform,
    measure_transforms,
    similarity,
)

SHAPE = (320, 360)
MIDDLE = np.array([179.5, 159.5])
WCS = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 250.4, "CRVAL2": 36.5, "CRPIX1": 40.0, "CRPIX2": 30.0,
    "CD1_1": -1e-4, "CD1_2": 2e-5, "CD2_1": 2e-5, "CD2_2": 1e-4,
}  # fmt: skip


def about_the_middle(**how: object) -> Transform:
    """A similarity that keeps the middle of the frame within a few pixels."""
    turned = similarity(**how)
    x, y = MIDDLE - np.array(turned.matrix) @ MIDDLE + (4.3, -6.8)
    return Transform(turned.matrix, (x, y))


def field(rng: np.random.Generator, count: int = 110) -> np.ndarray:
    """Stars (x, y, flux) on a disc that a frame can turn in."""
    flux = np.minimum(3000 * (1 - rng.random(count)) ** -1.0, 1e5)
    return np.column_stack([rng.uniform(-90, 90, (count, 2)) * 2.4 + MIDDLE, flux])


def exposure(rng: np.random.Generator, stars: np.ndarray, transform: Transform | None = None) -> np.ndarray:
    places = (transform or Transform()).apply(stars[:, :2])
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    sky = np.full(SHAPE, 150.0)
    for (a, b), flux in zip(places, stars[:, 2], strict=True):
        cut = np.s_[max(int(b) - 9, 0) : max(int(b) + 10, 0), max(int(a) - 9, 0) : max(int(a) + 10, 0)]
        sky[cut] += (
            flux / (2 * np.pi * 1.4**2) * np.exp(-((x[cut] - a) ** 2 + (y[cut] - b) ** 2) / (2 * 1.4**2))
        )
    return rng.poisson(sky) + rng.normal(0, 4, SHAPE)


def blemishes(rng: np.random.Generator) -> np.ndarray:
    """Hot pixels and bad columns, which stay where they are."""
    out = np.zeros(SHAPE)
    out[rng.integers(0, SHAPE[0], 300), rng.integers(0, SHAPE[1], 300)] = rng.exponential(3000, 300) + 100
    out[:, 100] += 700
    out[:, 250:252] += 400
    return out


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("rotation", "scale"), [(0.3, 1.0), (5.0, 1.1), (90.0, 0.95), (177.0, 0.9)])
def test_exposures_turned_and_scaled_among_blemishes(rotation: float, scale: float, flip: bool) -> None:
    rng = np.random.default_rng(int(rotation) + flip)
    stars, fixed = field(rng), blemishes(rng)
    true = about_the_middle(rotation=rotation, scale=scale, flip=flip)
    image, reference = exposure(rng, stars) + fixed, exposure(rng, stars, true) + fixed
    found = measure_transform(image, reference=reference)
    inside = true.inverse().apply([(40, 40), (320, 40), (40, 280), (320, 280), (180, 160)])
    assert np.hypot(*(found.apply(inside) - true.apply(inside)).T).max() < 0.1
    assert found.flipped is flip and found.matched > 20 and found.rms < 0.3
    one, two = find_sources(image), find_sources(reference)
    i, j = np.array(found.pairs).T
    gaps = found.apply(np.column_stack([one["x"], one["y"]])[i]) - np.column_stack([two["x"], two["y"]])[j]
    assert np.sqrt((gaps**2).sum(axis=1).mean()) == pytest.approx(found.rms)


@pytest.mark.parametrize("seed", range(4))
def test_unrelated_exposures_are_refused(seed: int) -> None:
    rng = np.random.default_rng(seed)
    fixed = blemishes(rng)
    frames = [exposure(rng, field(rng, 40)) + fixed for _ in range(2)]
    with pytest.raises(AlignmentError, match="night3"):
        measure_transform(frames[1], reference=frames[0], name="night3")


def test_align_by_stars_lays_turned_frames_on_the_reference() -> None:
    rng = np.random.default_rng(20)
    stars = field(rng)
    turns = [None, about_the_middle(rotation=-7, scale=0.97), about_the_middle(rotation=181)]
    frames = [
        Image(exposure(rng, stars, turn), WCS, variance=np.full(SHAPE, 170.0), range=(10, 370, 20, 340))
        for turn in turns
    ]
    frames[2] = Image(np.pad(frames[2].array, 15, constant_values=150.0))
    aligned = align(frames, by="stars")
    assert aligned[0] is frames[0]
    base = find_sources(frames[0], fwhm=3.3)[:25]
    for frame in aligned[1:]:
        assert frame.shape == SHAPE and frame.range == frames[0].range
        table = find_sources(frame, fwhm=3.3)
        gaps = np.hypot(base["x"][:, None] - table["x"], base["y"][:, None] - table["y"])
        known = gaps.min(axis=1) < 1
        assert known.sum() >= 15 and np.median(gaps.min(axis=1)[known]) < 0.1
        # Counts a pixel: stars keep their flux, whatever the scale.
        there, here = (
            aperture_photometry(one, base, radius=6, annulus=(9, 14)) for one in (frame, frames[0])
        )
        clean = known & (there["flags"] == 0)
        assert np.median((there["flux"] / here["flux"])[clean]) == pytest.approx(1, abs=0.02)
    assert (
        (aligned[1].mask & Flag.NO_DATA).any()
        and aligned[1].variance is not None
        and aligned[2].variance is None
    )


@pytest.mark.quick
def test_a_shift_by_stars_is_that_of_shift() -> None:
    rng = np.random.default_rng(21)
    stars = field(rng)
    frames = [exposure(rng, stars), exposure(rng, stars, Transform(offset=(11.4, -3.7)))]
    found = measure_transforms(frames, by="stars")
    assert found[0].method == "reference" and found[1].is_shift
    assert np.hypot(*np.add(found[1].offset, (11.4, -3.7))) < 0.05
    step = measure_shift(frames[1], reference=frames[0])
    assert np.hypot(step.dx - found[1].offset[0], step.dy - found[1].offset[1]) < 0.05


def test_too_few_stars_for_triangles_still_prove_a_shift() -> None:
    rng = np.random.default_rng(22)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    galaxy = lambda dx, dy: rng.poisson(  # noqa: E731
        200 + 900 * np.exp(-np.hypot(x - 170 - dx, (y - 150 - dy) / 0.6) / 15)
    )
    found = measure_transform(galaxy(13.4, -17.8), reference=galaxy(0, 0))
    assert found.is_shift and found.method == "correlation"
    assert np.hypot(*np.add(found.offset, (13.4, -17.8))) < max(0.1, 4 * found.error)


@pytest.mark.quick
def test_phase_measures_a_shift_from_structure_alone() -> None:
    rng = np.random.default_rng(23)
    stars, fixed = field(rng), blemishes(rng)
    frames = [exposure(rng, stars) + fixed, exposure(rng, stars, Transform(offset=(-8.3, 14.6))) + fixed]
    found = measure_transform(frames[1], reference=frames[0], by="phase")
    assert (found.method, found.matched) == ("correlation", 0)
    assert np.hypot(*np.add(found.offset, (-8.3, 14.6))) < max(0.05, 4 * found.error)
    laid = align(frames, by="phase")[1]
    assert measure_shift(laid, reference=frames[0]).dx == pytest.approx(0, abs=0.1)
    with pytest.raises(AlignmentError, match="cannot be correlated"):
        align([rng.normal(0, 1, SHAPE), rng.normal(0, 1, SHAPE)], by="phase")


@pytest.mark.quick
def test_headers_say_the_transform() -> None:
    true = about_the_middle(rotation=12, scale=1.05)
    from ccdfx import warp

    image = Image(np.ones(SHAPE), WCS)
    reference = warp(image, transform=true)
    found = measure_transform(image, reference=reference, by="wcs")
    places = np.array([(0.0, 0.0), (359.0, 0.0), (200.0, 319.0)])
    assert np.hypot(*(found.apply(places) - true.apply(places)).T).max() < 1e-6
    assert found.rms < 1e-6 and found.method == "wcs"
    back = align([reference, image], by="wcs")[1]
    assert np.array_equal(back.good, reference.good)
    there = np.array([back.header[f"CRPIX{axis}"] for axis in "12"])
    assert np.allclose(there, [reference.header[f"CRPIX{axis}"] for axis in "12"], atol=1e-6)


def test_headers_may_speak_of_other_coordinates() -> None:
    reference = Image(np.ones(SHAPE), WCS)
    from astropy.coordinates import SkyCoord

    middle = SkyCoord(WCS["CRVAL1"], WCS["CRVAL2"], unit="deg").galactic
    galactic = WCS | {
        "CTYPE1": "GLON-TAN",
        "CTYPE2": "GLAT-TAN",
        "CRVAL1": middle.l.deg,
        "CRVAL2": middle.b.deg,
    }
    exchanged = WCS | {
        "CTYPE1": WCS["CTYPE2"],
        "CTYPE2": WCS["CTYPE1"],
        "CRVAL1": WCS["CRVAL2"],
        "CRVAL2": WCS["CRVAL1"],
    }
    for header in (galactic, exchanged):
        image = Image(np.ones(SHAPE), header)
        found = measure_transform(image, reference=reference, by="wcs")
        ((x, y),) = found.apply([(100.0, 30.0)])
        there, here = reference.wcs.pixel_to_world(x, y), image.wcs.pixel_to_world(100.0, 30.0)
        assert there.separation(here.icrs).arcsec < 1e-3


def test_what_headers_cannot_say_is_refused() -> None:
    image = Image(np.ones(SHAPE), WCS)
    with pytest.raises(ArgumentError, match="here: must have a celestial WCS"):
        measure_transform(np.ones(SHAPE), reference=image, by="wcs", name="here")
    bent = Image(
        np.ones(SHAPE),
        WCS | {"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-4, "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"},
    )
    with pytest.raises(AlignmentError, match="affine"):
        measure_transform(bent, reference=image, by="wcs")
    far = Image(np.ones(SHAPE), WCS | {"CRVAL2": -60.0})
    with pytest.raises(AlignmentError):
        measure_transform(far, reference=image, by="wcs")


def test_failures_are_results_and_keep_their_place() -> None:
    rng = np.random.default_rng(24)
    stars = field(rng)
    frames = [
        rng.normal(150, 12, SHAPE),
        exposure(rng, stars),
        exposure(rng, stars, about_the_middle(rotation=3)),
    ]
    found = measure_transforms(iter(frames), reference=-2)
    assert [type(one) for one in found] == [AlignmentError, Transform, Transform]
    assert found[0].subject == "images[0]" and found[2].rotation == pytest.approx(-3, abs=0.05)
    with pytest.raises(AlignmentError, match="images\\[0\\]"):
        align(frames, reference=1, by="stars")


@pytest.mark.quick
def test_frames_and_words_that_do_not_fit_are_refused() -> None:
    one, two = Image(np.zeros((40, 50)), {"BUNIT": "adu"}), Image(np.zeros((40, 50)), {"BUNIT": "electron"})
    with pytest.raises(MismatchError):
        align([one, two], by="stars")
    with pytest.raises(MismatchError):
        measure_transform(np.zeros((40, 50)), reference=np.zeros((50, 40)), by="phase")
    for call in (align, measure_transforms):
        with pytest.raises(UnknownNameError, match="by"):
            call([one], by="eye")
    with pytest.raises(UnknownNameError, match="model"):
        measure_transform(one, reference=one, model="cubic")


def test_m13_by_stars_agrees_with_the_shift(shared: Path) -> None:
    from astropy.io import fits

    frames = [fits.getdata(shared / "data" / "m13" / f"M13_blue_000{i}.fits") for i in (1, 2)]
    step = measure_shift(frames[1], reference=frames[0])
    found = measure_transform(frames[1], reference=frames[0])
    middle = np.array(frames[0].shape[::-1]) / 2
    assert np.hypot(*(found.apply([middle])[0] - middle - (step.dx, step.dy))) < 0.5
    assert abs(found.scale - 1) < 2e-3 and abs(found.rotation) < 0.1
    turned = np.ascontiguousarray(np.rot90(frames[1]))
    assert abs(measure_transform(turned, reference=frames[0]).rotation) == pytest.approx(90, abs=0.1)
