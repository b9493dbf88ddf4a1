"""Panels of `inspect`, which draw its state: the image, two cuts, a profile, and text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ccdfx.errors import printable
from ccdfx.plots.axes import PixelAxes, count_from, pixel_label
from ccdfx.plots.colours import Colours
from ccdfx.plots.image import image
from ccdfx.plots.inspect.state import State, help_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ccdfx.plots.inspect.positions import Cut, Place
    from ccdfx.records.image import Image

_MARK = "#00e5ff"
_TEXT: dict[str, Any] = {"family": "monospace", "fontsize": 9, "parse_math": False}


@dataclass(frozen=True, slots=True, eq=False)
class Panels:
    """The axes and texts of the window."""

    picture: Axes
    row: Axes
    column: Axes
    profile: Axes
    facts: Any
    help: Any


def make_panels(figure: Figure) -> Panels:
    """Make empty panels on a figure."""
    grid = figure.add_gridspec(
        3, 2, width_ratios=(2.3, 1), left=0.07, right=0.97, top=0.94, bottom=0.19, hspace=0.5, wspace=0.22
    )
    return Panels(
        figure.add_subplot(grid[:, 0]),
        figure.add_subplot(grid[0, 1]),
        figure.add_subplot(grid[1, 1]),
        figure.add_subplot(grid[2, 1]),
        figure.text(0.07, 0.02, "", va="bottom", **_TEXT),
        figure.text(0.09, 0.90, "", va="top", bbox={"facecolor": "white", "alpha": 0.93, "pad": 10}, zorder=10, **_TEXT),
    )  # fmt: skip


def draw(panels: Panels, old: State | None, new: State, titles: tuple[str, ...]) -> None:
    """Draw what differs between two states; everything if there is no old one."""
    if old is None or _view(old) != _view(new):
        _draw_picture(
            panels.picture,
            new,
            titles[new.shown],
            keep=old is not None and old.image.range == new.image.range,
        )
        _draw_marks(panels.picture, new)
    elif old.places is not new.places or old.corner != new.corner:
        _draw_marks(panels.picture, new)
    if old is None or old.last_place is not new.last_place:
        _draw_place(panels, new)
    panels.help.set_text(help_text() if new.help else "")
    panels.help.set_visible(new.help)
    place = new.last_place
    panels.facts.set_text("click on a place; h for help" if place is None else panel_text(place, new))


def panel_text(place: Place, state: State) -> str:
    """Describe the place of a click in three lines."""
    picture = state.images[place.image]
    sigma = "" if np.isnan(place.sigma) else f" ± {place.sigma:.3g}"
    flags = f"   {' '.join(place.flags)}" if place.flags else ""
    where = _position("x {:.2f}   y {:.2f}", place.x, place.y, state.first)
    lines = [f"{where}   value {place.value:.6g}{sigma} {picture.unit or ''}{flags}"]
    lines.append("no WCS" if place.sky is None else _sexagesimal(*place.sky, _is_equatorial(picture)))
    if place.centroid is None:
        lines.append("no star: no centroid here")
    else:
        lines.append(_position("centroid {:.2f}, {:.2f}", *place.centroid, state.first))
    if place.has_width:
        scale = (
            "" if picture.pixel_scale is None else f" = {place.profile.fwhm * picture.pixel_scale[0]:.2f}″"
        )
        lines[-1] += f"   FWHM {place.profile.fwhm:.2f} pixels{scale}   sky {place.profile.background:.6g}"
        lines[-1] += f"   peak {place.profile.peak:.6g}"
    return printable_lines(lines)


def _position(form: str, x: float, y: float, first: int) -> str:
    """Format a position, counted from `first`; one from 0 with that of FITS behind it.

    >>> _position("{:.1f}, {:.1f}", 3, 4, 0), _position("{:.1f}, {:.1f}", 3, 4, 1)
    ('3.0, 4.0   (FITS 4.0, 5.0)', '4.0, 5.0')
    """
    text = form.format(x + first, y + first)
    return text if first else f"{text}   (FITS {x + 1:.1f}, {y + 1:.1f})"


def printable_lines(lines: list[str]) -> str:
    """Join lines of text, with unprintable characters (from a header) escaped."""
    return "\n".join(printable(line) for line in lines)


def _view(state: State) -> tuple[Any, ...]:
    """Return the values that the picture depends on."""
    return id(state.image), state.shown, str(state.limits), str(state.scaling), state.inverted


def _draw_picture(axes: Axes, state: State, title: str, *, keep: bool) -> None:
    zoom = axes.get_xlim(), axes.get_ylim()
    axes.clear()
    image(
        state.image,
        limits=state.limits,
        scaling=state.scaling,
        colours=Colours(invert=state.inverted),
        axes=PixelAxes(first=state.first),
        title=f"{title}   {state.limits}, {getattr(state.scaling, 'name', state.scaling)}",
        ax=axes,
    )
    if keep:
        axes.set(xlim=zoom[0], ylim=zoom[1])


def _draw_marks(axes: Axes, state: State) -> None:
    """Draw crosses at the places clicked in this image, a circle at the last one, and a region's corner."""
    for artist in [*axes.lines, *axes.patches]:
        artist.remove()
    here = [place for place in state.places if place.image == state.shown]
    marks: dict[str, Any] = {"color": _MARK, "linestyle": "none", "scalex": False, "scaley": False}
    if here:
        from matplotlib.patches import Circle

        axes.plot([place.x for place in here], [place.y for place in here], marker="+", **marks)
        centre, radius = (
            (here[-1].profile.x, here[-1].profile.y),
            float(np.max(here[-1].profile.radius, initial=0)),
        )
        axes.add_patch(Circle(centre, radius, fill=False, color=_MARK))
    if state.corner is not None:
        axes.plot(*state.corner, marker="s", markerfacecolor="none", **marks)


