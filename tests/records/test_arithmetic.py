"""Arithmetic of images: operators, numpy's functions, slices."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units

import ccdfx
from ccdfx import CcdfxWarning, Flag, Header, Image
from ccdfx.records.arithmetic.units import unit_of_product
from ccdfx.records.history import bias_identity
from ccdfx.testing import assert_same_image

SIGNAL = np.array([[100, 200, 300], [400, 500, 60000]], np.uint16)


def frame(array: object = SIGNAL, **fields: object) -> Image:
    header = {"BUNIT": "adu", "SATURATE": 60000, "GAIN": 2.0}
    return Image(array, header, variance=np.full(np.shape(array), 4.0), **fields)  # type: ignore[arg-type]


@pytest.mark.quick
def test_numbers_flags_and_errors_of_the_four_operations() -> None:
    one = frame(mask=[[1, 0, 0], [0, 0, 0]])
    two = frame(SIGNAL // 2, mask=[[4, 4, 0], [0, 0, 0]])
    x, y = one.array.astype(np.float32), two.array.astype(np.float32)
    for result, value, variance in (
        (one + two, x + y, 8.0),
        (one - two, x - y, 8.0),
        (one * two, x * y, 4 * (x**2 + y**2)),
        (one / two, x / y, 4 / y**2 + 4 * x**2 / y**4),
        (one**2, x**2, 16 * x**2),
        (np.sqrt(one), np.sqrt(x), 1 / x),
        (3 - one, 3 - x, 4.0),
        (one / np.array([[2.0], [4.0]]), x / [[2], [4]], [[1.0] * 3, [0.25] * 3]),
    ):
        assert result.dtype.kind == "f"
        np.testing.assert_allclose(result.array, value, rtol=1e-6)
        np.testing.assert_allclose(result.variance, np.broadcast_to(variance, x.shape), rtol=1e-5)
    assert (one - two).mask.tolist() == [[5, 4, 0], [0, 0, 0]]
    assert (one - one).variance.max() == 0  # an image is not independent of itself
    assert np.add(5, one).array.tolist() == (one + np.float64(5)).array.tolist() == (x + 5).tolist()


def test_first_order_errors_are_the_scatter_of_simulations() -> None:
    rng = np.random.default_rng(5)
    planes = {name: np.full((300, 300), level) for name, level in (("a", 900.0), ("b", 300.0), ("f", 40.0))}
    noisy = {
        name: Image(plane + rng.normal(0, 0.03 * plane), variance=(0.03 * plane) ** 2)
        for name, plane in planes.items()
    }
    a, b, f = noisy.values()
    for result in ((a - b) / f, ccdfx.evaluate("(a - b) / (a + b) * f ** 2", **noisy)):
        assert np.median(result.variance) == pytest.approx(np.var(result.array), rel=0.03)


def test_units_windows_and_headers_are_checked() -> None:
    one = frame()
    assert (one * one).unit == "adu2" and (one / one).unit is None and (one / 3).unit == "adu"
    assert unit_of_product("adu", "MJy / sr") and (1 / one).unit == "adu-1"
    with pytest.raises(ccdfx.MismatchError, match="unit 'adu'"):
        _ = one + one.replace(unit="electron")
    with pytest.raises(ccdfx.MismatchError, match="window"):
        _ = one[:1, 1:] + one[1:, 1:]
    header = (one * 0.5).header
    assert (
        header["SATURATE"] == 30000 and "GAIN" not in header
    )  # of values that are other numbers of electrons
    assert "SATURATE" not in (one - one.replace()).header and (one - 7).header["SATURATE"] == 59993


def test_what_has_no_value_is_flagged_and_what_is_unknown_is_said() -> None:
    one = frame()
    ratio = one / np.array([[0.0, 1, 1], [1, 1, 1]])
    assert ratio.mask.tolist() == [[int(Flag.NO_DATA), 0, 0], [0, 0, 0]] and ratio.variance[0, 0] == np.inf
    with pytest.warns(CcdfxWarning, match="variance of the result is unknown"):
        assert (one - one.replace(variance=None)).variance is None
    for wrong in (
        lambda: one / 0,
        lambda: one + np.nan,
        lambda: one**one,
        lambda: one.array < one,
        lambda: one[0],
    ):
        with pytest.raises(ccdfx.CcdfxError):
            wrong()
    with pytest.raises(TypeError):
        _ = one < 5
    with pytest.raises(ccdfx.ArgumentError, match="astropy knows"):
        _ = one.replace(unit="furlong of light") * one


def test_other_functions_of_numpy_see_an_array_without_flagged_pixels() -> None:
    one = frame()
    assert np.sum(one) == SIGNAL.sum(dtype=float) and type(np.log10(one)) is np.ndarray
    assert (one * units.s).unit == "adu s" and (3 * units.adu - one).array[0, 0] == -97
    flagged = one.replace(mask=SIGNAL > 1000)
    for function in (np.sum, np.max, np.log10, np.mean):
        with pytest.warns(CcdfxWarning, match="flagged pixels are NaN"):
            assert np.isnan(np.asarray(function(flagged))).any()
    with pytest.raises(TypeError):
        _ = one + "5"


def test_slices_cut_out_windows() -> None:
    one = frame().replace(range=(10, 13, 20, 22))
    cut = one[1:, -2:]
    assert cut.array.tolist() == SIGNAL[1:, -2:].tolist() and tuple(cut.range) == (11, 13, 21, 22)
    assert one[:1].shape == (1, 3)
    for wrong in ((0, 0), slice(None, None, 2), (slice(5, 9), slice(None)), SIGNAL > 3):
        with pytest.raises(ccdfx.CcdfxError, match="slices"):
            one[wrong]


def test_an_expression_in_bands_is_that_of_the_whole() -> None:
    rng = np.random.default_rng(1)
    one, two = (
        Image(
            rng.normal(50, 9, (9, 7)),
            {"BUNIT": "adu"},
            mask=rng.random((9, 7)) < 0.1,
            variance=np.ones((9, 7)),
        )
        for _ in "ab"
    )
    part = two.replace(
        range=(10, 17, 20, 29)
    )  # a window that the other, at the origin, is compared with by its shape
    text = "(a - b) / (a * b) + mean(b - median(a)) / mean(b) / a"
    whole = ccdfx.evaluate(text, a=one, b=part)
    with ccdfx.engine(threads=2, memory=2000):
        bands = ccdfx.evaluate(text, a=one, b=part)
    assert_same_image(whole, bands)
    assert bands.range == part.range and bands.unit == "adu-1"
    by_hand = (one - part) / (one * part) + float(
        ccdfx.statistics(two - ccdfx.statistics(one).median).mean
    ) / (ccdfx.statistics(two).mean * one.replace(unit="adu"))
    np.testing.assert_allclose(bands.array, by_hand.array, rtol=1e-12)
    assert ccdfx.evaluate("a - b", a=one, b=one).variance.max() == 0  # one image by two names
    with pytest.warns(CcdfxWarning, match="variance of the result is unknown"):
        assert ccdfx.evaluate("a - b", a=one, b=two.replace(variance=None)).variance is None
    with pytest.raises(ccdfx.MismatchError, match="shape"):
        ccdfx.evaluate("a - b", a=one, b=two[1:])
    with pytest.raises(ccdfx.UnknownNameError, match="q"):
        ccdfx.evaluate("a - q", a=one)


@pytest.mark.quick
def test_history_tells_each_operation_and_its_operands() -> None:
    image = Image(np.arange(6.0).reshape(2, 3), Header({"OBJECT": "M 13"}).add_history("before"))
    bias = Image(np.ones((2, 3)), {"OBJECT": "bias", "DATE-OBS": "2024-05-13T01:59:58"})
    done = -((image - bias) * 2.5) / np.full((2, 3), 4.0) + 1 * units.adu
    first, *lines = done.header.history
    assert first == "before" and bias_identity(bias) in lines[0]
    assert lines[0].startswith("ccdfx image - image bias 2024-05-13T01:59:58 ")
    assert lines[1:3] == ["ccdfx image * 2.5", "ccdfx -image"]
    assert lines[3].startswith("ccdfx image / array ") and lines[4:] == ["ccdfx image + 1.0 adu"]
    assert (image + image).header.history[-1] == "ccdfx image + image"
    assert np.sqrt(image).header.history[-1] == "ccdfx sqrt(image)" and image.header.history == ("before",)
