"""Cross-correlation: the shift between two images without many stars.

Both are first cleaned of hot pixels and of all smooth structure. The remaining pattern of the detector itself
is white: it correlates only at zero shift, in one pixel of the correlation, and along its row and column
where columns or rows are bad. These are replaced by their neighbours. The correlation of sky structure is
wider, because the atmosphere blurs it, and so remains.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ccdfx.operations.registration.refinement import covered_area, least_squares_step, moved_plane
from ccdfx.photometry.detection import Plane, smoothed

NEEDED = 9.0
_ALONE = 1.8
_LIKE = 0.3
_KNOWN = 0.5
_WIDTHS = (1.0, 2.0, 4.0, 8.0)
_WIDER = 3.0
_HIGH_PASS = 24.0
_CUT = 30.0
_LINEAR = 0.6
_TURNED = 6.0
_PARTS = 4  # parts of a row or column in which a slightly tilted spectrum is straight


class Peak(NamedTuple):
    """The shift (x, y) at the highest correlation, and its significance.

    `height` is in sigma of the correlation, `alone` is its ratio to the highest peak elsewhere, `alike` the
    correlation coefficient of the structure in the overlap, corrected for noise, and `before` the same
    without the shift. `turned` is the significance of a rotation or scale, in sigma, and `linear` the part of
    the structure that runs along rows or columns.
    """

    step: np.ndarray
    error: float
    height: float
    alone: float
    alike: float
    before: float = 0.0
    turned: float = 0.0
    linear: float = 0.0

    @property
    def certain(self) -> bool:
        """Whether neither chance nor one bright object in each of two different fields explains the peak."""
        believable = self.alone >= _ALONE and self.alike >= _LIKE
        return self.height >= NEEDED and believable and self.error <= _KNOWN

    @property
    def objection(self) -> str | None:
        """Why the shift is not believed, or None."""
        if not self.certain:
            return (
                f"their correlation peaks at {self.height:.1f} sigma ({NEEDED:.0f} needed), {self.alone:.1f} times "
                f"its next peak, with {self.alike:.0%} of the structure in common"
            )
        if self.linear > _LINEAR:
            return "what correlates runs along rows or columns, as spectra do"
        if self.turned > _TURNED:
            return f"the steps differ over the frame ({self.turned:.0f} sigma), as if it were turned"
        if np.hypot(*self.step) > 1 and self.alike <= self.before:
            return "the pixels correlate no better after the step than before"
        return None


def correlated(reference: Plane, image: Plane, limit: tuple[float, float]) -> Peak:
    """Find the shift from `image` to `reference`, within `limit` (x, y), at which they correlate best."""
    level = min(max(0, math.ceil(math.log2(max(reference.array.shape) / 1200))), len(reference.pyramid) - 1)
    scale = 2**level
    views = [_structure(plane.pyramid[level]) for plane in (reference, image)]
    surface = _without_pattern(_surface(*views))
    best, best_width = Peak(np.zeros(2), math.inf, 0.0, 0.0, 0.0), 1.0
    for width in _WIDTHS:
        within = limit[0] / scale, limit[1] / scale
        peak = _highest(_band(_band(surface, width), width), within, 2.5 * _WIDER * width)
        if peak.height > best.height:
            best, best_width = peak, width
    if best.height >= NEEDED:
        bands = [_band(view, best_width) for view in views]
        best = _refined(bands[0], bands[1], best)
        best = best._replace(
            before=_alike(bands[0], bands[1]), linear=min(_linear_part(band) for band in bands)
        )
    return best._replace(step=best.step * scale, error=best.error * scale)


def _structure(array: np.ndarray) -> np.ndarray:
    """Remove smooth structure from a plane; the result is in units of its scatter, tapered to the edges.

    Values are clipped at 30 times the scatter, so that a single bright star does not dominate.
    """
    bands = array - smoothed(array, min(_HIGH_PASS, min(array.shape) / 8))
    scatter = 1.4826 * float(np.median(np.abs(bands[::3, ::3]))) or 1.0
    bands = np.clip(bands / np.float32(scatter), -_CUT, _CUT)
    rows, columns = (_taper(size, 2 * _HIGH_PASS) for size in array.shape)
    return (bands * rows[:, None] * columns).astype(np.float32)


def _band(array: np.ndarray, width: float) -> np.ndarray:
    """Keep the scales between `width` and three times `width`."""
    return smoothed(array, width) - smoothed(array, _WIDER * width)


def _taper(size: int, reach: float) -> np.ndarray:
    n = np.arange(size)
    edge = np.minimum(n, size - 1 - n) / max(min(reach, size / 4), 1)
    return np.where(edge < 1, 0.5 - 0.5 * np.cos(np.pi * np.clip(edge, 0, 1)), 1.0)


def _surface(reference: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Compute the cross-correlation at all shifts, with the shift (0, 0) in the middle."""
    from scipy import fft

    shape = tuple(fft.next_fast_len(max(int(1.5 * size), 8), real=True) for size in reference.shape)
    product = fft.rfft2(reference, shape) * np.conj(fft.rfft2(image, shape))
    return np.ascontiguousarray(fft.fftshift(fft.irfft2(product, shape)), np.float32)


