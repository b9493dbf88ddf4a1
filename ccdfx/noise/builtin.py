"""The built-in noise models: CCD, Poisson, Gaussian, uniform."""

from __future__ import annotations

import math

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.noise.noise_model import NoiseModel
from ccdfx.records.checks import boolean, real

_LARGEST_SPREAD = math.sqrt(np.finfo(np.float64).max)


def ccd_noise(gain: float, readnoise: float, sensitivity: float = 0.0) -> NoiseModel:
    """Make the noise model of a CCD, in ADU: photons, read noise, and sensitivity that varies between pixels.

    ``var(x) = max(0, x) / gain + (readnoise / gain)**2 + (sensitivity * x)**2``

    x is the signal above the level without light: overscan or bias must be subtracted. A bias frame has the
    read noise alone, ``gaussian_noise(readnoise / gain)``.

    Parameters
    ----------
    gain : float
        e-/ADU, positive.
    readnoise : float
        e- rms per pixel, not negative.
    sensitivity : float
        Fraction of the signal, not negative.

    Raises
    ------
    ArgumentError
        A parameter out of its range.

    See Also
    --------
    fit_noise, add_variance

    Examples
    --------
    >>> from ccdfx.noise import variance_of
    >>> variance_of([[0.0, 100.0]], model=ccd_noise(gain=2.0, readnoise=6.0))
    array([[ 9., 59.]])
    """
    return NoiseModel(
        "ccd",
        {"gain": gain, "readnoise": readnoise, "sensitivity": sensitivity},
        _ccd_variance,
        _ccd_sample,
        check=_check_ccd,
    )


def poisson_noise() -> NoiseModel:
    """Make the model of photon noise, for an image in counts: ``var(x) = max(0, x)``.

    See Also
    --------
    ccd_noise, gaussian_noise

    Examples
    --------
    >>> from ccdfx.noise import variance_of
    >>> variance_of([[-3.0, 100.0]], model=poisson_noise())
    array([[  0., 100.]])
    """
    return NoiseModel("poisson", {}, _poisson_variance, _poisson_sample)


def gaussian_noise(sigma: float) -> NoiseModel:
    """Make a model of normal noise with a standard deviation in the unit of the image: ``var(x) = sigma**2``.

    See Also
    --------
    ccd_noise, uniform_noise

    Examples
    --------
    >>> from ccdfx.noise import std_of
    >>> std_of([[1.0, 2.0]], model=gaussian_noise(3.0))
    array([[3., 3.]])
    """
    return NoiseModel(
        "gaussian",
        {"sigma": sigma},
        _gaussian_variance,
        _gaussian_sample,
        check=_check_gaussian,
    )


def uniform_noise(lower: float, upper: float, fraction: bool = False) -> NoiseModel:
    """Make a model of uniform noise between limits, in the unit of the image or as fractions of the value.

    ``var(x) = (upper - lower)**2 / 12``, times ``x**2`` for fractions. The mean is shifted by the middle of
    the limits.

    See Also
    --------
    gaussian_noise

    Examples
    --------
    >>> from ccdfx.noise import variance_of
    >>> variance_of([[2.0]], model=uniform_noise(-0.5, 0.5)).round(4)
    array([[0.0833]])
    """
    parameters = {"lower": lower, "upper": upper, "fraction": fraction}
    return NoiseModel(
        "uniform", parameters, _uniform_variance, _uniform_sample, _uniform_mean, _check_uniform
    )


def _check_ccd(gain: float, readnoise: float, sensitivity: float) -> None:
    per_count = real("gain", gain, above=0, remedy="give e-/ADU")
    electrons = real("readnoise", readnoise, least=0, remedy="give e- rms")
    _check_spread("readnoise / gain", electrons / per_count, "give e- rms and e-/ADU")
    real("sensitivity", sensitivity, least=0, remedy="give a fraction of the signal")


def _check_gaussian(sigma: float) -> None:
    remedy = "give the standard deviation in the unit of the image"
    _check_spread("sigma", real("sigma", sigma, least=0, remedy=remedy), remedy)


