"""No coincidence is believed: blemishes, rays, unrelated fields, spectra, turned frames. Stars are found."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import (
    AlignmentError,
    Flag,
    Image,
    find_sources,
    measure_shift,
    measure_shifts,
    measure_transform,
    similarity,
)

SHAPE = (260, 320)


def seen(rng: np.random.Generator, places: np.ndarray, flux: np.ndarray, fwhm: float = 3.0) -> np.ndarray:
    """Stars on a noisy sky."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    sky = np.full(SHAPE, 120.0)
    sigma = fwhm / 2.3548
    for (a, b), total in zip(places, flux, strict=True):
        i, j = round(a), round(b)
        cut = np.s_[max(j - 20, 0) : max(j + 21, 0), max(i - 20, 0) : max(i + 21, 0)]
        far = (x[cut] - a) ** 2 + (y[cut] - b) ** 2
        sky[cut] += total / (2 * np.pi * sigma**2) * np.exp(-far / (2 * sigma**2))
    return rng.poisson(sky) + rng.normal(0, 4, SHAPE)


def stars_of(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    places = np.column_stack([rng.uniform(20, SHAPE[1] - 20, count), rng.uniform(20, SHAPE[0] - 20, count)])
    return places, np.exp(rng.uniform(np.log(3000), np.log(6e4), count))


def blemishes(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Blocks of pixels of different heights, which stay where they are."""
    out = np.zeros(SHAPE)
    for _ in range(count):
        x, y = rng.integers(6, SHAPE[1] - 9), rng.integers(6, SHAPE[0] - 9)
        out[y : y + size, x : x + size] += rng.uniform(500, 2e4) * rng.uniform(0.3, 1, (size, size))
    return out


@pytest.mark.quick
@pytest.mark.parametrize(("size", "count"), [(2, 40), (3, 30)])
def test_blemishes_do_not_outvote_few_stars(size: int, count: int) -> None:
    rng = np.random.default_rng([65, size])
    places, flux = stars_of(rng, 8)
    still, step = blemishes(rng, count, size), np.array([7.3, -4.6])
    image, reference = (seen(rng, places + s, flux) + still for s in (step, 0))
    found = measure_shift(image, reference=reference)
    assert np.hypot(found.dx + 7.3, found.dy - 4.6) < 4 * found.error < 0.3
    turned = measure_transform(image, reference=reference)
    assert turned.is_shift and np.hypot(*np.add(turned.offset, step)) < 4 * turned.error


@pytest.mark.parametrize("seed", range(6))
def test_what_is_fixed_to_the_detector_proves_nothing(seed: int) -> None:
    """Of unrelated fields, of too few stars that moved, and of nothing but blemishes."""
    rng = np.random.default_rng([66, seed])
    still = blemishes(rng, 30, (2, 3)[seed % 2])
    if seed < 4:
        frames = [seen(rng, *stars_of(rng, 2 + 4 * seed)) + still for _ in range(2)]
    else:
        frames = [seen(rng, *stars_of(rng, 0)) + still for _ in range(2)]
    for measure in (measure_shift, measure_transform):
        with pytest.raises(AlignmentError):
            measure(frames[1], reference=frames[0])


def test_frames_at_rest_are_found_at_rest() -> None:
    rng = np.random.default_rng(67)
    for fwhm in (1.6, 2.5, 5.0):
        places, flux = stars_of(rng, 25)
        image, reference = (seen(rng, places + s, flux, fwhm) for s in (np.array([0.2, -0.1]), 0))
        found = measure_shift(image, reference=reference)
        assert np.hypot(found.dx + 0.2, found.dy - 0.1) < 4 * found.error < 0.2


@pytest.mark.quick
@pytest.mark.parametrize("kind", ["dust", "specks", "fringes", "galaxy"])
def test_structure_that_stays_is_not_taken_for_sky_at_rest(kind: str) -> None:
    """No star confirms that the sky rests; with stars that moved, these are followed or the frame is refused."""
    rng = np.random.default_rng([75, len(kind)])
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    still = np.zeros(SHAPE)
    if kind == "fringes":
        for _ in range(4):
            angle, period, phase = rng.uniform(0, np.pi), rng.uniform(15, 40), rng.uniform(0, 6, 2)
            wave = (x * np.cos(angle) + y * np.sin(angle)) / period
            still += 40 * np.cos(2 * np.pi * wave + 3 * np.sin(x / 60 + phase[0]) + phase[1])
    else:
        for _ in range(1 if kind == "galaxy" else 15):
            far = np.hypot(x - rng.uniform(40, SHAPE[1] - 40), y - rng.uniform(40, SHAPE[0] - 40))
            radius, width, height = {"dust": (10, 2.5, -60), "specks": (0, 2, -200), "galaxy": (0, 9, 400)}[
                kind
            ]
            still += height * np.exp(-0.5 * ((far - radius) / width) ** 2)
    frames = [rng.poisson(1000 + still) + rng.normal(0, 4, SHAPE) for _ in range(2)]
    for measure in (measure_shift, measure_transform):
        with pytest.raises(AlignmentError, match="cannot be aligned"):
            measure(frames[1], reference=frames[0])
    places, flux = stars_of(rng, 6)
    try:
        moved, base = (still + 900 + seen(rng, places + step, flux) for step in ((9.4, -5.2), (0, 0)))
        found = measure_shift(moved, reference=base)
    except AlignmentError:
        return
    assert np.hypot(found.dx + 9.4, found.dy - 5.2) < 0.3


@pytest.mark.parametrize("kind", ["half masked", "saturated"])
def test_bright_stars_that_the_other_frame_cannot_show_are_not_asked(kind: str) -> None:
    for seed in range(3):
        rng = np.random.default_rng([76, seed])
        places, flux = stars_of(rng, 50)
        image, reference = (seen(rng, places + step, flux) for step in ((4.3, 2.2), (0, 0)))
        if kind == "saturated":  # the brighter half
            level = 120 + 0.4 * float(np.median(flux)) / 10
            image, lost = (
                np.minimum(image, level),
                np.where(image >= level, np.uint8(Flag.SATURATED), np.uint8(0)),
            )
        else:
            lost = np.zeros(SHAPE, np.uint8)
            lost[:, : SHAPE[1] // 2 + 30 * seed] = Flag.NO_DATA
        found = measure_shift(Image(image, mask=lost), reference=reference)
        assert found.method == "stars" and np.hypot(found.dx + 4.3, found.dy + 2.2) < 4 * found.error < 0.6


def test_spectra_are_not_moved() -> None:
    rng = np.random.default_rng(68)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    light = 1500 * np.exp(-((y - 120 - 0.01 * x) ** 2) / 6) * (1 + 0.4 * np.sin(x / 9))
    frames = []
    for _ in range(2):
        frame = rng.poisson(150 + light) + rng.normal(0, 5, SHAPE)
        for _ in range(60):  # cosmic rays
            i, j = rng.integers(5, SHAPE[1] - 9), rng.integers(5, SHAPE[0] - 9)
            frame[j : j + rng.integers(1, 4), i : i + rng.integers(1, 4)] += rng.uniform(300, 4000)
        frames.append(frame)
    for measure in (measure_shift, measure_transform):
        with pytest.raises(AlignmentError):
            measure(frames[1], reference=frames[0])


@pytest.mark.quick
@pytest.mark.parametrize("rotation", [0.06, 0.3, 1.0, 2.0, 30.0])
def test_a_shift_is_refused_where_frames_are_turned(rotation: float) -> None:
    rng = np.random.default_rng(69)
    places, flux = stars_of(rng, 40)
    middle = np.array([160.0, 130.0])
    turn = similarity(rotation=rotation)
    there = (places - middle) @ np.array(turn.matrix).T + middle + (6.3, -4.7)
    image, reference = seen(rng, there, flux), seen(rng, places, flux)
    with pytest.raises(AlignmentError, match=r"must not be turned.* align by \"stars\""):
        measure_shift(image, reference=reference)
    found = measure_transform(image, reference=reference)
    assert np.hypot(*(found.apply(there) - places).T).max() < 0.1
    assert found.rotation == pytest.approx(-rotation, abs=0.02)


def test_a_group_tells_blemishes_from_stars_where_a_pair_cannot() -> None:
    """Frames at the pointing of the reference: what does not move with the others is left out."""
    rng = np.random.default_rng(70)
    places, flux = stars_of(rng, 12)
    ghosts = seen(np.random.default_rng(0), *stars_of(rng, 25)) - 120  # as wide as stars, without noise
    still = np.where(ghosts > 40, ghosts, 0)
    steps = [(0, 0), (0.4, 0.3), (9, -6), (-7, 4), (5, 8)]
    found = measure_shifts([seen(rng, places + step, flux) + still for step in steps])
    for one, (dx, dy) in zip(found[1:], steps[1:], strict=True):
        assert np.hypot(one.dx + dx, one.dy + dy) < 0.1


@pytest.mark.quick
def test_tables_measured_before_give_the_same() -> None:
    rng = np.random.default_rng(71)
    places, flux = stars_of(rng, 30)
    frames = [seen(rng, places + step, flux) for step in ((3.5, 1.0), (0, 0))]
    tables = [find_sources(frame) for frame in frames]
    given = {"stars": tables[0], "reference_stars": tables[1]}
    assert measure_shift(frames[0], reference=frames[1], **given) == measure_shift(
        frames[0], reference=frames[1]
    )
    assert measure_transform(frames[0], reference=frames[1], **given) == measure_transform(
        frames[0], reference=frames[1]
    )
    assert measure_shifts(frames, reference=1, stars=tables) == measure_shifts(frames, reference=1)
