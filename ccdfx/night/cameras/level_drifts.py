"""Bias levels that drift from frame to frame, which no overscan follows, or that of another part of the detector alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ccdfx.records.image import Image

_SAMPLE = 1 << 14  # pixels of a half: the error of their median is a hundredth of the noise of one
_WHOLE = (
    "the level drifts by {:.3g} ADU from frame to frame (rms), more than the read noise of {:.3g} ADU, and no overscan follows it: "
    "the sky of calibrated frames is wrong by as much"
)
_HALF = (
    "the level of the {} half drifts by {:.3g} ADU from frame to frame (rms), more than the read noise of {:.3g} ADU, and the overscan "
    "does not follow it: the sky of calibrated frames is wrong by as much there. Was it read by another amplifier? [[readout]] of an "
    "instrument file names the overscan of each"
)
_HALVES = ("left", "right", "lower", "upper")


def is_drift_large(drifts: Sequence[float], scatters: Sequence[float]) -> bool:
    """Return whether levels scatter by more than the pixels of one frame do.

    >>> is_drift_large([0.0, 9.0, -9.0], [3.0, 3.0, 3.0]), is_drift_large([0.0, 1.0, -1.0], [3.0, 3.0, 3.0])
    (True, False)
    """
    return len(drifts) > 1 and bool(np.std(drifts) > np.median(scatters))


def drift_fault(drifts: Sequence[float], scatters: Sequence[float]) -> list[str]:
    """Describe a drift of the level of biases without overscan; nothing where it is small."""
    large = is_drift_large(drifts, scatters)
    return [_WHOLE.format(np.std(drifts), np.median(scatters))] if large else []


def half_samples(image: Image) -> list[np.ndarray]:
    """Return a regular sample of the left, right, lower and upper half of a bias whose overscan is subtracted; NaN where it is bad."""
    step = max(1, round((image.size / 2 / _SAMPLE) ** 0.5)) | 1  # odd: columns may differ in turn
    thin = np.where(image.good[::step, ::step], image.array[::step, ::step], np.nan).astype(np.float32)
    ny, nx = thin.shape
    return [thin[:, : nx // 2], thin[:, nx // 2 :], thin[: ny // 2], thin[ny // 2 :]]


def half_fault(samples: Sequence[Sequence[np.ndarray]]) -> list[str]:
    """Describe the drift of the half of a detector that drifts most, from the `half_samples` of biases; nothing where it is small.

    >>> one, two = (np.array([[-4.0, 0.0, 4.0]]) + level for level in (0.0, 18.0))
    >>> half_fault([[one, two, one, one], [-one, one, one, one]])[0][:48]
    'the level of the right half drifts by 9 ADU from'
    """
    from ccdfx.estimators import mad_std_of, median_of

    drifts, noises = [], []
    for half in zip(*samples, strict=True):
        steps = [one - half[0] for one in half]  # the structure of the bias is in both
        drifts.append([float(median_of(step)) for step in steps])
        noises.append([float(mad_std_of(step)) / 2**0.5 for step in steps[1:]])
    if len(samples) < 2 or not np.isfinite(drifts).all():
        return []
    most = int(np.argmax(np.std(drifts, axis=1)))
    large = is_drift_large(drifts[most], noises[most])
    return [_HALF.format(_HALVES[most], np.std(drifts[most]), np.median(noises[most]))] if large else []
