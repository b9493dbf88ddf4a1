"""Scalings and noise models that are wrong in ways that small examples do not show, with the law that finds each."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from ccdfx import NoiseModel, Scaling


def half(x: np.ndarray) -> np.ndarray:
    return x / 2


def twice(x: np.ndarray) -> np.ndarray:
    return x * 2


def slope(x: np.ndarray) -> np.ndarray:
    return np.full_like(x, 0.5)


GOOD = Scaling("good", {}, half, twice, slope)
_FIRST: list[float] = []
_LARGEST: list[float] = [0.0]
_BRIGHTEST: list[float] = [0.0]
_SCRATCH = np.zeros((512, 512))
_OUT: dict[str, np.ndarray] = {}


def short_beyond_uint16(x: np.ndarray) -> np.ndarray:
    return np.where(x > 65535, 65535 - x / 2, x / 2).astype(x.dtype)


def turns_below_minus_1000(x: np.ndarray) -> np.ndarray:
    return np.where(x < -1000, -x / 2, x / 2).astype(x.dtype)


def inverse_to_uint16(x: np.ndarray) -> np.ndarray:
    return np.minimum(2 * x, x.dtype.type(65535))


def inverse_without_a_sign(x: np.ndarray) -> np.ndarray:
    return np.where(x < -100, -2 * x, 2 * x).astype(x.dtype)


def slope_of_small_values(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 1000, 0.5, 0.25).astype(x.dtype)


def bent_beyond_column_64(x: np.ndarray) -> np.ndarray:
    done = x / 2
    done[:, 64:] *= 2
    return done


def inverse_bent_beyond_row_128(x: np.ndarray) -> np.ndarray:
    done = 2 * x
    done[128:] *= 2
    return done


def of_the_first_values(x: np.ndarray) -> np.ndarray:
    _FIRST.append(float(x.flat[0])) if not _FIRST else None
    return x / 2 + _FIRST[0]


def of_the_largest_value(x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        _LARGEST[0] = max(_LARGEST[0], float(np.nanmax(x)))
    return x / 2 + _LARGEST[0]


def in_its_scratch(x: np.ndarray) -> np.ndarray:
    out = _OUT.setdefault(f"{x.shape} {x.dtype}", np.zeros_like(x))
    return np.divide(x, 2, out=out)


def with_a_shared_scratch(x: np.ndarray) -> np.ndarray:
    scratch = _SCRATCH[: x.shape[0], : x.shape[1]]
    scratch[:] = x
    time.sleep(1e-3)  # here another thread writes to it
    return (scratch / 2).astype(x.dtype)


def nothing_becomes_zero(x: np.ndarray) -> np.ndarray:
    return np.nan_to_num(x / 2, nan=0.0, posinf=np.inf, neginf=-np.inf)


RISES = "it only rises or only falls"
INVERSE = "the inverse undoes it"
ITSELF = "every pixel is scaled by itself"
SAME = "the same input gives the same result"
SCALINGS = {
    "short": (replace(GOOD, transform=short_beyond_uint16), RISES),
    "turns": (replace(GOOD, transform=turns_below_minus_1000), RISES),
    "uint16": (replace(GOOD, inverse=inverse_to_uint16), INVERSE),
    "sign": (replace(GOOD, inverse=inverse_without_a_sign), INVERSE),
    "slope": (replace(GOOD, derivative=slope_of_small_values), "the derivative is the slope"),
    "columns": (replace(GOOD, transform=bent_beyond_column_64), ITSELF),
    "rows": (replace(GOOD, inverse=inverse_bent_beyond_row_128), ITSELF),
    "first": (replace(GOOD, transform=of_the_first_values), "another process gives the same"),
    "largest": (replace(GOOD, transform=of_the_largest_value), SAME),
    "scratch": (replace(GOOD, transform=in_its_scratch), SAME),
    "threads": (replace(GOOD, transform=with_a_shared_scratch), "threads give the same"),
    "nothing": (replace(GOOD, transform=nothing_becomes_zero), "pixels without a value are flagged and flags stay"),
}  # fmt: skip


def variance(x: np.ndarray) -> np.ndarray:
    return 4 + np.maximum(x, 0)


def sample(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return x + rng.normal(0, 1, x.shape) * np.sqrt(variance(x))


MODEL = NoiseModel("good", {}, variance, sample)


def sample_of_uint16(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.minimum(sample(x, rng), 65535)


def sample_above_zero(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.maximum(sample(x, rng), 0)


def variance_of_uint16(x: np.ndarray) -> np.ndarray:
    return 4 + np.clip(x, 0, 65535)


def variance_of_negative_values(x: np.ndarray) -> np.ndarray:
    return 4 + np.abs(x)


def variance_beyond_column_64(x: np.ndarray) -> np.ndarray:
    done = variance(x)
    done[:, 64:] = 4
    return done


def sample_of_one_row(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return x + rng.normal(0, 1, x.shape[1]) * np.sqrt(variance(x))


def sample_up_to_column_196(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    done = sample(x, rng)
    done[:, 196:] = x[:, 196:]
    return done


def sample_in_pairs(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    few = rng.normal(0, 1, (x.shape[0], (x.shape[1] + 1) // 2))
    return x + np.repeat(few, 2, axis=1)[:, : x.shape[1]] * np.sqrt(variance(x))


def sample_of_its_own_seed(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return sample(x, np.random.default_rng(1))


def variance_of_the_brightest(x: np.ndarray) -> np.ndarray:
    _BRIGHTEST[0] = max(_BRIGHTEST[0], float(x.max()))
    return variance(x) + _BRIGHTEST[0]


def variance_in_its_scratch(x: np.ndarray) -> np.ndarray:
    out = _OUT.setdefault(f"variance {x.shape}", np.zeros_like(x))
    out[:] = variance(x)
    return out


def variance_with_a_shared_scratch(x: np.ndarray) -> np.ndarray:
    return variance(with_a_shared_scratch(x))


def mean_of_uint16(x: np.ndarray) -> np.ndarray:
    return np.minimum(x, 65535)


SAMPLES = "samples have the mean and variance of the model"
OWN = "every pixel has noise of its own"
BEFORE = "what was done before does not matter"
MODELS = {
    "uint16": (replace(MODEL, sample=sample_of_uint16), SAMPLES),
    "zero": (replace(MODEL, sample=sample_above_zero), SAMPLES),
    "variance of uint16": (replace(MODEL, variance=variance_of_uint16), SAMPLES),
    "negative": (replace(MODEL, variance=variance_of_negative_values), SAMPLES),
    "mean": (replace(MODEL, mean=mean_of_uint16), SAMPLES),
    "columns": (replace(MODEL, variance=variance_beyond_column_64), "the variance of a pixel is its own"),
    "one row": (replace(MODEL, sample=sample_of_one_row), OWN),
    "right edge": (replace(MODEL, sample=sample_up_to_column_196), OWN),
    "pairs": (replace(MODEL, sample=sample_in_pairs), OWN),
    "seed": (replace(MODEL, sample=sample_of_its_own_seed), "another seed makes another sample"),
    "brightest": (replace(MODEL, variance=variance_of_the_brightest), BEFORE),
    "scratch": (replace(MODEL, variance=variance_in_its_scratch), BEFORE),
    "threads": (replace(MODEL, variance=variance_with_a_shared_scratch), "threads give the same"),
}
