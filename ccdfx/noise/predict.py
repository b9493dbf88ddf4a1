"""Prediction of the noise of an image by a noise model, and simulation of noise."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ccdfx.engines import map_here
from ccdfx.errors import ArgumentError, ArgumentTypeError, MismatchError
from ccdfx.noise.noise_model import NoiseModel, parts_of
from ccdfx.records.checks import whole
from ccdfx.records.compatibility import is_rate, unit_name
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.keywords import without_extremes
from ccdfx.records.planes import working_dtype

Seed = np.random.Generator | np.random.BitGenerator | np.random.SeedSequence | int | Sequence[int]
"""What `numpy.random.default_rng` accepts."""

_BAND = 1 << 16  # pixels


def variance_of(
    image: ImageLike, *, model: NoiseModel, samples: int | None = None, rng: Seed = 0
) -> np.ndarray:
    """Predict the variance of each pixel by a noise model.

    Parameters
    ----------
    image : Image or 2-D array
        The true values. Mask, variance and header but for the unit are not used; non-finite pixels give NaN.
    model : NoiseModel
    samples : int, optional
        Estimate the variance from this many draws (at least 2, divisor n - 1), with floor and ceiling. By
        default the formula is used, or 100 draws where the model has none.
    rng : Generator or seed
        For the draws.

    Returns
    -------
    ndarray of float32 or float64, shape (ny, nx)
        In the unit of the image squared.

    Raises
    ------
    ArgumentError
        Fewer than 2 samples.
    MismatchError
        Noise of photons for an image that is neither in ADU nor in electrons, such as counts per second, or in
        electrons for a gain other than 1.

    See Also
    --------
    std_of, add_variance
    """
    _require_model(model)
    image = as_image(image)
    require_noise_model(image, model)
    values = _true_values(image)
    if samples is None and model.variance is None:
        samples = 100
    with np.errstate(over="ignore"):  # what the type cannot hold is infinite
        if samples is None:
            result = _of_shape(model, model.variance(values, **model.parameters), values)  # type: ignore[misc]
        else:
            result = _sampled_variance(values, model, samples, _generator(rng))
        if result.dtype != values.dtype or not result.flags.writeable:
            result = np.array(result, dtype=values.dtype)
    finite = np.isfinite(values)
    if not finite.all():
        result[~finite] = np.nan
    return result


def require_noise_model(image: Image, noise: Any) -> None:
    """Raise unless `noise` is a noise model for the unit of the image."""
    if not all(hasattr(noise, attribute) for attribute in ("name", "parameters", "variance")):
        raise ArgumentTypeError(
            "noise", "must be a noise model", value=noise, remedy="give ccd_noise(gain=..., readnoise=...)"
        )
    gains = [gain for part in parts_of(noise) if (gain := _photon_gain(part)) is not None]
    if gains:
        require_counts("image", image.unit, max(gains, key=lambda gain: gain != 1.0))


def require_counts(name: str, unit: str | None, gain: float = 1.0) -> None:
    """Raise `MismatchError` unless photon noise of a gain is known in the unit: ADU, or electrons of gain 1.

    No unit is taken for that of the gain. Counts per second have no photon noise without their exposure time.
    """
    known = unit_name(unit or "adu")
    if known == "adu" or (known == "electron" and gain == 1.0):
        return
    if known == "electron":
        raise MismatchError(
            name,
            f"must be in ADU for a gain of {gain:g}",
            value=unit,
            remedy="give gain=1, which is that of electrons (read noise in e-), or predict the noise before to_electrons",
        )
    rate = "the noise of photons depends on the exposure time, so multiply a rate by it first"
    raise MismatchError(
        name,
        "must be in ADU or electrons for the noise of photons",
        value=unit,
        remedy=rate if is_rate(known) else "predict the noise before the unit is converted",
    )


def _photon_gain(part: Any) -> float | None:
    """Return the gain of a model of photon noise, 1 for counts, or None for noise of any unit."""
    gain = part.parameters.get("gain", 1.0 if part.name == "poisson" else None)
    return None if gain is None else float(gain)


def own_variance(image: Image, noise: Any) -> np.ndarray:
    """Predict the variance of an image's own noise, with model and result checked.

    Raises
    ------
    ArgumentError, ArgumentTypeError, MismatchError
        When `noise` is no noise model, converts from ADU an image in electrons, or gives a negative variance.
    """
    require_noise_model(image, noise)
    variance = variance_of(image, model=noise)
    if (variance < 0).any():
        raise ArgumentError(
            "noise", "must give variances of at least 0", value=noise.name, remedy="mend the model"
        )
    return variance


def std_of(image: ImageLike, *, model: NoiseModel) -> np.ndarray:
    """Predict the standard deviation of each pixel by a noise model: the square root of `variance_of`.

    Units and errors are as there.

    See Also
    --------
    variance_of, snr
    """
    result = variance_of(image, model=model)
    return np.sqrt(result, out=result)


def snr(image: ImageLike, *, model: NoiseModel) -> np.ndarray:
    """Predict the signal-to-noise ratio of each pixel: the value divided by `std_of`.

    Where the noise is 0 the ratio is infinite, with the sign of the value, or NaN if the value is 0 too. Units
    and errors are those of `variance_of`.

    See Also
    --------
    std_of, local_noise

    Examples
    --------
    >>> from ccdfx.noise import poisson_noise
    >>> snr([[100.0]], model=poisson_noise())
    array([[10.]])
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return _true_values(image) / std_of(image, model=model)


