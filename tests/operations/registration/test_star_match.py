"""match_stars: lists of stars with known transforms, of other depth, with much that is no star; and unrelated lists."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import (
    AlignmentError,
    ArgumentError,
    ArgumentTypeError,
    Transform,
    UnknownNameError,
    match_stars,
    similarity,
)
from ccdfx.operations.registration.star_match import fitted_transform
from ccdfx.operations.registration.triangles import candidates

FIELD = 1000.0


def seen(
    rng: np.random.Generator, places: np.ndarray, flux: np.ndarray, count: int, spurious: float
) -> np.ndarray:
    """What an exposure lists of a field: its `count` brightest stars, roughly, and a share of other things among them."""
    order = np.argsort(-flux * rng.lognormal(0, 0.2, flux.size))[:count]
    stars = places[order] + rng.normal(0, 0.08, (len(order), 2))
    more = round(count * spurious / (1 - spurious))
    others = rng.uniform(stars.min(axis=0), stars.max(axis=0), (more, 2))
    listed = np.vstack([stars, others])
    return listed[np.argsort(-np.concatenate([flux[order], rng.pareto(1, more) + 1]))]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("scale", [0.9, 1.0, 1.1])
@pytest.mark.parametrize("rotation", [0.3, 5.0, 90.0, 177.0])
def test_rotation_scale_and_mirror_with_half_of_the_list_spurious(
    rotation: float, scale: float, flip: bool
) -> None:
    rng = np.random.default_rng(int(10 * rotation * scale) + flip)
    field, flux = rng.uniform(0, FIELD, (70, 2)), rng.pareto(1, 70) + 1
    true = similarity(rotation=rotation, scale=scale, flip=flip, offset=(130.0, -210.0))
    deep, shallow = seen(rng, field, flux, 70, 0.5), seen(rng, true.apply(field), flux, 35, 0.5)
    found = match_stars(deep, reference=shallow)
    assert found.flipped is flip and found.matched >= 20 and found.chance < 1e-6
    assert np.hypot(*(found.apply(field) - true.apply(field)).T).max() < 0.1
    # The errors say how far off it is: the middle and the corners of the field.
    middle = field.mean(axis=0)
    off = np.hypot(*(found.apply([middle]) - true.apply([middle]))[0])
    assert off < 5 * found.error and found.error < 0.05 and 0.1 < found.rms < 0.2
    assert abs(np.array(found.matrix) - np.array(true.matrix)).max() < 5 * found.matrix_error
    stars = np.array(found.pairs)
    assert np.hypot(*(found.apply(deep[stars[:, 0]]) - shallow[stars[:, 1]]).T).max() < 1.0


@pytest.mark.parametrize("seeds", [range(9), pytest.param(range(9, 60), marks=pytest.mark.slow)], ids=len)
def test_no_unrelated_fields_are_matched(seeds: range) -> None:
    """The limit promises one false match in 10,000; of these 60 pairs, some crowded, some clustered, none is."""
    matched = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        lists = []
        for _ in range(2):
            count = int(rng.integers(4, 150))
            stars = rng.uniform(0, FIELD, (count, 2))
            if seed % 3 == 0:  # a cluster
                stars[: count // 2] = rng.normal(FIELD / 2, 40, (count // 2, 2))
            lists.append(stars)
        try:
            match_stars(lists[0], reference=lists[1])
        except AlignmentError:
            continue
        matched += 1
    assert matched == 0


@pytest.mark.quick
@pytest.mark.parametrize("times", [2, 3])
def test_a_star_listed_several_times_counts_once(times: int) -> None:
    for seed in range(8):
        rng = np.random.default_rng([29, seed])
        lists = [
            np.repeat(rng.uniform(0, FIELD, (20, 2)), times, axis=0) + rng.normal(0, 0.2, (20 * times, 2))
            for _ in range(2)
        ]
        with pytest.raises(AlignmentError):
            match_stars(lists[0], reference=lists[1])
    turned = similarity(rotation=20.0, offset=(40.0, 3.0)).apply(lists[0])
    assert match_stars(lists[0], reference=turned).matched == 20


def test_positions_on_a_grid_are_ambiguous() -> None:
    grid = 100 * np.array([(x, y) for x in range(10) for y in range(10)], float)
    for seed in range(5):
        rng = np.random.default_rng([30, seed])
        lists = [grid[rng.permutation(100)[:50]] + rng.normal(0, 0.2, (50, 2)) for _ in range(2)]
        with pytest.raises(AlignmentError, match="on another one"):
            match_stars(lists[0], reference=lists[1])


def test_the_refusal_states_the_odds() -> None:
    rng = np.random.default_rng(3)
    with pytest.raises(
        AlignmentError, match=r"night3: cannot be matched: of 40 stars here and 30 .* needed.*; find"
    ):
        match_stars(rng.uniform(0, 300, (40, 2)), reference=rng.uniform(0, 300, (30, 2)), name="night3")


@pytest.mark.quick
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_stars_prove_nothing(count: int) -> None:
    stars = np.random.default_rng(4).uniform(0, 100, (count, 2))
    with pytest.raises(AlignmentError, match="no four agree"):
        match_stars(stars, reference=stars + 5)


def test_stars_on_one_place_or_one_line_prove_nothing() -> None:
    with pytest.raises(AlignmentError):
        match_stars(np.full((20, 2), 7.0), reference=np.full((20, 2), 7.0))
    line = np.column_stack([np.arange(20.0) ** 1.5, np.zeros(20)])
    with pytest.raises(AlignmentError):
        match_stars(line, reference=line)


def test_a_shift_is_not_rotated_by_its_noise() -> None:
    rng = np.random.default_rng(5)
    field = rng.uniform(0, FIELD, (40, 2))
    found = match_stars(field + rng.normal(0, 0.1, (40, 2)), reference=field + np.array([20.5, -3.25]))
    assert found.is_shift and found.matrix_error == 0
    assert np.hypot(*np.subtract(found.offset, (20.5, -3.25))) < 0.08


def test_shear_needs_the_affine_model() -> None:
    rng = np.random.default_rng(6)
    field = rng.uniform(0, FIELD, (80, 2))
    true = Transform(((1.0, 0.001), (0.0005, 1.0008)), (3.0, 4.0))
    there = true.apply(field) + rng.normal(0, 0.05, field.shape)
    plain, full = (match_stars(field, reference=there, model=model) for model in ("similarity", "affine"))
    assert full.rms < 0.1 < plain.rms
    assert np.allclose(full.matrix, true.matrix, atol=5 * full.matrix_error)
    assert full.matched == 79  # two lie closer than the tolerance and count as one


def test_the_detectors_own_pattern_does_not_outvote_the_stars() -> None:
    rng = np.random.default_rng(7)
    stars, fixed = rng.uniform(0, FIELD, (30, 2)), rng.uniform(0, FIELD, (60, 2))
    true = similarity(rotation=2.0, offset=(12.0, -4.0))
    found = match_stars(np.vstack([fixed, stars]), reference=np.vstack([fixed, true.apply(stars)]))
    assert found.rotation == pytest.approx(2.0, abs=0.01) and found.matched == 30


@pytest.mark.quick
def test_tables_are_ordered_by_their_flux_and_weighed_by_their_noise() -> None:
    rng = np.random.default_rng(8)
    table = np.zeros(60, [(name, float) for name in ("x", "y", "flux", "snr", "fwhm")])
    table["x"], table["y"] = rng.uniform(0, FIELD, (2, 60))
    table["flux"], table["fwhm"] = rng.pareto(1, 60) + 1, 3.0
    table["snr"] = 20 * table["flux"]
    other = table.copy()
    other["x"], other["y"] = (
        similarity(rotation=45, offset=(10, 20)).apply(np.column_stack([table["x"], table["y"]])).T
    )
    shuffled = rng.permutation(60)
    found = match_stars(table, reference=other[shuffled])
    assert found.matched == 60 and all(shuffled[j] == i for i, j in found.pairs)


def test_scales_are_limited() -> None:
    stars = np.random.default_rng(9).uniform(0, FIELD, (40, 2))
    assert match_stars(stars, reference=3 * stars, scales=(2, 4)).scale == pytest.approx(3)
    with pytest.raises(AlignmentError):
        match_stars(stars, reference=3 * stars)


def test_the_order_of_equal_brightness_does_not_matter_and_repeats_give_the_same() -> None:
    rng = np.random.default_rng(10)
    stars = rng.uniform(0, FIELD, (30, 2))
    there = similarity(rotation=33).apply(stars) + rng.normal(0, 0.1, stars.shape)
    one, two = (match_stars(stars, reference=there) for _ in range(2))
    turned = match_stars(stars[::-1], reference=there)
    assert one == two and np.allclose(turned.matrix, one.matrix, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"model": "cubic"}, UnknownNameError),
        ({"tolerance": 0}, ArgumentError),
        ({"scales": (2, 1)}, ArgumentError),
        ({"scales": 1}, ArgumentTypeError),
        ({"reference": [(1, np.nan)]}, ArgumentError),
        ({"reference": "stars"}, ArgumentTypeError),
        ({"reference": [1, 2, 3]}, ArgumentError),
        ({"reference": None}, ArgumentTypeError),
        ({"reference": [(1e200, 0)]}, ArgumentError),
    ],
)
def test_bad_arguments_are_refused(options: dict, error: type) -> None:
    stars = np.random.default_rng(11).uniform(0, 100, (10, 2))
    with pytest.raises(error):
        match_stars(stars, **{"reference": stars, **options})


@pytest.mark.quick
@pytest.mark.parametrize("model", ["shift", "similarity", "affine"])
def test_fits_are_those_of_least_squares(model: str) -> None:
    rng = np.random.default_rng(12)
    here, there, weights = rng.normal(0, 50, (20, 2)), rng.normal(0, 50, (20, 2)), rng.uniform(0.5, 2, 20)
    matrix, offset = fitted_transform(there, here, weights, model)

    def loss(matrix: np.ndarray, offset: np.ndarray) -> float:
        return float((weights[:, None] * (there - here @ matrix.T - offset) ** 2).sum())

    least = loss(matrix, offset)
    sign = np.sign(np.linalg.det(matrix))
    free = {
        "shift": [], "similarity": [np.diag([1.0, sign]), np.array([[0, -sign], [1, 0]])],
        "affine": [np.outer(*pair) for pair in np.eye(2)[[[0, 0], [0, 1], [1, 0], [1, 1]]]],
    }[model]  # fmt: skip
    for step in (1e-3, -1e-3):
        assert all(loss(matrix + step * direction, offset) > least for direction in free)
        assert all(loss(matrix, offset + step * direction) > least for direction in np.eye(2))


@pytest.mark.quick
def test_the_true_similarity_has_most_votes() -> None:
    rng = np.random.default_rng(13)
    here = rng.uniform(0, 500, 12) + 1j * rng.uniform(0, 500, 12)
    best = candidates(0.9j * np.conj(here) + 7, here, 1.0, (0.5, 2.0))[0]
    assert best.flip and best.a == pytest.approx(0.9j) and best.b == pytest.approx(7) and best.votes > 100
