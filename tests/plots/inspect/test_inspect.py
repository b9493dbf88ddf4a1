"""ccdfx.plots.inspect: the state and its handlers as values, and the window driven by synthetic events."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from ccdfx import plots
from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxError
from ccdfx.plots.inspect.panels import panel_text
from ccdfx.plots.inspect.state import KEYS, Click, Key, Region, State, clicked, help_text, pressed
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image
from ccdfx.records.range import Range

SKY = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 31.0, "CRPIX2": 21.0,
    "CD1_1": -1e-4, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 1e-4, "BUNIT": "adu", "OBJECT": "M 1",
}  # fmt: skip


def star(
    sigma: float = 2.0, shape: tuple[int, int] = (60, 80), x: float = 30.3, y: float = 20.6
) -> np.ndarray:
    yy, xx = np.indices(shape)
    return 100.0 + 500.0 * np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * sigma**2))


@pytest.fixture
def image() -> Image:
    mask = np.zeros((60, 80), np.uint8)
    mask[40, 50] = Flag.SATURATED | Flag.COSMIC_RAY
    return Image(star(), SKY, mask, variance=np.full((60, 80), 9.0))


# what there is at one place


@pytest.mark.quick
def test_a_place_has_value_noise_flags_and_sky(image):
    place = plots.look_at(image, x=50.2, y=39.7)
    assert (place.value, place.sigma, place.flags) == (image.array[40, 50], 3.0, ("SATURATED", "COSMIC_RAY"))
    assert plots.look_at(image, x=30, y=20).sky == pytest.approx((150.0, 2.0), abs=1e-9)
    bare = plots.look_at(image.array, x=50, y=40)
    assert math.isnan(bare.sigma) and bare.sky is None and bare.flags == ()


def test_cuts_go_through_the_place_and_leave_bad_pixels_out(image):
    place = plots.look_at(image, x=50, y=40, radius=5)
    assert place.row.position.tolist() == list(range(30, 71))
    assert place.column.position.tolist() == list(range(20, 60))
    assert np.isnan(place.row.value[20])
    np.testing.assert_array_equal(place.row.value[:20], image.array[40, 30:50])


@pytest.mark.parametrize("sigma", [1.2, 2.0, 3.1])
def test_centroid_and_width_of_a_star(sigma):
    rng = np.random.default_rng(0)
    place = plots.look_at(star(sigma) + rng.normal(0, 2, (60, 80)), x=32, y=19, radius=12)
    assert place.centroid == pytest.approx((30.3, 20.6), abs=0.03)
    assert place.profile.fwhm == pytest.approx(2.3548 * sigma, rel=0.02)
    assert place.profile.background == pytest.approx(100.0, abs=2.0)
    np.testing.assert_allclose(place.profile.fitted(place.profile.radius), place.profile.value, atol=20)


def test_places_are_in_the_frame_that_a_window_was_cut_from(image):
    part = image.select((10, 70, 5, 50))
    whole, cut = plots.look_at(image, x=31, y=20), plots.look_at(part, x=31, y=20)
    assert cut.centroid == pytest.approx(whole.centroid) and cut.sky == pytest.approx(whole.sky)
    assert cut.value == whole.value and cut.profile.fwhm == pytest.approx(whole.profile.fwhm)


def test_a_bad_pixel_does_not_spoil_the_profile(image):
    array, mask = image.array.copy(), image.mask.copy()
    array[22, 32], mask[22, 32] = 1e6, 1
    place = plots.look_at(Image(array, mask=mask), x=31, y=20)
    assert place.profile.fwhm == pytest.approx(4.71, rel=0.02) and place.centroid == pytest.approx(
        (30.3, 20.6), abs=0.1
    )


@pytest.mark.parametrize("array", [np.full((30, 30), 7.0), np.full((30, 30), np.nan), np.full((2, 3), 1e300)])
def test_where_there_is_no_star(array):
    place = plots.look_at(array, x=1, y=1)
    assert place.centroid is None and math.isnan(place.profile.fwhm)


@pytest.mark.parametrize(("x", "y"), [(-1, 5), (80, 5), (5, 60), (np.nan, 1)])
def test_a_place_outside_is_refused(image, x, y):
    with pytest.raises(ArgumentError):
        plots.look_at(image, x=x, y=y)


# state and handlers, without any figure


@pytest.fixture
def state(image) -> State:
    frames = (image, Image(star(x=40.0)))
    return State(frames, frames)


@pytest.mark.quick
def test_a_click_adds_a_place_and_leaves_the_old_state_alone(state):
    after = clicked(state, Click(30, 20))
    assert state.places == () and len(after.places) == 1
    assert after.places[0].centroid == pytest.approx((30.3, 20.6), abs=0.05)
    assert clicked(after, Click(-5, 20)) is after
    second = clicked(pressed(after, Key("n")), Click(40, 20))
    assert [place.image for place in second.result.places] == [0, 1]


def test_blinking_goes_around(state):
    assert [pressed(state, Key(name)).shown for name in ("n", "right", "p", "left")] == [1, 1, 1, 1]
    assert pressed(pressed(state, Key("n")), Key("n")).shown == 0


@pytest.mark.parametrize(
    ("key", "field"), [("s", "scaling"), ("z", "limits"), ("i", "inverted"), ("h", "help")]
)
def test_keys_that_go_around(state, key, field):
    seen = [getattr(state, field)]
    while True:
        state = pressed(state, Key(key))
        if getattr(state, field) == seen[0]:
            break
        seen.append(getattr(state, field))
    assert len(seen) == len(set(seen)) > 1


def test_two_corners_mask_a_region_and_it_can_be_undone(state):
    one = pressed(state, Key("m", 12.2, 30.0))
    assert one.corner == (12.2, 30.0) and one.regions == ()
    two = pressed(one, Key("m", 9.6, 27.5))
    window = Range(10, 13, 28, 31)
    assert two.regions == (Region(0, window),) and two.corner is None
    flags = two.result.images[0].mask
    assert (flags[28:31, 10:13] == Flag.USER_1).all() and np.count_nonzero(flags & Flag.USER_1) == 9
    assert flags[40, 50] == state.given[0].mask[40, 50] and two.images[1] is state.images[1]
    assert state.images[0].mask[29, 11] == 0  # what was given stays
    assert pressed(two, Key("u")).images[0].mask[29, 11] == 0 and pressed(two, Key("u")).regions == ()
    assert pressed(one, Key("u")).corner is None


def test_the_same_region_twice_is_undone_once(state):
    for _ in range(4):
        state = pressed(state, Key("m", 5.0, 5.0))
    state = pressed(state, Key("u"))
    assert len(state.regions) == 1 and state.images[0].mask[5, 5] == Flag.USER_1


def test_regions_are_cut_off_at_the_edge_and_nothing_outside_is_one(state):
    across = pressed(pressed(state, Key("m", -9.0, 50.0)), Key("m", 3.0, 900.0))
    assert across.regions[0].range == Range(0, 4, 50, 60)
    assert pressed(pressed(state, Key("m", -9.0, -9.0)), Key("m", -3.0, -3.0)).regions == ()
    assert pressed(state, Key("m")) is state  # the pointer was not on the image


def test_other_keys(state):
    assert pressed(state, Key("+")).radius > state.radius > pressed(state, Key("-")).radius
    assert pressed(clicked(state, Click(3, 3)), Key("x")).places == ()
    assert pressed(state, Key("q")).finished
    assert pressed(state, Key("f7")) is state


def test_help_names_every_key():
    assert all(key in help_text() for key in KEYS)


# the window


class Window:
    """An inspector on an Agg figure, with hands."""

    def __init__(self, images, **options):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.figure = Figure(figsize=(8, 6))
        FigureCanvasAgg(self.figure)
        self.inspector = plots.inspector(images, figure=self.figure, **options)
        self.axes = self.figure.axes[0]

    def click(self, x, y, button=1, axes=None):
        from matplotlib.backend_bases import MouseEvent

        place = (axes or self.axes).transData.transform((x, y))
        event = MouseEvent("button_press_event", self.figure.canvas, *place, button=button)
        self.figure.canvas.callbacks.process(event.name, event)

    def press(self, key, x=0, y=0):
        from matplotlib.backend_bases import KeyEvent

        place = self.axes.transData.transform((x, y))
        event = KeyEvent("key_press_event", self.figure.canvas, key, *place)
        self.figure.canvas.callbacks.process(event.name, event)


@pytest.mark.quick
def test_events_of_a_window_become_clicks_and_keys(image):
    window = Window([image, star(x=40.0)], titles=["first", "second"], radius=8, limits=(90, 300))
    window.click(30.0, 21.0)
    window.click(30.0, 21.0, button=3)  # the other buttons are not ours
    window.click(1.0, 1.0, axes=window.figure.axes[1])  # nor are the other axes
    (place,) = window.inspector.result.places
    assert (place.x, place.y) == pytest.approx((30.0, 21.0)) and place.centroid == pytest.approx(
        (30.3, 20.6), abs=0.05
    )
    assert "first" in window.axes.get_title()
    facts = window.figure.texts[0].get_text()
    assert "value" in facts and "ra 10:00:00" in facts and "FWHM 4.7" in facts and "± 3" in facts
    window.press("n")
    assert "second" in window.axes.get_title() and window.inspector.state.shown == 1
    window.press("m", 10, 10)
    window.press("m", 12, 12)
    assert window.inspector.result.regions == (Region(1, Range(10, 13, 10, 13)),)
    window.press("h")
    assert window.figure.texts[1].get_visible()
    for key in ("s", "z", "i", "u", "x", "p", "+"):
        window.press(key)
    window.figure.canvas.draw()


def test_blinking_keeps_the_zoom_and_another_frame_does_not(image):
    window = Window([image, star(x=40.0), star(shape=(30, 30), x=10.0, y=10.0)])
    window.axes.set(xlim=(10, 50), ylim=(5, 35))
    window.press("n")
    assert window.axes.get_xlim() == (10, 50)
    window.press("n")
    assert window.axes.get_xlim() == (-0.5, 29.5)


@pytest.mark.quick
def test_masked_pixels_and_places_without_stars_are_drawn(image):
    window = Window(Image(np.full((20, 20), np.nan)), scaling="log")
    window.click(5, 5)
    window.figure.canvas.draw()
    assert "no centroid" in window.figure.texts[0].get_text()


def test_inspect_waits_until_it_is_finished_and_returns_what_was_clicked(image):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    class Hands(FigureCanvasAgg):
        """A canvas on which somebody clicks and then presses q while it waits."""

        def flush_events(self):
            window = Window.__new__(Window)
            window.figure, window.axes = self.figure, self.figure.axes[0]
            window.click(30.0, 21.0)
            window.press("q")

    figure = Figure(figsize=(8, 6))
    Hands(figure)
    found = plots.inspect(image, figure=figure)
    assert len(found.places) == 1 and found.images == (image,) and found.regions == ()


def test_without_a_window_the_remedy_is_named(image):
    import matplotlib

    assert matplotlib.get_backend().lower() == "agg"  # as on every machine without a display
    for function in (plots.inspect, plots.inspector):
        with pytest.raises(plots.NoDisplayError, match=r"has no windows.*MPLBACKEND"):
            function(image)
    assert issubclass(plots.NoDisplayError, CcdfxError)


def test_a_notebook_is_told_to_use_inspector(image, monkeypatch):
    import matplotlib

    monkeypatch.setattr(matplotlib, "get_backend", lambda: "nbagg")
    with pytest.raises(plots.NoDisplayError, match=r"use plots.inspector\(images\)"):
        plots.inspect(image)


def test_a_window_that_cannot_open_is_an_error_of_ours(image, monkeypatch):
    import matplotlib
    from matplotlib import pyplot

    def refuse(**_options):
        raise ImportError("no display")

    monkeypatch.setattr(matplotlib, "get_backend", lambda: "tkagg")
    monkeypatch.setattr(pyplot, "figure", refuse)
    with pytest.raises(plots.NoDisplayError, match=r"cannot open a window: no display.*TkAgg"):
        plots.inspect(image)


@pytest.mark.parametrize(
    "wrong",
    [{"limits": "best"}, {"scaling": "asinhh"}, {"radius": 0}, {"titles": ["a", "b"]}, {"titles": "a"}],
)
def test_options_that_are_none(image, wrong):
    with pytest.raises(CcdfxError, match=";"):
        plots.inspector(image, **wrong)


@pytest.mark.parametrize("images", [[], None, "frame.fits", [np.zeros(3)]])
def test_things_that_are_no_images(images):
    with pytest.raises((ArgumentError, ArgumentTypeError)):
        plots.inspector(images)


def test_records_cannot_be_changed(state):
    for record in (state, Click(1, 2), Key("n"), state.result):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, dataclasses.fields(record)[0].name, 3)


def test_stars_of_a_real_frame_have_its_width(shared):
    from ccdfx import find_sources, read

    frame = read(shared / "data" / "nickel" / "d1074.fits").select((0, 1024, 0, 1024))
    stars = [star for star in find_sources(frame)[:40] if star["peak"] < 30000][:10]
    widths = [plots.look_at(frame, x=star["x"], y=star["y"], radius=12).profile.fwhm for star in stars]
    assert np.nanmedian(widths) == pytest.approx(np.median([star["fwhm"] for star in stars]), rel=0.25)


def test_the_wheel_zooms_around_the_pointer(image):
    from matplotlib.backend_bases import MouseEvent

    window = Window(image)
    window.figure.canvas.draw()
    before, place = window.axes.get_xlim(), window.axes.transData.transform((20.0, 20.0))
    for step in (1, 1, -1):
        event = MouseEvent("scroll_event", window.figure.canvas, *place, step=step)
        window.figure.canvas.callbacks.process(event.name, event)
    left, right = window.axes.get_xlim()
    assert right - left == pytest.approx((before[1] - before[0]) / 1.25)
    window.figure.canvas.draw()
    assert window.axes.transData.transform((20.0, 20.0)) == pytest.approx(place, abs=0.5)


def test_after_blinking_the_panels_show_the_image_on_the_screen(image):
    window = Window([image, star(x=40.0)])
    window.click(30.0, 21.0)
    assert "FWHM" in window.figure.texts[0].get_text() and window.figure.axes[1].lines
    window.press("n")
    assert "click on a place" in window.figure.texts[0].get_text() and not window.figure.axes[1].lines
    window.press("p")
    assert "FWHM" in window.figure.texts[0].get_text() and window.figure.axes[1].lines


def test_a_window_that_counts_from_1_says_so_everywhere(image):
    window = Window(image, first=1)
    window.click(30.0, 21.0)
    assert "x 31.00   y 22.00   value" in window.figure.texts[0].get_text()
    assert "(FITS" not in window.figure.texts[0].get_text()
    window.figure.canvas.draw()
    assert [axes.get_xlabel() for axes in window.figure.axes[:2]] == ["x [pixel, from 1]"] * 2
    labels = [text.get_text() for text in window.axes.get_xticklabels() if text.get_text()]
    places = [place for place in window.axes.get_xticks() if -0.5 <= place <= 79.5]
    assert all(str(round(place + 1)) in labels for place in places) and "20" in labels
    (found,) = window.inspector.result.places
    assert (found.x, found.y) == pytest.approx((30.0, 21.0))  # the library counts from 0
    with pytest.raises(ArgumentError, match="first"):
        Window(image, first=2)


def test_without_a_star_there_is_no_width(image):
    place = dataclasses.replace(plots.look_at(image, x=30, y=21), centroid=None)
    assert not place.has_width and plots.look_at(image, x=30, y=21).has_width
    state = State((image,), (image,), places=(place,))
    assert "FWHM" not in panel_text(place, state) and "no centroid" in panel_text(place, state)
