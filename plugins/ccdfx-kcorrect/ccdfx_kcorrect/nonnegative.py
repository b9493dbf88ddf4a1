"""Non-negative least squares for many pixels: the active sets of Lawson and Hanson, compiled.

The functions share small arrays, made once for all pixels. `columns` (templates, bands) are the templates divided by
sigma, `data` (bands) the fluxes divided by sigma, `gram` and `gains` the products of columns with columns and data.
The columns that are in are listed in `order`; `triangle` is the lower Cholesky factor of their part of `gram`, with the
inverse of its diagonal, `parts` what it makes of their gains, and `trial` their least squares.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Sums may be taken in another order, which hides the latency of short ones; NaN and infinities are as they should be.
_compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
_DEPENDENT = 1e-14  # of the square of a column: what is left of it beside the others is rounding
_NO_GAIN = 1e-28  # of |column|^2 |data|^2: a squared gradient that small is rounding


@_compiled
def fit_pixels(flux, weight, design, coefficients, chi2):
    """Minimise ``sum((weight (flux - design @ coefficients))**2)``, coefficients >= 0, in every pixel.

    `flux` and `weight` are (bands, n); the weight is 1 / sigma, and 0 leaves a band out, whatever its flux. `design`
    is (bands, templates). `coefficients` (templates, n) and `chi2` (n) are filled; where no template is positive
    the coefficients are 0.
    """
    bands, templates = design.shape
    columns, data = np.empty((templates, bands)), np.empty(bands)
    gram, gains = np.empty((templates, templates)), np.empty(templates)
    triangle, parts, trial = np.empty((templates, templates)), np.empty(templates), np.empty(templates)
    solution, closed, order = (
        np.empty(templates),
        np.empty(templates, np.bool_),
        np.empty(templates, np.int64),
    )
    for pixel in range(flux.shape[1]):
        rank = 0  # as many columns as bands with a weight can be independent
        for k in range(bands):
            scale = weight[k, pixel]
            rank += scale > 0
            data[k] = flux[k, pixel] * scale if scale > 0 else 0.0
            for j in range(templates):
                columns[j, k] = design[k, j] * scale
        least = _NO_GAIN * _multiply(columns, data, gram, gains)
        for j in range(templates):
            solution[j], closed[j] = 0.0, False
        count = 0
        # Lawson and Hanson, Solving Least Squares Problems (1974), chapter 23: from zero the column with the
        # steepest gradient comes in, and those that would turn negative leave again. Every round lowers the squares,
        # so that the bound is for peace of mind.
        for _ in range(10 * templates):
            new = _steepest(gram, gains, order, count, trial, closed, least) if count < rank else -1
            if new < 0:
                break
            closed[new] = True
            order[count] = new
            if not _append(gram, gains, order, count, triangle, parts) or not parts[count] > 0:
                continue  # it depends on those that are in, and stays closed until they change
            count += 1
            while not _all_positive(triangle, parts, count, trial):
                first, count = _step_back(order, count, trial, solution)
                for i in range(first, count):
                    _append(gram, gains, order, i, triangle, parts)
            for j in range(templates):
                closed[j] = False
            for i in range(count):
                closed[order[i]] = True
                solution[order[i]] = trial[i]
        chi2[pixel] = _refine(columns, data, order, count, triangle, parts, trial, solution)
        for j in range(templates):
            coefficients[j, pixel] = solution[j]


@_compiled
def _multiply(columns, data, gram, gains):
    """Fill `gram` and `gains`; gives the square of the data."""
    templates, bands = columns.shape
    for j in range(templates):
        gain = 0.0
        for k in range(bands):
            gain += columns[j, k] * data[k]
        gains[j] = gain
        for i in range(j + 1):
            product = 0.0
            for k in range(bands):
                product += columns[j, k] * columns[i, k]
            gram[i, j] = gram[j, i] = product
    squares = 0.0
    for k in range(bands):
        squares += data[k] * data[k]
    return squares


@_compiled
def _steepest(gram, gains, order, count, trial, closed, least):
    """The column along which the squares fall fastest, or -1 where none lowers them."""
    best, steepest = -1, 0.0
    for j in range(gains.size):
        if closed[j]:
            continue
        gradient = gains[j]
        for i in range(count):
            gradient -= gram[j, order[i]] * trial[i]
        if gradient > steepest and gradient * gradient > least * gram[j, j]:
            best, steepest = j, gradient
    return best


@_compiled
def _append(gram, gains, order, count, triangle, parts):
    """Factorise column number `count` of `order`; False where it depends on those before."""
    j = order[count]
    pivot, part = gram[j, j], gains[j]
    for i in range(count):
        value = gram[j, order[i]]
        for k in range(i):
            value -= triangle[count, k] * triangle[i, k]
        value *= triangle[i, i]
        triangle[count, i] = value
        pivot -= value * value
        part -= value * parts[i]
    if not pivot > _DEPENDENT * gram[j, j]:
        triangle[count, count] = parts[count] = 0.0  # so that it leaves again, should it stay
        return False
    triangle[count, count] = 1 / np.sqrt(pivot)
    parts[count] = part * triangle[count, count]
    return True


@_compiled
def _all_positive(triangle, parts, count, trial):
    """Solve for `trial`, the least squares over the columns that are in; whether all of it is positive."""
    positive = True
    for i in range(count - 1, -1, -1):
        value = parts[i]
        for j in range(i + 1, count):
            value -= triangle[j, i] * trial[j]
        trial[i] = value * triangle[i, i]
        positive &= trial[i] > 0
    return positive


@_compiled
def _step_back(order, count, trial, solution):
    """Go from the solution towards the trial until a coefficient is zero, and let it leave.

    Returns the place from which `order` has changed, and the count.
    """
    fraction, leaving = 2.0, 0
    for i in range(count):
        if not trial[i] > 0:
            here = solution[order[i]]
            way = here / (here - trial[i]) if here > 0 else 0.0
            if way < fraction:
                fraction, leaving = way, i
    first, kept = count, 0
    for i in range(count):
        j = order[i]
        solution[j] += fraction * (trial[i] - solution[j])
        if i == leaving or not solution[j] > 0:
            solution[j] = 0.0
            first = min(first, i)
        else:
            order[kept] = j
            kept += 1
    return first, kept


@_compiled
def _refine(columns, data, order, count, triangle, parts, trial, solution):
    """Solve once more for what the solution leaves, which takes back what the squares in `gram` lost; gives chi2."""
    chi2 = 0.0
    for i in range(count):
        parts[i] = 0.0
    for k in range(data.size):
        left = data[k]
        for i in range(count):
            left -= columns[order[i], k] * trial[i]
        chi2 += left * left
        for i in range(count):
            parts[i] += columns[order[i], k] * left
    for i in range(count):
        for j in range(i):
            parts[i] -= triangle[i, j] * parts[j]
        parts[i] *= triangle[i, i]
        chi2 -= parts[i] * parts[i]
    _all_positive(triangle, parts, count, trial)
    for i in range(count):
        solution[order[i]] = max(solution[order[i]] + trial[i], 0.0)
    return max(chi2, 0.0)