def add_noise(image: ImageLike, *, model: NoiseModel, rng: Seed) -> Image:
    """Add noise drawn from a model to an image.

    Parameters
    ----------
    image : Image or 2-D array
        The true values, in the unit of the model.
    model : NoiseModel
    rng : numpy Generator or seed
        Source of the random numbers; the global state of numpy is not used. The result does not depend on the
        number of threads.

    Returns
    -------
    Image
        float32, or float64 for wide input. Mask, header and range are those of the image; the variance that
        the model predicts for the true values is added to that of the image, if it has one. Non-finite pixels
        and their variance are unchanged.

    Raises
    ------
    MismatchError
        As `variance_of`.

    See Also
    --------
    variance_of, fit_noise, ccd_noise

    Examples
    --------
    >>> from ccdfx.noise import ccd_noise
    >>> noisy = add_noise([[1000.0] * 4] * 4, model=ccd_noise(2.0, 6.0), rng=1)
    >>> float(noisy.variance[0, 0])
    509.0
    """
    _require_model(model)
    image = as_image(image)
    require_noise_model(image, model)
    values = _true_values(image)
    noisy = _draw(values, model, _generator(rng))
    variance = np.nan_to_num(variance_of(image, model=model), copy=False, nan=0.0)
    if image.variance is not None:
        with np.errstate(over="ignore"):
            variance = variance + image.variance
    finite = np.isfinite(values)
    if not finite.all():
        noisy = np.where(finite, noisy, values)
    return adopt(noisy, without_extremes(image.header), image.mask, image.range, variance)


def _require_model(model: Any) -> None:
    if not isinstance(model, NoiseModel):
        raise ArgumentTypeError(
            "model", "must be a noise model", value=model, remedy="give ccd_noise(gain=..., readnoise=...)"
        )


def _true_values(image: Any) -> np.ndarray:
    array = as_image(image).array
    return array.astype(working_dtype(array), copy=False)


def _generator(rng: Any) -> np.random.Generator:
    if rng is None or isinstance(rng, np.random.RandomState | bool):
        raise ArgumentTypeError(
            "rng",
            "must be a numpy Generator or a seed",
            value=rng,
            remedy="numpy.random.default_rng(seed) makes one",
        )
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            "rng", "must be a numpy Generator or a seed", value=rng, remedy="give a whole number from 0"
        ) from None


def _draw(values: np.ndarray, model: NoiseModel, rng: np.random.Generator) -> np.ndarray:
    """Draw a sample of the model; non-finite values are replaced by 0 and must be handled by the caller.

    Each band of rows has its own random numbers, so that they do not depend on the threads that draw them.
    """
    rows = max(1, _BAND // values.shape[1])
    starts = range(0, values.shape[0], rows)
    seeds = np.random.SeedSequence(rng.integers(2**32, size=4).tolist()).spawn(len(starts))
    bands = [(values[start : start + rows], seed) for start, seed in zip(starts, seeds, strict=True)]
    result = np.empty(values.shape, values.dtype)
    for start, band in zip(starts, map_here(partial(_draw_band, model), bands), strict=True):
        result[start : start + rows] = band
    return result


def _draw_band(model: NoiseModel, band: tuple[np.ndarray, np.random.SeedSequence]) -> np.ndarray:
    values, seed = band
    finite = np.isfinite(values)
    clean = values if finite.all() else np.where(finite, values, values.dtype.type(0))
    rng = np.random.Generator(np.random.SFC64(seed))
    with np.errstate(over="ignore"):  # what the type cannot hold is infinite
        result = _of_shape(model, model.sample(clean, rng, **model.parameters), clean)
    if model.floor is None and model.ceiling is None:
        return result
    return np.clip(result, model.floor, model.ceiling)


def _of_shape(model: NoiseModel, result: Any, values: np.ndarray) -> np.ndarray:
    """Check that a model returned one number for all pixels or one for each; return one for each."""
    found = np.asarray(result)
    if found.shape not in ((), values.shape):
        raise ArgumentError(
            model.name, f"must give an array of the shape {values.shape}", value=found.shape,
            remedy="its functions answer for every pixel of the array that they get",
        )  # fmt: skip
    return found if found.shape == values.shape else np.broadcast_to(found, values.shape)


def _sampled_variance(
    values: np.ndarray, model: NoiseModel, samples: int, rng: np.random.Generator
) -> np.ndarray:
    whole("samples", samples, least=2, remedy="a variance needs two draws")
    mean = np.zeros(values.shape)
    squares = np.zeros(values.shape)
    for number in range(1, samples + 1):  # Welford: one pass without cancellation
        drawn = _draw(values, model, rng).astype(np.float64)
        step = drawn - mean
        mean += step / number
        squares += step * (drawn - mean)
    return squares / (samples - 1)
