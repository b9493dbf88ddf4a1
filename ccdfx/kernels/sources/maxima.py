"""Point-like sources: noise, local maxima, windowed moments, gradients around stars.

Positions are 0-based and refer to pixel centres. Planes are float32 or float64 without NaN: bad pixels have
been replaced from their neighbours, and `bad` marks them.
"""

from __future__ import annotations

import math

import numpy as np

from ccdfx.kernels.compile.kernel import REORDERED_SUMS, kernel
from ccdfx.kernels.image.blocks import middle

_SETTLED = 4  # steps of a centroid after which their lengths shrink steadily
_LONGEST = 3.0  # times twice the centroid: the longest step
_SPARSE = 8  # one of that many pixels is used: the others are not looked at


@kernel
def noise_mesh(array, bad, step, out):
    """Estimate the scatter in blocks of step x step from differences of neighbours in a row, or NaN.

    Their absolute median is robust against stars and gradients: sigma = median / (0.6745 sqrt 2).
    """
    ny, nx = array.shape
    values = np.empty(step * step, array.dtype)
    for block_y in range(out.shape[0]):
        for block_x in range(out.shape[1]):
            count = 0
            x0, x1 = block_x * step, min((block_x + 1) * step, nx)
            for y in range(block_y * step, min((block_y + 1) * step, ny), 4):
                row, wrong = array[y, x0:x1], bad[y, x0:x1]
                for x in range(row.size // 2):
                    values[count] = abs(row[2 * x] - row[2 * x + 1])
                    count += not (wrong[2 * x] | wrong[2 * x + 1])
            out[block_y, block_x] = middle(values[:count]) / 0.9538726 if count else math.nan


@kernel
def drop_twins(x, y, snr, distance, keep):
    """Keep the most significant of sources closer than `distance`; they must be sorted by y."""
    for i in range(x.size):
        j = i + 1
        while j < x.size and y[j] - y[i] < distance:
            if math.hypot(x[j] - x[i], y[j] - y[i]) < distance:
                keep[i if snr[i] < snr[j] else j] = False
            j += 1


@kernel
def local_maxima(plane, threshold, border, found):
    """Find pixels above `threshold` and their eight neighbours: store (y, x) in `found`, return the count.

    The count may exceed the length of `found`. Of equal neighbours the first in row order is taken.
    """
    ny, nx = plane.shape
    count = 0
    for y in range(max(border, 1), ny - max(border, 1)):
        for x in range(max(border, 1), nx - max(border, 1)):
            value = plane[y, x]
            if value <= threshold:
                continue
            if (
                value > plane[y, x - 1]
                and value >= plane[y, x + 1]
                and value > plane[y - 1, x - 1]
                and value > plane[y - 1, x]
                and value > plane[y - 1, x + 1]
                and value >= plane[y + 1, x - 1]
                and value >= plane[y + 1, x]
                and value >= plane[y + 1, x + 1]
            ):
                if count < found.shape[0]:
                    found[count, 0], found[count, 1] = y, x
                count += 1
    return count


@kernel
def look_at(plane, x, y, reach):
    """Return the sum of some pixels around a place, one of each cache line.

    Cache lines that are read one after the other, and not only where they are needed, come at the same time.
    """
    ny, nx = plane.shape
    line = 64 // plane.itemsize
    x_lower, x_upper = max(math.floor(x - reach), 0), min(math.ceil(x + reach) + 1, nx)
    total = 0.0
    for j in range(max(math.floor(y - reach), 0), min(math.ceil(y + reach) + 1, ny)):
        for i in range(x_lower, x_upper, line):
            total += plane[j, i]
        if x_upper > x_lower:
            total += plane[j, x_upper - 1]
    return total


@kernel
def ring_level(array, bad, x, y, inner, outer, values):
    """Return median, scatter (1.4826 MAD) and number of the good pixels with ``inner < r <= outer``.

    `bad` without rows marks none; values that are not finite are bad, too.

    At most ``values.size`` pixels, evenly sampled, are used, after clipping at 3 times the scatter. The
    number is that of the pixels kept, scaled up by the sampling.
    """
    ny, nx = array.shape
    x_lower, x_upper = max(math.ceil(x - outer), 0), min(math.floor(x + outer) + 1, nx)
    y_lower, y_upper = max(math.ceil(y - outer), 0), min(math.floor(y + outer) + 1, ny)
    expected = math.pi * (outer * outer - inner * inner)
    stride = int(expected // values.size) + 1
    jump = stride if stride >= _SPARSE else 1  # in a row; with fewer bad pixels it samples as evenly
    count, seen, until, first = 0, 0, 0, 0
    least, most = inner * inner, outer * outer
    flagged = bad.shape[0] > 0
    for j in range(y_lower, y_upper):
        dy2 = (j - y) ** 2
        if dy2 > most:
            continue
        # Between the two sides of the ring nothing is looked at; at its edges the squares decide.
        far, near = math.sqrt(most - dy2), math.sqrt(max(least - dy2, 0.0))
        start, end = max(math.ceil(x - far) - 1, x_lower) + first, min(math.floor(x + far) + 2, x_upper)
        left, right = math.ceil(x - near) + 1, math.floor(x + near) - 1
        if left >= right - 1:
            left, right = end, end
        for side in range(2):
            if side:
                start = max(start, start + (right - start + jump - 1) // jump * jump)
            stop = end if side else min(left + 1, end)
            for i in range(start, stop, jump):
                r2 = (i - x) ** 2 + dy2
                value = array[j, i]
                good = (least < r2) & (r2 <= most) & np.isfinite(value)
                if flagged:
                    good &= bad[j, i] == 0
                # No branch: whether a pixel is taken is not to be predicted.
                if count < values.size:
                    values[count] = value
                    taken = good & (until <= 0)
                    count += taken
                    until = stride if taken else until
                until -= jump * good
                seen += jump * good
            if stop > start:
                start += (stop - start + jump - 1) // jump * jump
        first = max(start - end, 0) % jump
    if count == 0:
        return 0.0, 0.0, 0
    distances = np.empty(count, values.dtype)
    median, scatter = 0.0, 0.0
    for _ in range(3):
        median = middle(values[:count])
        for k in range(count):
            distances[k] = abs(values[k] - median)
        scatter = 1.482602218505602 * middle(distances[:count])
        if scatter == 0:
            break
        inside = 0
        for k in range(count):
            values[inside] = values[k]
            inside += abs(values[k] - median) <= 3 * scatter
        if inside == count:
            break
        count = inside
    return median, scatter, min(seen, count * stride)


@kernel
def windowed(array, x, y, sigma, reach, level, steps):
    """Iterate a centroid in a Gaussian window of `sigma`, cut at `reach`; return it and the moments there.

    Result: x, y, sum of w p, sum of w w, mxx, myy, mxy, last step, with p above `level`. The sum of w p is
    NaN when it is not positive or the window leaves the frame.
    """
    ny, nx = array.shape
    total, squares, mxx, myy, mxy, last = math.nan, 0.0, 0.0, 0.0, 0.0, math.inf
    across = np.empty(2 * int(reach) + 3)
    px, py, part = 0.0, 0.0, 1.0  # the centroid before, and what part of the step to it was made
    for step in range(steps):
        if not (0 <= x <= nx - 1 and 0 <= y <= ny - 1):
            return x, y, math.nan, 0.0, 0.0, 0.0, 0.0, last
        total, squares, mx, my, mxx, myy, mxy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        x_lower, x_upper = max(math.ceil(x - reach), 0), min(math.floor(x + reach) + 1, nx)
        for i in range(x_lower, x_upper):
            across[i - x_lower] = math.exp(-0.5 * ((i - x) / sigma) ** 2)
        for j in range(max(math.ceil(y - reach), 0), min(math.floor(y + reach) + 1, ny)):
            dy = j - y
            down = math.exp(-0.5 * (dy / sigma) ** 2)
            half = math.sqrt(max(reach * reach - dy * dy, 0.0))
            first, end = max(math.ceil(x - half), x_lower), min(math.floor(x + half) + 1, x_upper)
            if end <= first:
                continue
            weights = across[first - x_lower : end - x_lower]
            flux, first_moment, second, ww = _row_moments(array[j, first:end], weights, level, first - x)
            total += down * flux
            squares += down * down * ww
            mx += down * first_moment
            my += down * flux * dy
            mxx += down * second
            myy += down * flux * dy * dy
            mxy += down * first_moment * dy
        if not total > 0:
            return x, y, math.nan, squares, 0.0, 0.0, 0.0, last
        mx, my = mx / total, my / total
        mxx, myy, mxy = mxx / total - mx * mx, myy / total - my * my, mxy / total - mx * my
        before, last = last, 2 * math.hypot(mx, my)
        if last < 1e-4:
            break
        # A window much wider than its source makes steps of equal length to and fro.
        if step >= _SETTLED and last * min(last / before, 1.0) ** (steps - step - 1) > 0.5 * sigma:
            break
        # The offset of a Gaussian as wide as its window is twice the centroid measured in the window. That of a narrower
        # one is less, of a wider one more, which the change of the centroid along the step before tells.
        change = px * (px - mx) + py * (py - my)
        part = min(max(part * (px * px + py * py) / change, 0.5), _LONGEST) if change > 0 else 1.0
        px, py = mx, my
        x += 2 * part * mx
        y += 2 * part * my
    if not (0 <= x <= nx - 1 and 0 <= y <= ny - 1):
        total = math.nan
    return x, y, total, squares, mxx, myy, mxy, last


@kernel(fastmath=REORDERED_SUMS)
def _row_moments(row, weights, level, first):
    """Sum p = w (row - level), p x, p x x and w w over a row that begins at x = `first`."""
    p, px, pxx, ww = 0.0, 0.0, 0.0, 0.0
    for i in range(row.size):
        w, x = weights[i], first + i
        value = w * (row[i] - level)
        p += value
        px += value * x
        pxx += value * x * x
        ww += w * w
    return p, px, pxx, ww


@kernel
def measure_sources(array, bad, found, sigma, out):
    """Measure background and windowed moments of the sources near the positions `found` (y, x).

    A row of `out`: x, y, level, scatter, sum of w p, sum of w w, mxx, myy, mxy, last step, weight of bad
    pixels, central pixel, mean of the pixels around it.
    """
    values = np.empty(256, array.dtype)
    ny, nx = array.shape
    reach = 3 * sigma
    across = np.empty(2 * int(reach) + 6)
    for k in range(found.shape[0]):
        y, x = found[k, 0], found[k, 1]
        # Stored where it is written over, so that it is not left out.
        out[k, 2] = look_at(array, x, y, 6.5 * sigma + 2)
        out[k, 3] = look_at(bad, x, y, 6.5 * sigma + 2)
        level, scatter, _ = ring_level(array, bad, x, y, 3.5 * sigma + 1, 6.5 * sigma + 2, values)
        moments = windowed(array, x, y, sigma, reach, level, 25)
        out[k, 2], out[k, 3] = level, scatter
        out[k, 0], out[k, 1] = moments[0], moments[1]
        for m in range(2, 8):
            out[k, m + 2] = moments[m]
        out[k, 10:] = 0
        if not moments[2] > 0:
            continue
        x, y = moments[0], moments[1]
        column, row = round(x), round(y)
        weights, spoilt, around, count = 0.0, 0.0, 0.0, 0
        near = max(1.5, sigma)
        x_lower, x_upper = max(int(x - reach), 0), min(int(x + reach) + 2, nx)
        for i in range(x_lower, x_upper):
            across[i - x_lower] = math.exp(-0.5 * ((i - x) / sigma) ** 2)
        for j in range(max(int(y - reach), 0), min(int(y + reach) + 2, ny)):
            down = math.exp(-0.5 * ((j - y) / sigma) ** 2)
            for i in range(x_lower, x_upper):
                w = down * across[i - x_lower]
                weights += w
                spoilt += w if bad[j, i] else 0.0
                if (i - column) ** 2 + (j - row) ** 2 <= near * near and (i != column or j != row):
                    around += array[j, i] - level
                    count += 1
        out[k, 10] = spoilt / weights
        out[k, 11] = array[row, column] - level
        out[k, 12] = around / max(count, 1)


@kernel
def gradient_sums(template, image, positions, radius, out):
    """Sum, around every position (x, y), the normal equations for the shift of `image` onto `template`.

    To first order ``template - gain image = -gradient . step``, with a gain for each window. The products of
    the gradients are taken between the two planes, so that what is in only one of them, such as noise, adds
    nothing on average. A row of `out`: xx, xy, yy of the gradients, x and y of gradient times difference, and
    the mean square of both gradients.
    """
    ny, nx = template.shape
    for k in range(positions.shape[0]):
        x, y = positions[k, 0], positions[k, 1]
        x_lower, x_upper = max(int(x - radius), 1), min(int(x + radius) + 2, nx - 1)
        y_lower, y_upper = max(int(y - radius), 1), min(int(y + radius) + 2, ny - 1)
        cross, square = 0.0, 0.0
        for j in range(y_lower, y_upper):
            for i in range(x_lower, x_upper):
                if (i - x) ** 2 + (j - y) ** 2 <= radius * radius:
                    cross += template[j, i] * image[j, i]
                    square += image[j, i] * image[j, i]
        gain = cross / square if square > 0 else 0.0
        xx, xy, yy, bx, by, power = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for j in range(y_lower, y_upper):
            for i in range(x_lower, x_upper):
                if (i - x) ** 2 + (j - y) ** 2 <= radius * radius:
                    tx = 0.5 * (template[j, i + 1] - template[j, i - 1])
                    ty = 0.5 * (template[j + 1, i] - template[j - 1, i])
                    ix = 0.5 * gain * (image[j, i + 1] - image[j, i - 1])
                    iy = 0.5 * gain * (image[j + 1, i] - image[j - 1, i])
                    difference = template[j, i] - gain * image[j, i]
                    xx += tx * ix
                    xy += 0.5 * (tx * iy + ty * ix)
                    yy += ty * iy
                    bx -= 0.5 * (tx + ix) * difference
                    by -= 0.5 * (ty + iy) * difference
                    power += 0.25 * (tx * tx + ty * ty + ix * ix + iy * iy)
        out[k, 0], out[k, 1], out[k, 2] = xx, xy, yy
        out[k, 3], out[k, 4], out[k, 5] = bx, by, power
