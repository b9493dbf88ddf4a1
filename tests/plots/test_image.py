"""ccdfx.plots.image: how pixels are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import plots
from ccdfx.errors import ArgumentError, CcdfxError
from ccdfx.records.image import Image


def colour() -> list[int]:
    return [int(plots.MASKED_COLOUR[i : i + 2], 16) for i in (1, 3, 5)]


@pytest.mark.quick
def test_the_current_pyplot_figure_is_left_alone():
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    axes = plots.image(np.eye(5), colours=plots.Colours(bar=True), title="eye")
    plots.histogram(np.eye(5))
    assert pyplot.get_fignums() == before
    assert axes.figure.canvas.print_png  # it can be saved all the same


@pytest.mark.quick
def test_given_axes_are_drawn_on():
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    assert plots.image(np.eye(3), ax=axes) is axes
    assert plots.histogram(np.eye(3), ax=axes) is axes


def test_first_row_is_at_the_bottom_and_pixel_centres_are_whole_numbers():
    axes = plots.image(np.arange(6.0).reshape(2, 3))
    assert axes.images[0].get_extent() == (-0.5, 2.5, -0.5, 1.5)
    assert axes.get_ylim()[0] < axes.get_ylim()[1]


def test_masked_and_not_finite_pixels_have_their_own_colour():
    array = np.arange(12.0).reshape(3, 4)
    array[0, 0] = np.nan
    array[0, 1] = np.inf
    image = Image(array, mask=np.eye(3, 4, k=2, dtype=np.uint8))
    shown = plots.image(image, limits=(0, 11)).images[0]
    drawn = np.rint(np.asarray(shown.to_rgba(shown.get_array(), bytes=True))[:, :, :3]).astype(int)
    masked = (drawn == colour()).all(axis=2)
    assert masked.tolist() == (~image.good | ~np.isfinite(array)).tolist()


def test_titles_are_not_read_as_mathematics():
    axes = plots.image(np.eye(3), title="$\\frac{1$")
    axes.figure.canvas.draw()
    assert axes.get_title() == "$\\frac{1$"


def test_colour_bar_says_the_unit():
    axes = plots.image(Image(np.eye(3), header={"BUNIT": "electron"}), colours=plots.Colours(bar=True))
    assert [other.get_ylabel() for other in axes.figure.axes if other is not axes] == ["electron"]


def test_unknown_colour_map_is_refused():
    with pytest.raises(ArgumentError, match="colours"):
        plots.image(np.eye(3), colours="greyish")


def test_nothing_changes_its_input():
    array = np.arange(30.0).reshape(5, 6)
    kept = array.copy()
    plots.image(array)
    plots.histogram(array)
    plots.thumbnail(array, size=2)
    assert (array == kept).all()


SKY = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 10.0, "CRPIX2": 8.0,
    "CD1_1": -1e-4, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 1e-4,
}  # fmt: skip


def drawn(axes) -> np.ndarray:
    """What the picture looks like inside its axes: RGB, first row at the bottom."""
    figure = axes.figure
    figure.canvas.draw()
    box = axes.get_window_extent()
    inside = np.asarray(figure.canvas.buffer_rgba())[::-1, :, :3]
    return inside[round(box.y0) + 2 : round(box.y1) - 2, round(box.x0) + 2 : round(box.x1) - 2]


@pytest.mark.quick
def test_a_window_is_drawn_at_its_place_in_the_parent_frame():
    part = Image(np.eye(40)).select((10, 30, 5, 15))
    assert plots.image(part).images[0].get_extent() == (9.5, 29.5, 4.5, 14.5)


def test_flipped_axes_and_inverted_colours():
    axes = plots.image(np.eye(4), axes=plots.PixelAxes(flip="xy"), colours=plots.Colours(invert=True))
    assert axes.get_xlim() == (3.5, -0.5) and axes.get_ylim() == (3.5, -0.5)
    assert axes.images[0].get_cmap()(0.0)[:3] == (1.0, 1.0, 1.0)


@pytest.mark.quick
def test_many_pixels_are_averaged_and_not_left_out():
    array = np.zeros((3000, 3000), np.float32)
    array[:, 1::2] = 100.0  # columns of which a picture that skips pixels shows only some
    shown = drawn(plots.image(array, limits=(0, 100)))
    assert shown.mean() == pytest.approx(127.5, abs=1.5) and abs(shown.astype(int) - 127).max() < 32


def test_pixels_stay_in_place_when_the_image_is_reduced():
    array = np.zeros((2003, 1507), np.float32)
    array[1500:1600, 300:400] = 1.0
    axes = plots.image(array, limits=(0, 1))
    bright = np.argwhere(drawn(axes)[:, :, 0] > 128)
    size = np.array(drawn(axes).shape[:2]) / array.shape
    np.testing.assert_allclose(bright.mean(axis=0), (np.array([1549.5, 349.5]) + 0.5) * size, atol=2.5)
    assert axes.images[0].get_array().shape == array.shape  # a cursor still reads the pixels themselves
    axes.set_xlim(290, 410)
    axes.set_ylim(1490, 1610)
    zoomed = drawn(axes)[:, :, 0]
    assert (zoomed > 128).mean() == pytest.approx((100 / 120) ** 2, abs=0.03)


def test_mostly_masked_blocks_have_the_masked_colour():
    mask = np.zeros((2400, 2400), np.uint8)
    mask[:, 1000:1400] = 1
    shown = drawn(plots.image(Image(np.zeros((2400, 2400), np.float32), mask=mask)))
    coloured = (abs(shown.astype(int) - colour()) < 3).all(axis=2)
    assert coloured.mean() == pytest.approx(1 / 6, abs=0.01)


@pytest.mark.parametrize("name", ["log", "asinh", "sqrt", "power", "exp"])
def test_named_scalings_spread_the_interval(name):
    norm = plots.image(np.arange(12.0).reshape(3, 4), limits=(-5, 20), scaling=name).images[0].norm
    positions = np.asarray(norm(np.linspace(-5, 20, 50)))
    assert positions[0] == pytest.approx(0.0) and positions[-1] == pytest.approx(1.0)
    assert (np.diff(positions) > 0).all()
    assert norm.inverse(norm(3.0)) == pytest.approx(3.0, abs=0.01)


def test_a_scaling_is_applied_to_pixel_values():
    from ccdfx.scalings import asinh, log

    values = np.array([[-1.0, 1.0], [10.0, 100.0]])
    axes = plots.image(values, limits="minmax", scaling=log())
    assert axes.images[0].get_clim() == (1.0, 100.0)  # -1 has no logarithm
    positions = axes.images[0].norm(values)
    assert positions.mask.tolist() == [[True, False], [False, False]]
    assert positions[1, 0] == pytest.approx(0.5)
    norm = plots.image(values, limits=(0, 100), scaling=asinh(softening=5.0)).images[0].norm
    assert norm(10.0) == pytest.approx(np.arcsinh(2.0) / np.arcsinh(20.0))
    with pytest.raises(ArgumentError, match="limits: must lie in the domain of the scaling log"):
        plots.image(values, limits=(0, 100), scaling=log())


def test_a_scaling_that_decreases_still_shows_bright_as_bright():
    from ccdfx.scalings import Scaling

    falling = Scaling("magnitude", {}, lambda array: -2.5 * np.log10(array))  # without inverse and domain
    axes = plots.image(np.array([[1.0, 10.0], [100.0, 50.0]]), limits="minmax", scaling=falling,
                       colours=plots.Colours(bar=True))  # fmt: skip
    assert axes.images[0].norm(10.0) == pytest.approx(0.5)
    axes.figure.canvas.draw()


def test_ticks_of_the_colour_bar_are_pixel_values():
    axes = plots.image(
        np.arange(9.0).reshape(3, 3), limits=(0, 1000), scaling="log", colours=plots.Colours(bar=True)
    )
    (bar,) = (other for other in axes.figure.axes if other is not axes)
    assert len(bar.get_yticks()) >= 4 and min(bar.get_yticks()) >= 0 and max(bar.get_yticks()) <= 1000


def test_sky_axes_by_a_wcs_say_right_ascension():
    image = Image(np.random.default_rng(0).normal(size=(16, 20)), SKY)
    axes = plots.image(image, axes="sky")
    assert axes.wcs.world_to_pixel_values(150.0, 2.0) == pytest.approx((9.0, 7.0))
    axes.figure.canvas.draw()
    assert axes.coords[0].get_axislabel() == "right ascension"


def test_sky_axes_by_a_pixel_scale_are_offsets():
    image = Image(np.eye(10, 20)).replace(pixel_scale=(0.5, 2.0))
    axes = plots.image(image, axes="sky")
    assert axes.images[0].get_extent() == (-5.0, 5.0, -10.0, 10.0)
    assert axes.get_xlabel() == "x offset [arcsec]"
    wide = plots.image(image.replace(pixel_scale=60.0), axes="sky")
    assert wide.images[0].get_extent() == (-10.0, 10.0, -5.0, 5.0) and "arcmin" in wide.get_xlabel()


def test_given_axes_take_a_wcs_if_they_can():
    from matplotlib.figure import Figure

    image = Image(np.eye(10, 20), SKY)
    figure = Figure()
    assert plots.image(image, axes="sky", ax=figure.add_subplot(121, projection=image.wcs)).wcs is not None
    assert plots.image(image, axes="sky", ax=figure.add_subplot(122)).get_xlabel() == "x offset [arcsec]"


def test_sky_axes_without_any_scale_are_refused():
    with pytest.raises(ArgumentError, match=r"axes: need a WCS or a pixel scale.*replace\(pixel_scale"):
        plots.image(np.eye(3), axes="sky")


@pytest.mark.quick
@pytest.mark.parametrize(
    ("bar", "text", "pixels"),
    [
        (True, "20″", 40),
        (("red", "pixel"), "50 pixels", 50),
        (plots.ScaleBar(unit="arcmin", length=0.5), "0.5′", 60),
        (plots.ScaleBar(unit="pixel", length=1, corner="upper right"), "1 pixel", 1),
    ],
)
def test_scale_bars(bar, text, pixels):
    image = Image(np.zeros((100, 200))).replace(pixel_scale=0.5)
    for kind in ("image", "sky", plots.PixelAxes(flip="x")):
        axes = plots.image(image, scale_bar=bar, axes=kind)
        axes.figure.canvas.draw()
        (artist,) = (item for item in axes.artists if hasattr(item, "size_bar"))
        assert artist.txt_label.get_text() == text
        drawn_width = artist.size_bar.get_children()[0].get_window_extent().width
        assert drawn_width == pytest.approx(axes.bbox.width * pixels / 200, rel=0.05)


def test_a_bar_in_arcsec_needs_a_pixel_scale():
    plots.image(np.eye(9), scale_bar=True)  # pixels
    with pytest.raises(ArgumentError, match="scale_bar: needs a pixel scale"):
        plots.image(np.eye(9), scale_bar=("red", "arcsec"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("axes", "sea"), ("axes", 3), ("scale_bar", "red"), ("scale_bar", ("nocolour", "pixel")),
        ("scaling", "asinhh"), ("scaling", 3), ("colours", 3), ("colours", plots.Colours(masked="nocolour")),
        ("vmin", 3), ("cmap", "gray"), ("extent", (0, 1, 0, 1)), ("interpolation", "nowhere"), ("nonsense", 1),
    ],
)  # fmt: skip
def test_options_that_are_none(option, value):
    with pytest.raises(CcdfxError, match=";"):
        plots.image(np.eye(3), **{option: value})


@pytest.mark.parametrize("kind", [plots.PixelAxes, plots.SkyAxes])
def test_flips_that_are_none(kind):
    with pytest.raises(ArgumentError, match="flip"):
        kind(flip="z")


@pytest.mark.parametrize("wrong", [{"unit": "parsec"}, {"corner": "middle"}, {"length": 0}])
def test_bars_that_are_none(wrong):
    with pytest.raises(ArgumentError):
        plots.ScaleBar(**wrong)


def test_imshow_keywords_are_passed_on():
    shown = plots.image(np.eye(3), alpha=0.5, interpolation="bilinear", zorder=7).images[0]
    assert (shown.get_alpha(), shown.get_interpolation(), shown.zorder) == (0.5, "bilinear", 7)


def test_a_notebook_shows_axes_and_figure():
    axes = plots.image(np.eye(3))
    assert axes._repr_png_()[:4] == axes.figure._repr_png_()[:4] == b"\x89PNG"
    assert plots.image(Image(np.eye(9), SKY), axes="sky")._repr_png_()[:4] == b"\x89PNG"


def test_importing_plots_does_not_import_matplotlib():
    import subprocess
    import sys

    heavy = ["matplotlib", "astropy", "scipy", "numba"]
    code = "import ccdfx.plots, sys; print([m for m in sys.argv[1:] if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["nickel/d1059.fits", "m13/M13_blue_0001.fits"])
def test_real_frames_are_drawn_quickly(shared, name):
    from ccdfx import read

    axes = plots.image(read(shared / "data" / name), limits="p99.5", scaling="asinh", scale_bar=True)
    assert drawn(axes).std() > 5


EXTREMES = {
    "one pixel": np.ones((1, 1)),
    "one row": np.arange(3000.0)[None, :],
    "huge": np.random.default_rng(0).normal(size=(900, 700)) * 1e300,
    "as large as float32 goes": np.array([[-3e38, 3e38], [0, 1]], np.float32),
    "as large as integers go": np.array([[-(2**62), 2**62], [0, 1]]),
    "unsigned": np.array([[2**64 - 1, 0]], np.uint64),
    "denormal": np.array([[0, 5e-324], [1e-310, 0]]),
    "nothing": np.full((700, 700), np.nan, np.float32),
    "infinite": np.array([[np.inf, 1.0], [-np.inf, 2.0]]),
}


@pytest.mark.parametrize("scaling", ["linear", "asinh"])
@pytest.mark.parametrize("limits", [(-1e290, 1e290), (0.0, 2e-280)])
@pytest.mark.parametrize("factor", [1e308, 1e38, 1.0], ids=["huge", "large", "usual"])
def test_extreme_limits_are_drawn_without_a_warning(
    factor: float, limits: tuple[float, float], scaling: str
) -> None:
    array = np.array([[-1.0, 1.0], [0.0, 0.5]]) * factor
    array = array.astype(np.float32) if factor < 1e38 else array
    axes = plots.image(array, limits=limits, scaling=scaling, colours=plots.Colours(bar=True))
    axes.figure.canvas.draw()
    shades = np.clip(axes.images[0].norm(axes.images[0].get_array()), 0, 1).ravel()
    middle = 0.0 if limits[0] == 0.0 else 0.5
    assert shades[2] == pytest.approx(middle, abs=0.4 if scaling == "asinh" else 1e-9)
    assert shades[0] <= shades[2] <= shades[3] <= shades[1]


@pytest.mark.parametrize("limits", [(-1e308, 1e308), (0.0, 1e-310)])
def test_limits_that_no_colours_can_be_spread_over_are_refused(limits: tuple[float, float]) -> None:
    with pytest.raises(ArgumentError, match="up to 1e\\+300, at least 1e-280 apart"):
        plots.image(np.zeros((2, 2)), limits=limits)


@pytest.mark.parametrize(("limits", "scaling"), [("zscale", "linear"), ("s3", "asinh")])
@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_images_are_drawn_without_a_warning(name: str, limits: str, scaling: str) -> None:
    """The limits are numbers that meet the values, what is larger is not darker, and what is no number is masked."""
    array = EXTREMES[name]
    good = np.isfinite(array)
    values = np.sort(array[good].astype(float))
    axes = plots.image(array, limits=limits, scaling=scaling, colours=plots.Colours(bar=True), scale_bar=True)
    axes.figure.canvas.draw()
    low, high = axes.images[0].get_clim()
    assert -np.inf < low < high < np.inf
    assert not values.size or (low < values[-1] and high > values[0])
    assert (np.diff(axes.images[0].norm(values)) >= 0).all()
    picture = drawn(plots.image(array, limits=limits, scaling=scaling)).astype(int)
    masked = (np.abs(picture - colour()) <= 1).all(axis=2)  # matplotlib may round a colour down
    assert masked.sum() == pytest.approx((~good).mean() * masked.size, abs=0.01 * masked.size)


@pytest.mark.parametrize("limits", ["robust", "minmax"])
@pytest.mark.parametrize("name", [*EXTREMES, "equal and huge"])
def test_extreme_images_are_counted_and_looked_at_without_a_warning(name: str, limits: str) -> None:
    array = EXTREMES.get(name, np.full((3, 4), 1e300))
    axes = plots.histogram(array, limits=limits, marks=plots.Marks((5, 95), gaussian=True))
    axes.figure.canvas.draw()
    bars = axes.patches[0].get_data()
    assert np.isfinite(bars.edges).all() and (np.diff(bars.edges) > 0).all()
    inside = (array >= bars.edges[0]) & (array <= bars.edges[-1])
    assert bars.values.sum() == np.count_nonzero(inside)
    mosaic = plots.mosaic([array, array], together=True)
    mosaic.canvas.draw()
    first, second = (panel.images[0].get_clim() for panel in mosaic.axes)
    assert first == second and -np.inf < first[0] < first[1] < np.inf
    value = plots.look_at(array, x=0, y=0).value
    assert value == array[0, 0] or (np.isnan(value) and np.isnan(array[0, 0]))