def _without_pattern(surface: np.ndarray) -> np.ndarray:
    """Replace the rows and columns at zero shift by the mean of their neighbours on both sides."""
    y, x = surface.shape[0] // 2, surface.shape[1] // 2
    surface[:, x - 1 : x + 2] = 0.5 * (surface[:, x - 2] + surface[:, x + 2])[:, None]
    surface[y - 1 : y + 2] = 0.5 * (surface[y - 2] + surface[y + 2])
    return surface


def _highest(surface: np.ndarray, limit: tuple[float, float], apart: float) -> Peak:
    """Find the highest peak within the limit, and its ratio to noise and to peaks more than `apart` away."""
    cy, cx = surface.shape[0] // 2, surface.shape[1] // 2
    ry, rx = min(int(limit[1]), cy - 1), min(int(limit[0]), cx - 1)
    inner = surface[cy - ry : cy + ry + 1, cx - rx : cx + rx + 1]
    inner = inner - np.median(inner[::2, ::2])
    scatter = 1.4826 * float(np.median(np.abs(inner[::2, ::2]))) or 1.0
    y, x = (int(n) for n in np.unravel_index(inner.argmax(), inner.shape))
    height = float(inner[y, x]) / scatter
    r = math.ceil(apart)
    others = inner.copy()
    others[max(y - r, 0) : y + r + 1, max(x - r, 0) : x + r + 1] = 0
    alone = height / max(float(others.max()) / scatter, 1.0)
    return Peak(np.array([x - rx, y - ry], float), math.inf, height, alone, 0.0)


def _refined(reference: np.ndarray, image: np.ndarray, peak: Peak) -> Peak:
    """Refine the shift by least squares; its error is from the scatter of windows all over the image."""
    step, error, alike, turned = peak.step, math.inf, 0.0, 0.0
    for _ in range(8):
        known = covered_area(image.shape, step)
        now, target = moved_plane(image, step), reference * known
        alike = _alike(target, now)
        solution = least_squares_step(target, now)
        if solution is None or np.hypot(*(step + solution.step - peak.step)) > 4:
            return peak._replace(alike=alike)
        step, error, turned = step + solution.step, solution.error, solution.turned
        if np.hypot(*solution.step) < 2e-3:
            break
    return peak._replace(step=step, error=error, alike=alike, turned=turned)


def _alike(target: np.ndarray, now: np.ndarray) -> float:
    """Compute the correlation coefficient of two planes, corrected for the noise that the median shows."""
    energies = []
    for plane in (target, now):
        inside = plane[plane != 0]
        if not inside.size:
            return 0.0
        noise = (1.4826 * float(np.median(np.abs(inside)))) ** 2
        energies.append(max(float(np.mean(inside**2)) - noise, 0.05 * noise))
    both = (target != 0) & (now != 0)
    return float((target * now)[both].mean() / math.sqrt(energies[0] * energies[1])) if both.any() else 0.0


def _linear_part(band: np.ndarray) -> float:
    """Compute the part of the structure that runs along rows or columns, above the noise."""
    noise = (1.4826 * float(np.median(np.abs(band)))) ** 2
    energy = max(float(np.mean(band**2)) - noise, 0.05 * noise + 1e-30)
    parts = []
    for turned in (band, band.T):
        width = turned.shape[1] // _PARTS
        if width < 2:
            return 0.0
        lines = turned[:, : width * _PARTS].reshape(len(turned), _PARTS, width).mean(axis=2)
        parts.append(float(np.mean(lines**2)) - noise / width)
    return max(parts) / energy
