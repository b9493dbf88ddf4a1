"""What the function promises, against the package itself and on examples."""

from __future__ import annotations

import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ccdfx
from ccdfx import CcdfxWarning, Flag, Image
from ccdfx_kcorrect import RestFrame, kcorrect_images

UGRIZ = ["sdss_u0", "sdss_g0", "sdss_r0", "sdss_i0", "sdss_z0"]
TYPICAL = np.array([12.0, 40.0, 79.0, 110.0, 140.0])
HCG_88 = Path(os.environ.get("CCDFX_SHARED", Path(__file__).parents[4] / "shared"), "data", "sdss")


def frames(fluxes: np.ndarray, sigma: Any = 0.1, **fields: Any) -> list[Image]:
    """An image of nanomaggies for each plane of fluxes (bands, ny, nx), or each number."""
    planes = fluxes if fluxes.ndim == 3 else np.repeat(fluxes, 6).reshape(-1, 2, 3)
    variance = np.broadcast_to(np.square(sigma), planes.shape)
    return [
        Image(plane, {"BUNIT": "nanomaggy", "PIXSCALE": 0.5}, variance=noise, **fields)
        for plane, noise in zip(planes, variance, strict=True)
    ]


class Package:
    """The answer of the package ``kcorrect``, with a short table of redshifts made of nodes of its default one."""

    def __init__(self, bands: list[str], redshift: float, **options: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from kcorrect.kcorrect import Kcorrect

            last = int(redshift / (2 / 3999)) + 2
            self.fitter = Kcorrect(
                responses=bands, redshift_range=[0.0, last * 2 / 3999], nredshift=last + 1, **options
            )

    def __call__(self, maggies: np.ndarray, sigma: np.ndarray, redshift: float, **options: Any) -> tuple:
        """(coefficients, K, magnitudes) of maggies (n, bands)."""
        ivar = np.broadcast_to(sigma**-2.0, maggies.shape)
        z = np.full(len(maggies), redshift)
        coefficients = self.fitter.fit_coeffs(redshift=z, maggies=maggies, ivar=ivar)
        k = self.fitter.kcorrect(redshift=z, coeffs=coefficients, **options)
        magnitudes = self.fitter.absmag(
            redshift=z, maggies=maggies, ivar=ivar, coeffs=coefficients, **options
        )
        return coefficients, k, magnitudes


def agree(result: Any, expected: tuple) -> None:
    """K and magnitudes to 1e-5 mag; NaN and NO_DATA where the package has no positive solution."""
    coefficients, k, magnitudes = expected
    solved = coefficients.sum(axis=1) > 0
    ours = result.kcorrections.reshape(len(result.bands), -1).T
    assert np.array_equal(solved, np.isfinite(ours).all(axis=1))
    assert np.array_equal(solved, (result.mask.ravel() & int(Flag.NO_DATA)) == 0)
    assert np.abs(ours - k)[solved].max() < 1e-5
    known = solved[:, None] & (magnitudes > -9000)
    ours = result.magnitudes.reshape(len(result.bands), -1).T
    assert np.array_equal(known, np.isfinite(ours))
    assert np.abs(ours - magnitudes)[known].max() < 1e-5


@pytest.mark.parametrize(("bands", "redshift"), [(UGRIZ, 0.0873), (UGRIZ[1:4], 0.2)])
@pytest.mark.filterwarnings("ignore:3 bands do not determine")
def test_200_galaxies_are_those_of_the_package(bands: list[str], redshift: float) -> None:
    rng = np.random.default_rng(8)
    package = Package(bands, redshift)
    light = rng.exponential(size=(5, 200)) * (rng.random((5, 200)) < 0.5)
    matrix = package.fitter.Amatrix(redshift)
    truth = (matrix / matrix[0]) @ light
    sigma = np.hypot(0.05 * truth, 0.05)
    flux = truth + rng.normal(size=truth.shape) * sigma
    assert (flux < 0).any()
    result = kcorrect_images(
        frames(flux.reshape(-1, 10, 20), sigma.reshape(-1, 10, 20)), bands=bands, redshift=redshift
    )
    area = 0.25
    agree(result, package(1e-9 * flux.T / area, 1e-9 * sigma.T / area, redshift))


def test_band_shift_and_other_bands_at_rest_are_those_of_the_package() -> None:
    targets = ["bessell_U", "bessell_B", "bessell_V", "bessell_R", "bessell_I"]
    flux, sigma = TYPICAL * (1 + 0.1 * np.arange(6)[:, None] * (np.arange(5) % 2)), np.full(5, 0.5)
    images = frames(flux.T.reshape(5, 2, 3), 0.5)
    package = Package(UGRIZ, 0.12, responses_out=targets, responses_map=UGRIZ)
    rest = RestFrame(bands=targets, band_shift=0.1)
    result = kcorrect_images(images, bands=UGRIZ, redshift=0.12, rest=rest)
    assert result.bands == tuple(targets)
    agree(result, package(4e-9 * flux, 4e-9 * sigma, 0.12, band_shift=0.1))


@pytest.mark.skipif(not HCG_88.is_dir(), reason=f"no real frames at {HCG_88}")
@pytest.mark.filterwarnings("ignore:3 bands do not determine")
@pytest.mark.parametrize(
    "window", [(300, 345, 200, 245), pytest.param(None, marks=pytest.mark.slow)], ids=["window", "whole"]
)
def test_hcg_88_is_that_of_the_package(window: Any) -> None:
    files = [HCG_88 / f"reprojected_sdss_{band}.fits.bz2" for band in "gri"]
    images = [ccdfx.read(file) for file in files]
    sigma = np.array([0.007, 0.010, 0.019])
    noisy = [i.replace(variance=np.full(i.shape, s**2)) for i, s in zip(images, sigma, strict=True)]
    result = kcorrect_images(noisy, bands=UGRIZ[1:4], redshift=0.0204, pixel_areas=0.396**2, section=window)
    flux = np.array([image.select(window).array.ravel() for image in images]).T
    scale = 1e-9 / 0.396**2
    agree(result, Package(UGRIZ[1:4], 0.0204)(scale * flux, scale * np.sqrt(np.float32(sigma**2)), 0.0204))
    assert result.header["CRPIX1"] == images[0].select(window).header["CRPIX1"]


def test_magnitudes_are_surface_brightness_less_distance_and_k() -> None:
    result = kcorrect_images(
        frames(TYPICAL), bands=UGRIZ, redshift=0.05, rest=RestFrame(distance_modulus=36.5)
    )
    mu = 22.5 - 2.5 * np.log10(TYPICAL) + 2.5 * np.log10(0.25)
    assert np.allclose(result.magnitudes[:, 0, 0], mu - 36.5 - result.kcorrections[:, 0, 0], atol=1e-9)
    assert np.allclose(result.variance[:, 1, 2], (2.5 / np.log(10) * 0.1 / TYPICAL) ** 2)
    of_pixels = kcorrect_images(frames(TYPICAL), bands=UGRIZ, redshift=0.05, pixel_areas=1)
    per_area = kcorrect_images(frames(TYPICAL), bands=UGRIZ, redshift=0.05)
    assert np.allclose(of_pixels.magnitudes - per_area.magnitudes, -2.5 * np.log10(0.25))
    assert per_area.distance_modulus == pytest.approx(36.8, abs=0.1)


def test_zero_points_come_from_the_record_or_are_given() -> None:
    plain = kcorrect_images(frames(TYPICAL), bands=UGRIZ, redshift=0.05)
    counts = frames(100 * TYPICAL, 10.0)
    told = [image.replace(unit="adu", zero_point=27.5) for image in counts]
    assert np.allclose(kcorrect_images(told, bands=UGRIZ, redshift=0.05).magnitudes, plain.magnitudes)
    given = kcorrect_images(counts, bands=UGRIZ, redshift=0.05, zero_points=[27.5] * 5)
    assert np.allclose(given.magnitudes, plain.magnitudes)


def test_an_array_of_each_band_or_images_by_its_name() -> None:
    images = [image.replace(range=(10, 13, 20, 22)) for image in frames(TYPICAL)]
    result = kcorrect_images(images, bands=UGRIZ, redshift=0.1, section=(11, 13, 20, 22))
    assert result.magnitudes.shape == (5, 2, 2) and result.coefficients.shape == (5, 2, 2)
    red = result.magnitudes_by_band()["sdss_r0"]
    assert np.array_equal(red.array, result.magnitudes[2]) and np.array_equal(
        red.variance, result.variance[2]
    )
    assert tuple(red.range) == (11, 13, 20, 22) and red.unit == "mag" and red.band == "sdss_r0"
    assert np.array_equal(result.kcorrections_by_band()["sdss_i0"].array, result.kcorrections[3])
    colour = result.colour("sdss_g0", "sdss_r0")
    assert np.array_equal(colour.array, result.magnitudes[1] - result.magnitudes[2])
    assert np.allclose(colour.variance, result.variance[1] + result.variance[2])
    assert np.array_equal(result.chi2_image().array, result.chi2)
    with pytest.raises(ccdfx.UnknownNameError, match="sdss_u0, sdss_g0"):
        result.colour("sdss_g0", "g")
    with pytest.raises(ValueError, match="read-only"):
        result.chi2[0, 0] = 1
    again = pickle.loads(pickle.dumps(result))
    assert np.array_equal(again.magnitudes, result.magnitudes) and not again.mask.flags.writeable
    assert "4 of 4 pixels" in repr(result)


@pytest.mark.filterwarnings("ignore:4 bands do not determine")
def test_flagged_and_empty_pixels_leave_the_fit_and_keep_their_flags() -> None:
    images = frames(TYPICAL)
    whole = kcorrect_images(images, bands=UGRIZ, redshift=0.1)
    flux, flags, noise = images[2].array.copy(), np.zeros((2, 3), np.uint8), images[2].variance.copy()
    flux[0] = [1e6, np.nan, np.inf]
    flags[0, 0], noise[1, 0] = Flag.COSMIC_RAY, 0
    images[2] = images[2].replace(array=flux, mask=flags, variance=noise)
    result = kcorrect_images(images, bands=UGRIZ, redshift=0.1)
    others = [image for i, image in enumerate(images) if i != 2]
    four = kcorrect_images(others, bands=[b for b in UGRIZ if b != "sdss_r0"], redshift=0.1)
    for pixel in [(0, 0), (0, 1), (0, 2), (1, 0)]:
        assert np.isnan(result.magnitudes[2][pixel]) and np.isfinite(result.kcorrections[2][pixel])
        assert np.allclose(np.delete(result.kcorrections, 2, 0)[:, *pixel], four.kcorrections[:, *pixel])
    assert np.array_equal(result.magnitudes[:, 1, 1:], whole.magnitudes[:, 1, 1:])
    assert result.mask.tolist() == [[int(Flag.COSMIC_RAY), 0, 0], [0, 0, 0]]
    red = result.magnitudes_by_band()["sdss_r0"].mask
    assert red[0].tolist() == [int(Flag.COSMIC_RAY | Flag.NO_DATA), int(Flag.NO_DATA), int(Flag.NO_DATA)]


def test_negative_fluxes_are_fitted_and_pixels_without_light_are_flagged() -> None:
    flux = np.repeat(TYPICAL, 2).reshape(5, 1, 2)
    flux[0, 0, 0] = -3.0
    flux[:, 0, 1] *= -1
    result = kcorrect_images(frames(flux, 2.0), bands=UGRIZ, redshift=0.1)
    assert np.isnan(result.magnitudes[0, 0, 0]) and np.isfinite(result.magnitudes[1:, 0, 0]).all()
    assert result.chi2[0, 0] > 2.25  # (3 / 2)^2 at least is left of the negative flux
    everything = (result.magnitudes, result.kcorrections, result.variance, result.coefficients, result.chi2)
    assert all(np.isnan(plane[..., 0, 1]).all() for plane in everything)
    assert result.mask.tolist() == [[0, int(Flag.NO_DATA)]]


def test_inputs_never_change_and_threads_do_not_matter() -> None:
    rng = np.random.default_rng(2)
    flux = np.abs(rng.normal(1, 0.2, (5, 200, 101))) * TYPICAL[:, None, None]
    images = frames(flux)
    with ccdfx.engine(threads=1):
        one = kcorrect_images(images, bands=UGRIZ, redshift=0.3)
    with ccdfx.engine(threads=3):
        three = kcorrect_images(images, bands=UGRIZ, redshift=0.3)
    assert (
        one.magnitudes.tobytes() == three.magnitudes.tobytes() and one.chi2.tobytes() == three.chi2.tobytes()
    )
    assert all(np.array_equal(image.array, plane) for image, plane in zip(images, flux, strict=True))


def test_fewer_bands_than_templates_is_one_warning() -> None:
    with pytest.warns(CcdfxWarning, match="2 bands do not determine 5 templates") as caught:
        kcorrect_images(frames(TYPICAL[1:3]), bands=UGRIZ[1:3], redshift=0.1)
    assert len(caught) == 1 and caught[0].filename == __file__


@pytest.mark.parametrize("redshift", [-0.01, 2.5, 1e300])
def test_a_redshift_out_of_range_gives_nan_and_a_warning(redshift: float) -> None:
    with pytest.warns(CcdfxWarning, match="not between 0 and 2"):
        result = kcorrect_images(frames(TYPICAL), bands=UGRIZ, redshift=redshift)
    assert np.isnan(result.magnitudes).all() and np.isnan(result.chi2).all()
    assert (result.mask == Flag.NO_DATA).all()


def test_at_redshift_zero_there_is_no_correction_and_no_distance() -> None:
    with pytest.warns(CcdfxWarning, match="no distance follows"):
        result = kcorrect_images(frames(TYPICAL), bands=UGRIZ, redshift=0)
    assert np.allclose(result.kcorrections, 0, atol=1e-12) and np.isnan(result.magnitudes).all()
    near = kcorrect_images(frames(TYPICAL), bands=UGRIZ, redshift=0, rest=RestFrame(distance_modulus=24.4))
    assert np.isfinite(near.magnitudes).all()


def test_arrays_and_files_do_and_noise_is_measured_where_no_variance_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    arrays = [flux + rng.normal(0, 0.5, (64, 64)) for flux in TYPICAL]
    files = [ccdfx.write(array, tmp_path / f"{i}.fits") for i, array in enumerate(arrays)]
    options: dict[str, Any] = {"bands": UGRIZ, "redshift": 0.1, "zero_points": 22.5, "pixel_areas": 0.157}
    one, two = kcorrect_images(arrays, **options), kcorrect_images(files, **options)
    assert np.array_equal(one.magnitudes, two.magnitudes)
    expected = (2.5 / np.log(10) * 0.5 / TYPICAL) ** 2
    assert np.allclose(np.median(one.variance, axis=(1, 2)), expected, rtol=0.1)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"bands": UGRIZ[:4]}, ccdfx.ArgumentError, "one band for each of 5 images"),
        ({"bands": [*UGRIZ[:4], "sdss_q0"]}, ccdfx.UnknownNameError, "did you mean sdss_"),
        ({"bands": [*UGRIZ[:4], "sdss_g0"]}, ccdfx.ArgumentError, "each band once"),
        ({"bands": "sdss_g0"}, ccdfx.ArgumentTypeError, "names of bands"),
        ({"bands": [*UGRIZ[:4], 5]}, ccdfx.UnknownNameError, "no such band"),
        ({"redshift": np.nan}, ccdfx.ArgumentError, "finite number"),
        ({"redshift": "far"}, ccdfx.ArgumentError, "finite number"),
        ({"zero_points": [22.5, 22.5]}, ccdfx.ArgumentError, "one for each of 5"),
        ({"pixel_areas": "large"}, ccdfx.ArgumentError, "one for each of 5"),
        ({"pixel_areas": 0}, ccdfx.ArgumentError, "must be positive"),
        ({"section": (0, 9, 0, 2)}, ccdfx.ArgumentError, "^section: must lie inside"),
        ({"images": np.ones((3, 3))}, ccdfx.ArgumentTypeError, "several images"),
        ({"images": []}, ccdfx.ArgumentError, "at least one"),
        ({"images": [None] * 5}, ccdfx.ArgumentTypeError, r"images\[0\]"),
        ({"images": [np.ones((2, 3))] * 4 + [np.ones((3, 2))]}, ccdfx.MismatchError, r"images\[4\]"),
        ({"images": [np.ones((2, 3))] * 5}, ccdfx.ArgumentError, r"images\[0\].*zero point"),
        ({"images": [np.ones((2, 3))] * 5, "zero_points": 20}, ccdfx.ArgumentError, "pixel scale"),
        (
            {"images": [np.ones((2, 3))] * 5, "zero_points": 20, "pixel_areas": 1},
            ccdfx.ArgumentError,
            "no variance",
        ),
    ],
)
def test_nonsense_is_refused(change: dict[str, Any], error: type, words: str) -> None:
    options: dict[str, Any] = {"images": frames(TYPICAL), "bands": UGRIZ, "redshift": 0.1, **change}
    with pytest.raises(error, match=words):
        kcorrect_images(options.pop("images"), **options)


