"""Laws of scalings with options of all sizes: strictly monotone, and undone by the inverse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccdfx import registry
from ccdfx.records.image import Image
from ccdfx.scalings import (
    Scaling,
    asinh,
    contrast_bias,
    exp,
    linear,
    log,
    power,
    scale,
    sqrt,
    surface_brightness,
    unscale,
)

POSITIVE = st.floats(0.1, 10.0)
scalings = st.one_of(
    st.builds(linear, POSITIVE, st.floats(-100, 100)),
    st.builds(log, st.floats(1.5, 20)),
    st.builds(
        lambda base, low, width, upper: log(base, minimum=low, maximum=low + width, upper=upper),
        st.floats(1.5, 1000), st.floats(-50, 50), st.floats(1, 1000), st.floats(0.5, 300),
    ),
    st.just(sqrt()),
    st.builds(asinh, st.floats(0.1, 1000)),
    st.builds(power, st.floats(0.2, 4)),
    st.builds(exp, st.floats(1.05, 10)),
    st.builds(surface_brightness, st.floats(-30, 30), POSITIVE),
    st.builds(
        lambda contrast, bias, low, width: contrast_bias(contrast, bias, low, low + width),
        POSITIVE, st.floats(-1, 2), st.floats(-50, 50), st.floats(1, 1000),
    ),
)  # fmt: skip
arrays = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.floats(-90, 90, width=32)
)


def inside(scaling: Scaling, array: np.ndarray) -> np.ndarray:
    low, high = scaling.domain(**scaling.parameters) if scaling.domain else (-np.inf, np.inf)
    margin = min(1e-3, (high - low) / 4)
    return np.clip(array, low + margin if np.isfinite(low) else None, high)


@settings(deadline=None)
@given(scalings, arrays)
def test_the_inverse_undoes_the_scaling_on_the_domain(scaling: Scaling, array: np.ndarray) -> None:
    array = inside(scaling, array)
    back = unscale(scale(array, scaling=scaling), scaling=scaling)
    assert back.mask is None
    assert back.array == pytest.approx(array, rel=1e-6, abs=1e-6)


@settings(deadline=None)
@given(scalings, arrays)
def test_scalings_are_strictly_monotone(scaling: Scaling, array: np.ndarray) -> None:
    order = np.sort(inside(scaling, array), axis=None).reshape(1, -1)
    scaled = scale(order, scaling=scaling).array * (-1 if scaling.name == "surface_brightness" else 1)
    assert (np.diff(scaled) >= -1e-12 * np.abs(scaled[:, 1:])).all()
    far = np.diff(order) > 1e-3 * np.maximum(1.0, np.abs(order[:, 1:]))
    steps = np.diff(scaled)[far]
    assert (steps > 0).all() or scaling.name == "exp" or np.abs(scaled).max() > 1e6


@settings(deadline=None)
@given(arrays, st.integers(2, 9), st.floats(0, 30), st.floats(0.1, 2))
def test_what_the_image_settles_obeys_the_same_laws(
    array: np.ndarray, levels: int, zero_point: float, pixel_scale: float
) -> None:
    image = Image(array).replace(zero_point=zero_point, pixel_scale=pixel_scale)
    for name in ("histogram_equalisation", "surface_brightness"):
        scaling = registry.lookup("scaling", name)
        if name == "histogram_equalisation":
            scaling = scaling.configure(levels=levels)
        settled = scaling.settled(image)
        inner = image.replace(array=inside(settled, array))
        scaled = scale(inner, scaling=settled)
        if name == "surface_brightness":
            np.testing.assert_array_equal(scale(inner, scaling=scaling).array, scaled.array)
            np.testing.assert_array_equal(
                unscale(scaled, scaling=scaling).array, unscale(scaled, scaling=settled).array
            )
        assert unscale(scaled, scaling=settled).array == pytest.approx(inner.array, rel=1e-6, abs=1e-6)
        order = np.argsort(inner.array, axis=None)
        steps = np.diff(scaled.array.ravel()[order]) * (-1 if name == "surface_brightness" else 1)
        assert (steps >= -1e-12).all()
