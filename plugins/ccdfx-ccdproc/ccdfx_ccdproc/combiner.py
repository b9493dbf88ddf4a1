"""Many frames combined into one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.stats import sigma_clip as astropy_sigma_clip

from ccdfx_ccdproc.deviation import sigma_func
from ccdfx_ccdproc.statistics import SCATTERS, clipped, combined, extrema, rule_for, word_for


def require_same(frames: Sequence[Any]) -> None:
    """Require that frames are CCDData of one shape and unit."""
    for frame in frames:
        if not isinstance(frame, CCDData):
            raise TypeError(f"frames must be CCDData, and one is a {type(frame).__name__}")
        if frame.shape != frames[0].shape:
            raise TypeError(f"frames have several shapes: {frames[0].shape} and {frame.shape}")
        if frame.unit != frames[0].unit:
            raise TypeError(f"frames have several units: {frames[0].unit} and {frame.unit}")


def require_weights(weights: Any, shape: tuple[int, ...]) -> None:
    """Require that weights are an array, of one for each frame or for each value of `shape`."""
    if not isinstance(weights, np.ndarray):
        raise TypeError("weights must be a numpy.ndarray")
    if weights.shape not in (shape, shape[:1]):
        raise ValueError(
            f"weights have the shape {weights.shape}; give one for each of {shape[0]} frames, or {shape}"
        )


def weight_planes(
    weights: np.ndarray, planes: Callable[[np.ndarray], Sequence[np.ndarray]]
) -> Sequence[np.ndarray]:
    """Return the weights of each frame: an array like its values, or one number."""
    return list(weights.astype(np.float64)) if weights.ndim == 1 else planes(weights.astype(np.float64))


def factors_of(scaling: Any, frames: int) -> np.ndarray | None:
    """Return the factors of the frames that a sequence of numbers gives."""
    if scaling is None:
        return None
    if not hasattr(scaling, "__len__"):
        raise TypeError(f"scaling {scaling!r} must be a function, or a number for each frame")
    if len(scaling) != frames:
        raise ValueError(f"scaling has {len(scaling)} numbers for {frames} frames")
    return np.array(scaling, np.float64).reshape(-1)


class Combiner:
    """Frames of one shape and unit, from which values are rejected and which are then combined.

    Parameters
    ----------
    ccd_iter : iterable of CCDData
        Of one shape (of any number of axes) and unit. Masked and non-finite values are left out.
    dtype : numpy dtype, optional
        Of the values and of the result; float64 by default.

    Attributes
    ----------
    data_arr : numpy.ma.MaskedArray, shape (n, ...)
        The values. Its mask may be changed; what is masked is left out.

    Raises
    ------
    TypeError
        No frames, or frames that are no CCDData, or of several shapes or units.

    Examples
    --------
    >>> frames = [CCDData(np.full((1, 2), level), unit="adu") for level in (1.0, 2.0, 6.0)]
    >>> combiner = Combiner(frames)
    >>> combiner.average_combine().data, combiner.median_combine().data
    (array([[3., 3.]]), array([[2., 2.]]))
    """

    def __init__(self, ccd_iter: Iterable[CCDData], dtype: Any = None) -> None:
        if ccd_iter is None:
            raise TypeError("ccd_iter must be a list or another iterable of CCDData, and is None")
        frames = list(ccd_iter)
        if not frames:
            raise TypeError("ccd_iter has no frames")
        require_same(frames)
        self.ccd_list = frames
        self.unit = frames[0].unit
        self._dtype = np.dtype(np.float64 if dtype is None else dtype).type
        self._weights: np.ndarray | None = None
        self._scaling: np.ndarray | None = None
        values = np.empty((len(frames), *frames[0].shape), self._dtype)
        mask = np.zeros(values.shape, bool)
        for i, frame in enumerate(frames):
            values[i] = frame.data
            if frame.mask is not None:
                mask[i] = frame.mask
        if values.dtype.kind == "f":
            mask |= np.isnan(values)
        self.data_arr = np.ma.MaskedArray(values, mask=mask)

    @property
    def dtype(self) -> Any:
        """Return the type of the values and of the result."""
        return self._dtype

    @property
    def weights(self) -> np.ndarray | None:
        """Return the weights: one for each frame, or one for each value."""
        return self._weights

    @weights.setter
    def weights(self, value: np.ndarray | None) -> None:
        if value is not None:
            require_weights(value, self.data_arr.shape)
        self._weights = value

    @property
    def scaling(self) -> np.ndarray | None:
        """Return the factors by which frames are multiplied, of the shape (n, 1, ...)."""
        return self._scaling

    @scaling.setter
    def scaling(self, value: Callable[..., Any] | Sequence[float] | np.ndarray | None) -> None:
        if callable(value):
            value = [value(frame) for frame in self.data_arr]
        factors = factors_of(value, len(self.data_arr))
        self._scaling = None if factors is None else factors.reshape(-1, *[1] * (self.data_arr.ndim - 1))

    def minmax_clipping(self, min_clip: float | None = None, max_clip: float | None = None) -> None:
        """Reject all values below `min_clip` or above `max_clip`."""
        values = self.data_arr.data
        with np.errstate(invalid="ignore"):
            if min_clip is not None:
                self._reject(values < min_clip)
            if max_clip is not None:
                self._reject(values > max_clip)

    def clip_extrema(self, nlow: int | None = 0, nhigh: int | None = 0) -> None:
        """Reject the lowest and the highest values of each pixel.

        Values that are masked already are counted: where one of them is among the highest, one less is rejected.
        """
        self._reject(extrema(self._planes(self.data_arr.data), int(nlow or 0), int(nhigh or 0)))

    def sigma_clipping(
        self,
        low_thresh: float | None = 3,
        high_thresh: float | None = 3,
        func: Callable[..., Any] | str = "mean",
        dev_func: Callable[..., Any] | str = "std",
        **kwd: Any,
    ) -> None:
        """Reject values that lie further from a centre than a multiple of a deviation, in one pass.

        Parameters
        ----------
        low_thresh, high_thresh : float or None
            In deviations; None turns a side off.
        func : {"mean", "median"} or function
        dev_func : {"std", "mad_std"} or function
            Other functions are called with the masked array and an axis, by `astropy.stats.sigma_clip`.
        **kwd
            Further options of `astropy.stats.sigma_clip`.
        """
        rule = None if kwd else rule_for(low_thresh, high_thresh, func, dev_func)
        if rule is not None and len(self.data_arr) > 2:
            planes = self._planes(self.data_arr.data), self._planes(np.ma.getmaskarray(self.data_arr))
            self._reject(clipped(*planes, rule))
            return
        limits = {
            "sigma_lower": np.inf if low_thresh is None else abs(low_thresh),
            "sigma_upper": np.inf if high_thresh is None else abs(high_thresh),
        }
        options: dict[str, Any] = {"axis": 0, "copy": False, "maxiters": 1, **limits, **kwd}
        found = astropy_sigma_clip(
            self.data_arr.copy(), cenfunc=func, stdfunc=dev_func, masked=True, **options
        )
        self._reject(np.ma.getmaskarray(found))

    def average_combine(
        self,
        scale_func: Callable[..., Any] | None = None,
        scale_to: float | None = None,
        uncertainty_func: Callable[..., Any] = np.nanstd,
        sum_func: Callable[..., Any] = np.nansum,
    ) -> CCDData:
        """Average the values left, with `weights` if there are any.

        Parameters
        ----------
        scale_func : function, optional
            Instead of the mean: called with the masked array and ``axis=0``. It cannot be weighted.
        scale_to : float, optional
            A factor for all frames, instead of `scaling`.
        uncertainty_func : function
            Of the scatter of the values left, divided by the root of their number: that of the mean without weights.
        sum_func : function
            For the sums of a weighted mean.

        Returns
        -------
        CCDData
            Masked where no value is left; there it is NaN. ``NCOMBINE`` is the number of frames.
        """
        weights = self._weights
        own = None if scale_func is None or word_for(scale_func) == "mean" else scale_func
        if own is not None and weights is not None:
            raise ValueError("scale_func cannot be weighted; leave weights or scale_func out")
        value = None
        if own is not None:
            value = own(self._scaled(scale_to), axis=0)
        elif weights is not None and word_for(sum_func) != "sum":
            value = self._weighted_by(sum_func, weights, scale_to)
        return self._combined("average", uncertainty_func, scale_to, value)

    def median_combine(
        self,
        median_func: Callable[..., Any] | None = None,
        scale_to: float | None = None,
        uncertainty_func: Callable[..., Any] = sigma_func,
    ) -> CCDData:
        """Take the median of the values left; its uncertainty is 1.4826 MAD / sqrt(n) by default.

        Parameters are those of `average_combine`; `median_func` is called with the masked array and ``axis=0``.
        Weights are not used.
        """
        known = median_func is None or word_for(median_func) == "median"
        value = None if known else median_func(self._scaled(scale_to), axis=0)  # type: ignore[misc]
        return self._combined("median", uncertainty_func, scale_to, value)

    def sum_combine(
        self,
        sum_func: Callable[..., Any] | None = None,
        scale_to: float | None = None,
        uncertainty_func: Callable[..., Any] = np.nanstd,
    ) -> CCDData:
        """Sum the values left, each multiplied by its weight if there are any; 0 where none is left.

        The uncertainty is that of `uncertainty_func`, multiplied by the root of the number of values.
        """
        value = None
        if sum_func is not None and word_for(sum_func) != "sum":
            values = self._scaled(scale_to)
            if self._weights is not None:
                values = values * self._weights.reshape(
                    self._weights.shape + (1,) * (values.ndim - self._weights.ndim)
                )
            value = sum_func(values, axis=0)
        return self._combined("sum", uncertainty_func, scale_to, value)

    def _reject(self, rejected: np.ndarray) -> None:
        self.data_arr.mask = np.ma.getmaskarray(self.data_arr) | rejected.reshape(self.data_arr.shape)

    def _planes(self, array: np.ndarray) -> list[np.ndarray]:
        """Return values or masks of the frames as arrays of two axes."""
        axes = array.shape[1:]
        shape = axes if len(axes) == 2 else (axes[0], -1) if len(axes) > 2 else (1, -1)
        return list(array.reshape(len(array), *shape))

    def _factors(self, scale_to: float | None) -> np.ndarray | None:
        """Return the factor of each frame, or None."""
        if scale_to is not None:
            return np.full(len(self.data_arr), float(scale_to))
        return None if self._scaling is None else self._scaling.reshape(-1)

    def _scaled(self, scale_to: float | None) -> np.ma.MaskedArray:
        factors = self._factors(scale_to)
        if factors is None:
            return self.data_arr
        return self.data_arr * factors.reshape(-1, *[1] * (self.data_arr.ndim - 1))

    def _weighted_by(self, sum_func: Callable[..., Any], weights: np.ndarray, scale_to: float | None) -> Any:
        """Return the weighted mean by a function for sums, which must leave out NaN."""
        values = np.ma.filled(self._scaled(scale_to).astype(np.float64), np.nan)
        each = np.broadcast_to(
            weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim)), values.shape
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            return sum_func(each * values, axis=0) / sum_func(
                np.where(np.isnan(values), np.nan, each), axis=0
            )

    def _combined(self, method: str, uncertainty_func: Any, scale_to: float | None, value: Any) -> CCDData:
        """Return the combined frame with its mask and uncertainty; `value` if it is known already."""
        word = word_for(uncertainty_func)
        word = word if word in SCATTERS else None
        weights = (
            None if self._weights is None or value is not None else weight_planes(self._weights, self._planes)
        )
        found = combined(
            self._planes(self.data_arr.data),
            self._planes(np.ma.getmaskarray(self.data_arr)),
            method,
            word,
            factors=self._factors(scale_to),
            weights=weights,
        )
        shape = self.data_arr.shape[1:]
        number, error = found.number.reshape(shape), found.error.reshape(shape)
        if word is None:
            scatter = uncertainty_func(
                np.ma.filled(self._scaled(scale_to).astype(np.float64), np.nan), axis=0
            )
            with np.errstate(divide="ignore", invalid="ignore"):
                root = np.sqrt(number, dtype=np.float64)
                root = root if method == "sum" else 1 / root
                error = np.ma.filled(np.ma.asarray(scatter, dtype=np.float64), np.nan) * root
        data = found.value if value is None else np.ma.filled(np.ma.asarray(value, dtype=np.float64), np.nan)
        return combined_frame(
            data.reshape(shape), error, number == 0, self._dtype, self.unit, len(self.data_arr)
        )


def combined_frame(
    data: np.ndarray, error: np.ndarray, mask: np.ndarray, dtype: Any, unit: Any, frames: int
) -> CCDData:
    """Return the result of combining, of the type of the values; standard deviations of whole numbers are floats."""
    if np.issubdtype(dtype, np.integer):
        data = np.where(mask, 0, data)
    else:
        error = error.astype(dtype, copy=False)
    result = CCDData(data.astype(dtype, copy=False), unit=unit, mask=mask)
    result.uncertainty = StdDevUncertainty(error, copy=False)
    result.meta["NCOMBINE"] = frames
    return result
