"""reproject_image: found by name; values, flux, variance, flags, coverage and sky positions; and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reproject import reproject_interp

import ccdfx
from ccdfx import ArgumentError, ArgumentTypeError, Flag, Header, Image, UnknownNameError, registry
from ccdfx_reproject import reproject_image
from ccdfx_reproject.projection import METHODS, _celestial, _grid, _projected

SHAPE = (48, 56)


def sky(rotation: float = 0.0, scale: float = 1.0, projection: str = "TAN", **cards: object) -> Header:
    """A WCS whose middle is that of the frame."""
    c, s = 1e-4 * scale * np.cos(np.radians(rotation)), 1e-4 * scale * np.sin(np.radians(rotation))
    return Header({
        "CTYPE1": f"RA---{projection}", "CTYPE2": f"DEC--{projection}", "CRVAL1": 150.0, "CRVAL2": 40.0,
        "CRPIX1": 28.0, "CRPIX2": 24.0, "CD1_1": -c, "CD1_2": s, "CD2_1": s, "CD2_2": c, **cards,
    })  # fmt: skip


def star(x: float = 26.3, y: float = 22.8, sigma: float = 2.0) -> np.ndarray:
    j, i = np.indices(SHAPE)
    return 1000 * np.exp(-((i - x) ** 2 + (j - y) ** 2) / (2 * sigma**2))


TARGETS = {
    "turned": Image(np.zeros(SHAPE), sky(20)),
    "finer": Image(np.zeros((70, 80)), sky(-10, 0.8, CRPIX1=40.0, CRPIX2=35.0)),
    "coarser": Image(np.zeros((40, 44)), sky(90, 1.5, CRPIX1=22.0, CRPIX2=20.0)),
    "projected": Image(np.zeros(SHAPE), sky(3, 1.05, "STG")),
}


def test_the_plugin_is_installed_and_whole() -> None:
    report = next(item for item in registry.plugins() if "reproject" in item.name)
    assert report.problem is None and dict(report.provides) == {"step": ("reproject_image",)}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", TARGETS)
def test_a_star_keeps_its_flux_and_its_place_in_the_sky(name: str, method: str) -> None:
    image = Image(star(), sky(CRVAL2=40.0, OBJECT="M 13"))
    done = reproject_image(image, target=TARGETS[name], method=method)
    assert done.shape == TARGETS[name].shape and done.header["OBJECT"] == "M 13"
    # Only overlaps count every pixel once; the others beat with grids of almost equal pixels.
    beat = {"exact": 1e-4, "interp": 0.015, "adaptive": 0.05}[method]
    assert done.array.sum() == pytest.approx(star().sum(), rel=beat)
    y, x = np.indices(done.shape)
    centre = [(done.array * p).sum() / done.array.sum() for p in (x, y)]
    there = done.wcs.all_pix2world([centre], 0)
    assert np.allclose(there, image.wcs.all_pix2world([(26.3, 22.8)], 0), atol=0.02e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["turned", "coarser"])
def test_variance_is_the_scatter_of_simulations(name: str, method: str) -> None:
    rng = np.random.default_rng(1)
    variance = np.where(np.indices(SHAPE)[1] < 28, 4.0, 25.0)
    count = 100 if method == "interp" else 60
    done = [
        reproject_image(
            Image(rng.normal(0, np.sqrt(variance)), sky(), variance=variance if k == 0 else None),
            target=TARGETS[name],
            method=method,
        )
        for k in range(count)
    ]
    good = done[0].good
    ratio = np.var([one.array for one in done], axis=0)[good] / done[0].variance[good]
    assert ratio.mean() == pytest.approx(1, abs=0.03)
    assert good.sum() > 300 and done[0].variance[~good].min() >= 0


@pytest.mark.parametrize("method", METHODS)
def test_a_variance_that_is_unknown_stays_unknown(method: str) -> None:
    variance = np.ones(SHAPE)
    variance[24, 30] = np.inf
    done = reproject_image(
        Image(star(), sky(), variance=variance), target=sky(CRPIX1=28.5), method=method, shape=SHAPE
    )
    assert np.argwhere(np.isinf(done.variance)).tolist() == [[24, 30], [24, 31]]


@pytest.mark.parametrize("method", METHODS)
def test_flags_follow_and_bad_values_stay_out(method: str) -> None:
    array, mask = np.full(SHAPE, 50.0, np.float32), np.zeros(SHAPE, np.uint8)
    array[20, 30], mask[20, 30] = 6e4, Flag.SATURATED | Flag.USER_1
    array[30, 20] = np.nan
    image = Image(array, sky(), mask=mask, variance=array)
    done = reproject_image(image, target=TARGETS["turned"], method=method)
    assert done.dtype == np.float32 and np.isfinite(done.array).all()
    assert np.abs(done.array[done.good] - 50).max() < 0.01
    for place, flag in (((30, 20), Flag.SATURATED | Flag.USER_1), ((20, 30), Flag.NO_DATA)):
        ((x, y),) = done.wcs.all_world2pix(image.wcs.all_pix2world([place], 0), 0)
        assert done.mask[round(y), round(x)] == flag
        flagged = np.argwhere((done.mask & flag != 0)[10:-10, 12:-12]) + np.array([10, 12])
        near = np.hypot(flagged[:, 1] - x, flagged[:, 0] - y)
        assert 1 <= (near < 4).sum() <= 12


@pytest.mark.parametrize("method", METHODS)
def test_what_is_not_covered_is_no_data(method: str) -> None:
    done = reproject_image(
        Image(np.ones(SHAPE), sky()), target=sky(0, CRPIX1=48.0), method=method, shape=SHAPE
    )
    assert (done.mask[:, :20] == Flag.NO_DATA).all() and (done.array[:, :19] == 0).all()
    assert not done.mask[4:-4, 24:52].any() and np.allclose(done.array[4:-4, 24:52], 1, atol=1e-4)
    away = reproject_image(Image(np.ones(SHAPE), sky()), target=sky(CRVAL2=-70.0), method=method, shape=SHAPE)
    assert (away.mask == Flag.NO_DATA).all() and (away.array == 0).all()


def test_values_are_those_of_reproject() -> None:
    image, target = Image(star(), sky()), TARGETS["turned"]
    expected, _ = reproject_interp((image.array, image.wcs), target.wcs, shape_out=target.shape)
    done = reproject_image(image, target=target)
    assert np.allclose(done.array[done.good], expected[done.good], rtol=1e-6, atol=1e-6)


def test_it_agrees_with_align_where_that_suffices() -> None:
    image, target = Image(star(), sky()), Image(star(), sky(20))
    aligned = ccdfx.align([target, image], by="wcs")[1]
    done = reproject_image(image, target=target, method="exact")
    both = aligned.good & done.good
    assert both.sum() > 1500 and np.abs(aligned.array - done.array)[both].max() < 60


def test_targets_of_every_kind_say_the_same() -> None:
    image, target = (
        Image(star(), sky(PIXSCALE=0.36, TRIMSEC="[1:5,1:5]", CTYPE1A="LINEAR")),
        TARGETS["turned"],
    )
    expected = reproject_image(image, target=target)
    card = target.header.set("NAXIS1", SHAPE[1]).set("NAXIS2", SHAPE[0])
    for same in (card, dict(card), card.to_astropy(), target.wcs):
        done = reproject_image(image, target=same, shape=SHAPE)
        assert np.array_equal(done.array, expected.array)
    assert not {"CD1_1", "PIXSCALE", "TRIMSEC", "CTYPE1A"} & set(expected.header)
    part = target.select((10, 30, 5, 25))
    assert reproject_image(image, target=part).range == part.range


def test_it_is_a_step_and_a_recipe(tmp_path: Path) -> None:
    image = Image(star(), sky())
    plan = ccdfx.pipeline(ccdfx.step("reproject_image", target=TARGETS["turned"], method="adaptive"))
    done = plan(image)
    assert np.array_equal(
        done.array, reproject_image(image, target=TARGETS["turned"], method="adaptive").array
    )
    assert "reproject_image" in done.header.history[-1]


@pytest.mark.parametrize(
    ("image", "options", "error"),
    [
        (np.zeros(SHAPE), {"target": TARGETS["turned"]}, ArgumentError),
        (star(), {"target": np.zeros(SHAPE)}, ArgumentTypeError),
        (star(), {"target": Image(np.zeros(SHAPE))}, ArgumentError),
        (star(), {"target": sky()}, ArgumentError),
        (star(), {"target": 3}, ArgumentTypeError),
        (star(), {"target": TARGETS["turned"], "shape": (0, 4)}, ArgumentError),
        (star(), {"target": TARGETS["turned"], "shape": 4}, ArgumentTypeError),
        (star(), {"target": TARGETS["turned"], "method": "flux"}, UnknownNameError),
    ],
)
def test_bad_arguments_are_refused(image: np.ndarray, options: dict, error: type) -> None:
    given = Image(image, sky()) if image.any() else Image(image)
    with pytest.raises(error):
        reproject_image(given, **options)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["turned", "finer", "coarser"])
def test_the_card_of_correlated_noise_gives_the_variance_of_a_large_sum(name: str, method: str) -> None:
    """The truth is the scatter of the sums over 200 frames of noise."""
    image = Image(np.ones(SHAPE), sky(), variance=np.ones(SHAPE))
    own = _celestial(image, "image")
    grid = _grid(own, TARGETS[name], None)
    noise = np.random.default_rng(1).normal(0, 1, (200, *SHAPE))
    sums = (_projected(own, grid, method, noise)[0] * grid.area)[:, 12:28, 14:30].sum(axis=(1, 2))
    done = reproject_image(image, target=TARGETS[name], method=method)
    expected = done.header.get("CORRFACT", 1.0) * done.variance[12:28, 14:30].sum()
    assert np.var(sums) == pytest.approx(expected, rel=0.2)
