"""The record of a noise model, and the sum of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.records.checks import FUNCTION, FUNCTION_OR_NONE, NAME, OPTIONS, check_fields, real
from ccdfx.records.parameters import frozen, merged


@dataclass(frozen=True, slots=True)
class NoiseModel:
    """A named kind of noise with its options.

    The sum of two models, ``a + b``, is the noise of both, drawn independently.

    Parameters
    ----------
    name : str
    parameters : mapping
        The options of the functions below.
    variance : callable or None
        ``variance(array, **parameters) -> array``, in the unit of the array squared, for the true values;
        None where there is no formula: `variance_of` then draws samples.
    sample : callable
        ``sample(array, rng, **parameters) -> array``: the true values with noise, from a numpy Generator. It
        is called for bands of whole rows, each with its own generator.
    mean : callable or None
        ``mean(array, **parameters) -> array``: the expectation of the sample; None where it is the array.
    check : callable or None
        ``check(**parameters)`` raises for invalid options.
    floor, ceiling : float or None
        Samples below and above are set to these, as an amplifier does; see `clamped`.

    Examples
    --------
    >>> from ccdfx.noise import ccd_noise, uniform_noise, variance_of
    >>> model = ccd_noise(gain=2.0, readnoise=4.0) + uniform_noise(-0.5, 0.5)
    >>> model.name, variance_of([[200.0]], model=model).round(4)
    ('ccd+uniform', array([[104.0833]]))
    >>> ccd_noise(gain=2.0, readnoise=4.0).configure(readnoise=6.0)
    NoiseModel(ccd, gain=2.0, readnoise=6.0, sensitivity=0.0)
    """

    name: str
    parameters: Mapping[str, Any] = field(hash=False)
    variance: Callable[..., np.ndarray] | None
    sample: Callable[..., np.ndarray]
    mean: Callable[..., np.ndarray] | None = None
    check: Callable[..., None] | None = None
    floor: float | None = None
    ceiling: float | None = None

    def __post_init__(self) -> None:
        check_fields(
            self,
            name=NAME,
            parameters=OPTIONS,
            variance=FUNCTION_OR_NONE,
            sample=FUNCTION,
            mean=FUNCTION_OR_NONE,
            check=FUNCTION_OR_NONE,
        )
        object.__setattr__(self, "parameters", frozen(self.parameters))
        if self.check is not None:
            self.check(**self.parameters)
        _check_clamp(self.floor, self.ceiling)

    def __repr__(self) -> str:
        limits = [
            f"{n}={v!r}" for n, v in (("floor", self.floor), ("ceiling", self.ceiling)) if v is not None
        ]
        options = [f"{name}={value!r}" for name, value in self.parameters.items()]
        return f"NoiseModel({', '.join([self.name, *options, *limits])})"

    def __add__(self, other: NoiseModel) -> NoiseModel:
        if not isinstance(other, NoiseModel):
            return NotImplemented
        for part in (self, other):
            if part.floor is not None or part.ceiling is not None:
                raise ArgumentError(
                    part.name, "must not be clamped before it is added", remedy="clamp the sum of the models"
                )
        parts = (*parts_of(self), *parts_of(other))
        return NoiseModel(
            name="+".join(part.name for part in parts),
            parameters={},
            variance=None if any(part.variance is None for part in parts) else _SumOfVariances(parts),
            sample=_SumOfSamples(parts),
            mean=None if all(part.mean is None for part in parts) else _SumOfMeans(parts),
        )

    def configure(self, **options: Any) -> NoiseModel:
        """Return the model with other options; configure the parts of a sum before they are added."""
        return replace(self, parameters=merged(self.name, self.parameters, options))

    def clamped(self, floor: float | None = None, ceiling: float | None = None) -> NoiseModel:
        """Return the model with samples clamped to [floor, ceiling].

        Its variance formula remains that of the noise before clamping, which is an upper bound near a limit;
        ``variance_of(..., samples=n)`` estimates the variance with the clamp.

        >>> from ccdfx.noise import ccd_noise
        >>> ccd_noise(2.0, 4.0).clamped(ceiling=65535.0)
        NoiseModel(ccd, gain=2.0, readnoise=4.0, sensitivity=0.0, ceiling=65535.0)
        """
        return replace(self, floor=floor, ceiling=ceiling)


def _check_clamp(floor: float | None, ceiling: float | None) -> None:
    for name, limit in (("floor", floor), ("ceiling", ceiling)):
        if limit is not None:
            real(name, limit, remedy="give a value of the image, or None")
    if floor is not None and ceiling is not None and not floor <= ceiling:
        raise ArgumentError(
            "floor, ceiling", "must be in order", value=(floor, ceiling), remedy="exchange them"
        )


@dataclass(frozen=True, slots=True)
class _SumOfVariances:
    parts: tuple[NoiseModel, ...]

    def __call__(self, array: np.ndarray) -> np.ndarray:
        return sum(part.variance(array, **part.parameters) for part in self.parts)  # type: ignore[misc,return-value]


@dataclass(frozen=True, slots=True)
class _SumOfSamples:
    parts: tuple[NoiseModel, ...]

    def __call__(self, array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Add the noise of each part, drawn for the true values, not for values with noise of other parts."""
        result = np.array(array, dtype=np.float64)  # differences from bright values must not be rounded twice
        for part in self.parts:
            result += part.sample(array, rng, **part.parameters) - array
        return result


@dataclass(frozen=True, slots=True)
class _SumOfMeans:
    parts: tuple[NoiseModel, ...]

    def __call__(self, array: np.ndarray) -> np.ndarray:
        result = np.array(array, dtype=np.float64)
        for part in self.parts:
            if part.mean is not None:
                result += part.mean(array, **part.parameters) - array
        return result


def parts_of(model: NoiseModel) -> tuple[NoiseModel, ...]:
    """Return the models of which one is the sum, or the model itself."""
    sample = getattr(model, "sample", None)
    return sample.parts if isinstance(sample, _SumOfSamples) else (model,)
