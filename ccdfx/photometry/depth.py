"""Which of several frames of one field is the deepest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ccdfx.photometry.stars import FrameStars

_LEAST, _MOST = 3, 100  # stars


def relative_depths(frames: Sequence[FrameStars], *, noises: Sequence[float | None]) -> np.ndarray:
    """Compute how far stars stand above the noise in each frame, in units of the deepest.

    It is the median flux of the n brightest stars over the noise of the sky and the width of the stars, where
    n is the number of stars in the frame that has fewest (of those with three or more, at most 100): the flux
    follows transparency and exposure, without any matching of stars.

    Parameters
    ----------
    frames : sequence of FrameStars
    noises : sequence of float or None
        Standard deviation of a pixel of the sky of each frame.

    Returns
    -------
    numpy.ndarray (frames,)
        At most 1; 0 for a frame with fewer than three stars, or without a known noise.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdfx import measure_stars
    >>> y, x = np.mgrid[:200, :200]
    >>> star = lambda a, b: 300 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * 1.7**2))
    >>> light = sum(star(a, b) for a, b in [(40, 50), (150, 60), (100, 100), (50, 150), (160, 140)])
    >>> rng = np.random.default_rng(1)
    >>> frames = [measure_stars(rng.normal(100, noise, x.shape) + light) for noise in (1.0, 2.0)]
    >>> relative_depths(frames, noises=[1.0, 2.0]).round(1).tolist()
    [1.0, 0.5]
    """
    known = [len(one.sources) >= _LEAST and bool(noise) for one, noise in zip(frames, noises, strict=True)]
    depths = np.zeros(len(frames))
    count = min([_MOST, *(len(one.sources) for one, good in zip(frames, known, strict=True) if good)])
    for row, (one, noise, good) in enumerate(zip(frames, noises, known, strict=True)):
        if good and noise:
            depths[row] = float(np.median(one.sources["flux"][:count])) / (noise * one.width)
    return depths / depths.max() if depths.any() else depths