def _draw_place(panels: Panels, state: State) -> None:
    place = state.last_place
    for axes, title in (
        (panels.row, "row"),
        (panels.column, "column"),
        (panels.profile, "radial profile"),
    ):
        axes.clear()
        axes.set_title(title, fontsize=9)
        axes.tick_params(labelsize=8)
    if place is None:
        return
    _draw_cut(panels.row, place.row, place.x, "x", state.first)
    _draw_cut(panels.column, place.column, place.y, "y", state.first)
    profile = place.profile
    if profile.radius.size:
        panels.profile.plot(profile.radius, profile.value, ".", color="0.35", markersize=3)
    if place.has_width:
        fine = np.linspace(0.0, max(profile.radius.max(), 1.0), 200)
        panels.profile.plot(fine, profile.fitted(fine), color="C1")
        panels.profile.axvline(profile.fwhm / 2, color="C1", linestyle=":", linewidth=1)
        panels.profile.set_title(f"radial profile, FWHM {profile.fwhm:.2f}", fontsize=9)
    panels.profile.set_xlabel("radius [pixel]", fontsize=8)


def _draw_cut(axes: Axes, cut: Cut, centre: float, name: str, first: int) -> None:
    if np.isfinite(cut.value).any():
        axes.step(cut.position, cut.value, where="mid", color="0.2", linewidth=1)
    axes.set_xlim(cut.position[0], cut.position[-1] + 1e-3)
    axes.axvline(centre, color="C0", linestyle=":", linewidth=1)
    axes.set_xlabel(pixel_label(name, first), fontsize=8)
    if first:
        count_from(axes.xaxis, first)


def _is_equatorial(picture: Image) -> bool:
    return any(str(picture.header.get(f"CTYPE{axis}") or "").startswith("DEC") for axis in "12")


def _sexagesimal(longitude: float, latitude: float, hours: bool) -> str:
    """Format coordinates as text.

    >>> _sexagesimal(250.4234, -36.4613, True)
    'ra 16:41:41.62   dec -36:27:40.7   (250.42340, -36.46130)'
    """
    degrees = f"({longitude:.5f}, {latitude:+.5f})"
    if not hours:
        return f"longitude, latitude {degrees}"
    first = _parts(longitude / 15.0 % 24.0, 2, 24)
    sign = "-" if latitude < 0 else "+"
    return f"ra {first}   dec {sign}{_parts(abs(latitude), 1)}   {degrees}"


def _parts(value: float, digits: int, turn: int | None = None) -> str:
    units = round(value * 3600 * 10**digits)
    seconds, fraction = divmod(units, 10**digits)
    whole = seconds // 3600
    return f"{whole % turn if turn else whole:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{fraction:0{digits}d}"
