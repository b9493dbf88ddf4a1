"""Functions of the pixel value, computed in bands of rows on the threads of the current engine.

Intermediate results of a formula stay in the cache, and the pixels are read and written once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ccdfx.engines import map_here
from ccdfx.errors import ArgumentError

Function = Callable[[np.ndarray], np.ndarray]
_BAND = 1 << 16  # pixels: a few arrays of them fit into the cache


def by_bands(
    values: np.ndarray,
    function: Function,
    variance: np.ndarray | None = None,
    variance_of: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray | None, bool]:
    """Compute ``function(values)``, ``variance_of(variance, values, result)``, and whether all is finite."""
    out = np.empty(values.shape, values.dtype)
    out_variance = None if variance is None or variance_of is None else np.empty_like(values)

    def band(start: int) -> bool:
        part = slice(start, start + rows)
        with np.errstate(all="ignore"):
            result = np.asarray(function(values[part]))
            _require_shape(result, values[part])
            out[part] = result
            if out_variance is not None:  # NaN from 0 times infinity, and pixels without a value
                errors = variance_of(variance[part], values[part], out[part])  # type: ignore[misc, index]
                out_variance[part] = np.nan_to_num(errors, copy=False, nan=0.0, posinf=np.inf)
        return bool(np.isfinite(result).all())

    rows = max(1, _BAND // values.shape[1])
    return out, out_variance, all([*map_here(band, range(0, values.shape[0], rows))])


def by_kernel(kernel: Callable[..., None], array: np.ndarray, *numbers: float) -> np.ndarray:
    """Apply ``kernel(x, *numbers, out)`` to every pixel of a float32 array and return `out`."""
    out = np.empty(array.shape, array.dtype)
    kernel(np.ascontiguousarray(array).reshape(-1), *map(float, numbers), out.reshape(-1))
    return out


def _require_shape(result: np.ndarray, values: np.ndarray) -> None:
    if result.shape != values.shape:
        raise ArgumentError(
            "scaling", f"must give an array of the shape {values.shape}", value=result.shape,
            remedy="its functions answer for every pixel of the array that they get",
        )  # fmt: skip