def test_the_old_word_of_the_section_is_accepted_with_a_warning() -> None:
    options: dict[str, Any] = {"bands": UGRIZ, "redshift": 0.1}
    window = (0, 1, 0, 1)
    expected = kcorrect_images(frames(TYPICAL), section=window, **options)
    with pytest.warns(ccdfx.CcdfxWarning, match="the option 'range' is now 'section'") as issued:
        found = kcorrect_images(frames(TYPICAL), range=window, **options)
    assert len(issued) == 1 and issued[0].filename == __file__
    assert np.array_equal(found.magnitudes, expected.magnitudes) and found.range == expected.range
    with pytest.raises(ccdfx.ArgumentError, match="not both"):
        kcorrect_images(frames(TYPICAL), section=window, range=window, **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bands": ["g"]}, "no such band"),
        ({"band_shift": -1}, "between 0 and 2"),
        ({"distance_modulus": np.inf}, "finite"),
    ],
)
def test_a_rest_frame_that_is_none_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ccdfx.CcdfxError, match=words):
        RestFrame(**options)


def test_other_templates_and_files_that_are_none(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import kcorrect
        from kcorrect.template import SED, Template

        folder = Path(kcorrect.KCORRECT_DIR, "data", "templates")
        one = Template(filename=str(folder / "kcorrect-lrg1-v4.fits"), interpolate=True)
    by_path = RestFrame(templates=folder / "kcorrect-lrg1-v4.fits")
    result = kcorrect_images(frames(TYPICAL), bands=UGRIZ, redshift=0.1, rest=by_path)
    same = kcorrect_images(frames(TYPICAL), bands=UGRIZ, redshift=0.1, rest=RestFrame(templates=one))
    assert result.coefficients.shape == (1, 2, 3) and np.array_equal(result.magnitudes, same.magnitudes)
    assert one.redshift == 0
    flat = SED(wave=np.linspace(1000, 20000, 500), flux=np.ones((2, 500)) * [[1], [2]])
    equal = kcorrect_images(frames(TYPICAL), bands=UGRIZ, redshift=0.1, rest=RestFrame(templates=flat))
    assert np.isfinite(equal.kcorrections).all()  # two templates that are one
    (tmp_path / "no.fits").write_bytes(b"SIMPLE")
    with pytest.raises(ccdfx.FormatError, match="holds no templates"):
        kcorrect_images(
            frames(TYPICAL), bands=UGRIZ, redshift=0.1, rest=RestFrame(templates=tmp_path / "no.fits")
        )


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-5, 500), min_size=5, max_size=5),
    st.floats(0.01, 1.9),
    st.floats(1e-3, 1e3),
    st.permutations(range(5)),
)
def test_brighter_is_brighter_and_the_order_of_bands_does_not_matter(
    flux: list[float], redshift: float, factor: float, order: list[int]
) -> None:
    one = kcorrect_images(frames(np.array(flux), 1.0), bands=UGRIZ, redshift=redshift)
    images = frames(factor * np.array(flux), factor)
    two = kcorrect_images([images[i] for i in order], bands=[UGRIZ[i] for i in order], redshift=redshift)
    assert np.allclose(two.chi2, one.chi2, rtol=1e-8, atol=1e-8, equal_nan=True)
    k, magnitudes = one.kcorrections[order], one.magnitudes[order] - 2.5 * np.log10(factor)
    assert np.allclose(two.kcorrections, k, atol=1e-7, equal_nan=True)
    assert np.allclose(two.magnitudes, magnitudes, atol=1e-7, equal_nan=True)


def test_values_beyond_reason_end_and_let_no_warning_out() -> None:
    flux = np.array([[1e300, 1e-300, -1e300, 0.0, 1.0, 1e38]] * 5).reshape(5, 2, 3)
    sigma = np.array([1e-300, 1e300, 1e-30, 1.0, 1e-150, 1e30]).reshape(2, 3)
    with np.errstate(all="ignore"):
        variance = np.square(sigma)
    images = [Image(plane, {"BUNIT": "nanomaggy"}, variance=variance) for plane in flux]
    result = kcorrect_images(images, bands=UGRIZ, redshift=0.1, pixel_areas=1)
    assert np.isfinite(result.kcorrections[:, 1, 2]).all()
    assert (result.mask.astype(bool) == np.isnan(result.chi2)).all()
