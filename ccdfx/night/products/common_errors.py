"""The variance that the frames of one object have in common: that of their masters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ccdfx.night.calibrators import Use
from ccdfx.night.graph.context import Context
from ccdfx.night.products.calibrated import further_steps, variance_of_masters
from ccdfx.operations.resampling.overlaps import overlaps
from ccdfx.pipelines.pipeline import Pipeline

# Below this share of the variance of the masters, what the frames have in common is not worth reading one.
_LEAST_SHARE = 1e-3


def common_variance(
    uses: Sequence[Use],
    facts: Sequence[Mapping[str, Any]],
    steps: Sequence[tuple[float, float] | None],
    weights: Sequence[float] | None,
    scales: Sequence[float] | None,
    context: Context,
    further: Pipeline | None = None,
) -> np.ndarray | None:
    """Return what `stack` takes as `shared`: the part of the masters' variance that does not average down.

    Where frames lie on one another, that is all of it; frames that are displaced by more than a pixel have
    errors of different pixels of the masters, which average down; steps of less than a pixel, and groups of
    frames with equal steps, are between these. The errors of bias and dark are alike in all frames, that of
    the flat is a fraction of the signal, so it goes with the level of the sky.

    Parameters
    ----------
    uses, facts
        How each frame was calibrated, and its metadata.
    steps : sequence of (dx, dy) or None
        How far each frame is moved before it is combined; None where by no single step.
    weights, scales : sequence of float or None
        As given to `stack`.
    further : Pipeline, optional
        What is done with a calibrated frame before it is combined; by default the further steps of the recipe.

    Returns
    -------
    ndarray or None
        None where the frames have nothing in common, not all have the same masters, or no variance.
    """
    if any(fact["noise_predicted"] is None for fact in facts) or len({_masters(use) for use in uses}) > 1:
        return None
    skies = [fact["sky"] for fact in facts]
    lit = all(sky is not None and sky > 0 for sky in skies)
    middle = int(np.argsort(skies)[len(skies) // 2]) if lit else 0
    levels = np.array(skies) / skies[middle] if lit else np.ones(len(skies))
    covariance = overlaps(steps)
    shares = np.ones(len(uses)) if weights is None else np.array(weights)
    shares = shares / shares.sum() / (1.0 if scales is None else np.array(scales))
    of_bias, of_flat = (_share(shares, shares * amplitudes, covariance) for amplitudes in (1.0, levels))
    if max(of_bias, of_flat) < _LEAST_SHARE:
        return None
    electrons = facts[middle]["unit"] == "electron"
    further = further_steps(context.recipe) if further is None else further
    whole = variance_of_masters(uses[middle], context, electrons=electrons, further=further)
    if whole is None:
        return None
    without_flat = variance_of_masters(
        uses[middle], context, electrons=electrons, exact_flat=True, further=further
    )
    constant = np.zeros_like(whole) if without_flat is None else without_flat
    common = of_bias * constant + of_flat * np.maximum(whole - constant, 0.0)
    return np.maximum(common, 0.0)


def _masters(use: Use) -> tuple[Any, ...]:
    return use.bias, use.dark, use.dark_scale, use.flat


def _share(shares: np.ndarray, amplitudes: np.ndarray, covariance: np.ndarray) -> float:
    """Return by how much of an error's variance that of the mean is larger than `stack` makes it.

    `stack` adds the variances of the frames, sum(u**2 v); the error in common has the covariance C between
    the frames, and so u C u in the mean. A part c that is shared in full adds c ((sum u)**2 - sum(u**2)).
    """
    added = float(np.sum(shares**2 * np.diag(covariance)))
    missing = float(amplitudes @ covariance @ amplitudes) - added
    room = float(shares.sum() ** 2 - np.sum(shares**2))
    return missing / room if room > 0 else 0.0
