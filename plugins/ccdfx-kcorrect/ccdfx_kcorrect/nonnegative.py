"""Non-negative least squares for many pixels: the active-set method of Lawson and Hanson, compiled.

The functions share small arrays, allocated once for all pixels. `columns` (templates, bands) are the
templates divided by sigma, `data` (bands) the fluxes divided by sigma, `gram` and `gains` the products of
columns with columns and with data. `order` lists the columns in the fit, `triangle` is the lower Cholesky
factor of their part of `gram`, with the inverse of its diagonal, `parts` the solution of this triangle for
their gains, and `trial` their least squares solution.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Reordered sums hide the latency of short ones; NaN and infinities are still handled correctly.
_compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
_DEPENDENT = 1e-14  # relative to |column|^2: a column with a smaller remainder depends on others
_NO_GAIN = 1e-28  # relative to |column|^2 |data|^2: a smaller squared gradient is rounding


@_compiled
def fit_pixels(flux, weight, design, coefficients, chi2):
    """Minimise ``sum((weight (flux - design @ coefficients))**2)``, coefficients >= 0, in every pixel.

    `flux` and `weight` are (bands, n); the weight is 1 / sigma, and 0 leaves a band out, whatever its flux.
    `design` is (bands, templates). `coefficients` (templates, n) and `chi2` (n) are filled; if no template is
    positive, all coefficients are 0.
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
        rank = 0  # the number of bands with a weight limits that of independent columns
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
        # Lawson and Hanson, Solving Least Squares Problems (1974), chapter 23: start from zero, add the
        # column with the steepest gradient, and remove columns that would become negative. Every round
        # lowers the sum of squares, so that the limit of rounds is only a safeguard.
        for _ in range(10 * templates):
            new = _steepest(gram, gains, order, count, trial, closed, least) if count < rank else -1
            if new < 0:
                break
            closed[new] = True
            order[count] = new
            if not _append(gram, gains, order, count, triangle, parts) or not parts[count] > 0:
                continue  # dependent: excluded until the columns in the fit change
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
    """Fill `gram` and `gains`; return the sum of squares of the data."""
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
    """Return the column along which the sum of squares falls fastest, or -1 if none lowers it."""
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
    """Factorise column number `count` of `order`; return False if it depends on those before."""
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
        triangle[count, count] = parts[count] = 0.0  # its trial is then 0, and it is removed
        return False
    triangle[count, count] = 1 / np.sqrt(pivot)
    parts[count] = part * triangle[count, count]
    return True


@_compiled
def _all_positive(triangle, parts, count, trial):
    """Solve for `trial`, the least squares over the columns in the fit; return whether all are positive."""
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
    """Go from the solution towards the trial until a coefficient is zero, and remove it.

    Return the place from which `order` has changed, and the count.
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
    """Solve once more for the residuals, to correct the rounding errors of `gram`; return chi2."""
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
