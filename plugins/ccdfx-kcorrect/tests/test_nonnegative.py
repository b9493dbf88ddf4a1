"""The kernel against every active set there is, and against scipy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import nnls

from ccdfx_kcorrect.nonnegative import fit_pixels


def fit(flux: np.ndarray, weight: np.ndarray, design: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    coefficients, chi2 = np.empty((design.shape[1], flux.shape[1])), np.empty(flux.shape[1])
    fit_pixels(flux, weight, design, coefficients, chi2)
    return coefficients, chi2


def best_of_all_sets(design: np.ndarray, data: np.ndarray) -> float:
    """chi2 of the best non-negative sum, found by least squares over every set of columns."""
    found = float(data @ data)
    for size in range(1, min(design.shape) + 1):
        for chosen in itertools.combinations(range(design.shape[1]), size):
            part = design[:, chosen]
            solution = np.linalg.lstsq(part, data, rcond=None)[0]
            if (solution >= 0).all():
                found = min(found, float(np.square(data - part @ solution).sum()))
    return found


@pytest.mark.parametrize(("bands", "templates"), [(3, 5), (5, 5), (8, 5), (1, 3), (4, 1)])
def test_chi2_is_that_of_the_best_active_set(bands: int, templates: int) -> None:
    rng = np.random.default_rng(bands)
    design = rng.exponential(size=(bands, templates)) * 10.0 ** rng.uniform(-3, 1, templates)
    truth = rng.exponential(size=(templates, 150)) * (rng.random((templates, 150)) < 0.5)
    weight = 10.0 ** rng.uniform(0, 2, (bands, 150))
    flux = design @ truth + rng.normal(size=(bands, 150)) * 3 / weight
    coefficients, chi2 = fit(flux, weight, design)
    assert (coefficients >= 0).all()
    left = (weight * (flux - design @ coefficients)) ** 2
    assert np.allclose(chi2, left.sum(axis=0), rtol=1e-9, atol=1e-9)
    for pixel in range(150):
        one = weight[:, pixel]
        assert chi2[pixel] == pytest.approx(
            best_of_all_sets(design * one[:, None], flux[:, pixel] * one), rel=1e-10, abs=1e-10
        )


def test_coefficients_are_those_of_scipy_also_where_they_are_not_unique() -> None:
    rng = np.random.default_rng(3)
    design = rng.exponential(size=(3, 5))
    flux, weight = rng.normal(2, 3, (3, 400)), 10.0 ** rng.uniform(-1, 1, (3, 400))
    coefficients, _ = fit(flux, weight, design)
    for pixel in range(400):
        one = weight[:, pixel]
        expected, _ = nnls(design * one[:, None], flux[:, pixel] * one)
        assert np.allclose(coefficients[:, pixel], expected, rtol=1e-8, atol=1e-10)


def test_a_band_without_weight_does_not_count_whatever_it_holds() -> None:
    rng = np.random.default_rng(4)
    design, flux = rng.exponential(size=(4, 3)), rng.exponential(size=(4, 20))
    with_three = fit(flux[:3].copy(), np.ones((3, 20)), design[:3].copy())
    flux[3], weight = np.nan, np.ones((4, 20))
    weight[3] = 0
    with_four = fit(flux, weight, design)
    for three, four in zip(with_three, with_four, strict=True):
        assert np.allclose(three, four, rtol=1e-12, atol=1e-14)


def test_no_template_is_positive_for_negative_fluxes_or_none() -> None:
    design = np.array([[1.0, 2.0], [3.0, 1.0]])
    flux, weight = np.array([[-1.0, 5.0], [-2.0, 5.0]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    coefficients, chi2 = fit(flux, weight, design)
    assert (coefficients == 0).all() and chi2.tolist() == [5.0, 0.0]


def test_columns_that_depend_on_each_other_and_columns_of_zeros() -> None:
    design = np.array([[1.0, 2.0, 0.0, 1.0], [1.0, 2.0, 0.0, 0.0], [1.0, 2.0, 0.0, 3.0]])
    coefficients, chi2 = fit(np.array([[3.0], [2.0], [5.0]]), np.ones((3, 1)), design)
    assert chi2[0] == pytest.approx(0, abs=1e-20)
    assert np.allclose(design @ coefficients[:, 0], [3, 2, 5])