def _check_uniform(lower: float, upper: float, fraction: bool) -> None:
    boolean("fraction", fraction)
    low, high = real("lower", lower, remedy="give a limit"), real("upper", upper, remedy="give a limit")
    if low > high:
        raise ArgumentError("lower, upper", "must be in order", value=(lower, upper), remedy="exchange them")
    _check_spread("upper - lower", high - low, "give limits in the unit of the image, or fractions")


def _check_spread(name: str, spread: float, remedy: str) -> None:
    """Refuse a spread whose square, the variance, is infinite."""
    if not spread < _LARGEST_SPREAD:
        raise ArgumentError(
            name,
            f"must be below {_LARGEST_SPREAD:.3g}, so that its square is finite",
            value=spread,
            remedy=remedy,
        )


def _ccd_variance(array: np.ndarray, gain: float, readnoise: float, sensitivity: float) -> np.ndarray:
    result = np.maximum(array, 0)
    result *= 1.0 / gain
    result += (readnoise / gain) ** 2
    if sensitivity:
        result += np.square(array * array.dtype.type(sensitivity))
    return result


def _ccd_sample(
    array: np.ndarray, rng: np.random.Generator, gain: float, readnoise: float, sensitivity: float
) -> np.ndarray:
    result = _photons(array * gain, rng)
    if readnoise:
        result += readnoise * _normals(rng, array.shape)
    result *= 1.0 / gain
    if sensitivity:
        result += sensitivity * array * _normals(rng, array.shape)
    return result


def _poisson_variance(array: np.ndarray) -> np.ndarray:
    return np.maximum(array, 0)


def _poisson_sample(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _photons(array, rng)


def _photons(expected: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw photon counts in the type of their expectation; negative ones are returned without noise."""
    from ccdfx.kernels.image.deviates import FEW, photons

    rates = np.ascontiguousarray(expected).reshape(-1)
    normals = _normals(rng, rates.shape)
    uniforms = rng.random(np.count_nonzero((rates > 0) & (rates < FEW)))
    result = np.empty_like(rates)
    photons(rates, normals, uniforms, result)
    return result.reshape(expected.shape)


def _normals(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw standard normal deviates, float32."""
    from ccdfx.kernels.image.deviates import normals

    size = math.prod(shape)
    half = (size + 1) // 2
    bits = rng.integers(0, 2**64, size=half, dtype=np.uint64).view(np.uint32).reshape(2, half)
    result = np.empty(2 * half, np.float32)
    normals(bits[0], bits[1], result[:half], result[half:])
    return result[:size].reshape(shape)


def _gaussian_variance(array: np.ndarray, sigma: float) -> np.ndarray:
    return np.full_like(array, sigma**2)


def _gaussian_sample(array: np.ndarray, rng: np.random.Generator, sigma: float) -> np.ndarray:
    if array.dtype == np.float32:
        return array + np.float32(sigma) * _normals(rng, array.shape)
    return array + sigma * rng.standard_normal(array.shape)


def _uniform_variance(array: np.ndarray, lower: float, upper: float, fraction: bool) -> np.ndarray:
    variance = (upper - lower) ** 2 / 12.0
    return variance * np.square(array) if fraction else np.full_like(array, variance)


def _uniform_sample(
    array: np.ndarray, rng: np.random.Generator, lower: float, upper: float, fraction: bool
) -> np.ndarray:
    if (
        not max(-float(lower), float(upper), float(upper) - float(lower)) <= np.finfo(array.dtype).max
    ):  # infinities of both signs would be added
        raise ArgumentError(
            "lower, upper", f"must be limits that {array.dtype} can hold", value=(lower, upper),
            remedy="give the image as float64",
        )  # fmt: skip
    spread = lower + (upper - lower) * rng.random(array.shape, dtype=array.dtype)
    return array + array * spread if fraction else array + spread


def _uniform_mean(array: np.ndarray, lower: float, upper: float, fraction: bool) -> np.ndarray:
    middle = 0.5 * (lower + upper)
    return array + array * middle if fraction else array + middle


# Models that the registry offers by name, with the parameters of an ideal detector, to be configured.
MODELS = (ccd_noise(1.0, 0.0), poisson_noise(), gaussian_noise(1.0), uniform_noise(-0.5, 0.5))
