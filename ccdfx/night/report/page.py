"""Report of a night: one HTML page without scripts, made from night.json and the products."""

from __future__ import annotations

import base64
import io
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ccdfx import plots
from ccdfx.errors import CcdfxError, printable
from ccdfx.io import read
from ccdfx.io.atomic import atomic_path
from ccdfx.night.report.pixel_map import draw_bad_pixels
from ccdfx.night.words import counted, fixed, flags, made, number, seconds_shown
from ccdfx.records.image import Image

MAX_PICTURES = 24  # of each kind: limits the page to some MB for a night of any length
EXCESS = 1.15  # ratio of measured to expected noise above which a frame is marked
_THUMBNAIL = 300  # pixels
_LETTERS, _TICKS = 8, 5  # points; number of labels of a histogram, so that long numbers do not overlap
_LEAVES = 3  # of one branch of the plan
_KINDS = ("bias", "dark", "flat", "science")
_LONGEST = 2000  # characters of one text


def write_report(facts: Mapping[str, Any], output: str | Path, *, pictures: int = MAX_PICTURES) -> Path:
    """Write ``report.html`` into the directory of a reduced night, replacing an older one.

    Parameters
    ----------
    facts : mapping
        The content of night.json. Where keys are missing the page has gaps, so a night without any product
        has a page too. All text is escaped, because it comes from headers.
    output : path
        The directory to which the ``file`` entries of the products are relative. The pictures are made from
        these files; a file that cannot be read is replaced by a note.
    pictures : int
        Largest number of pictures of masters, of calibrated and of combined frames each. Frames with too much
        noise are preferred.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    FileError
        The page cannot be written.
    """
    target = Path(output)
    page = _template().render(_context(visible(facts), target, pictures))
    path = target / "report.html"
    with atomic_path(path, True) as temporary:
        Path(temporary).write_text(page, encoding="utf-8")
    return path


def visible(value: Any) -> Any:
    r"""Escape control and direction characters in all texts, as in ``\x1b``, and cut long texts.

    Examples
    --------
    >>> visible({"object": "M13\x1b[2J"})
    {'object': 'M13\\x1b[2J'}
    """
    if isinstance(value, str):
        return printable(value, _LONGEST)
    if isinstance(value, Mapping):
        return {printable(name): visible(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [visible(part) for part in value]
    return value


def _template() -> Any:
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("ccdfx.night.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    environment.filters["fixed"] = fixed
    environment.filters["seconds"] = seconds_shown
    environment.filters["flags"] = flags
    environment.filters["counted"] = counted
    return environment.get_template("report.html.j2")


def _context(facts: Mapping[str, Any], output: Path, pictures: int) -> dict[str, Any]:
    """Collect the variables of the template."""
    frames = _records(facts, "frames")
    products = {sort: _records(facts, sort) for sort in ("masters", "calibrated", "combined")}
    noisy = [product for sort in ("calibrated", "combined") for product in products[sort]]
    for product in noisy:
        product["ratio"], product["mark"] = _excess(product)
    context = {
        "facts": facts,
        "status": _status(frames, products, facts),
        "kinds": _kinds(frames),
        "unused": [frame for frame in frames if _unused(frame)],
        "noise": _records(facts, "noise"),
        "warnings": [str(warning) for warning in facts.get("warnings") or ()],
        "plan": _branches(facts.get("plan")),
        "recipe": _recipe(facts.get("recipe")),
        "excess": EXCESS,
        "resampled": any(product.get("resampled") for product in products["combined"]),
        "noisy": [product for product in noisy if product["mark"]],
        "left_out": [
            {"combined": product.get("file"), **left}
            for product in products["combined"]
            for left in _records(product, "left_out")
        ],
        "checked": [
            {"combined": product.get("file"), **group}
            for product in products["combined"]
            for group in _records(product, "check")
        ],
        **products,
    }
    context["maps"] = [
        {**one, **_pictures(output, str(one.get("file") or ""), draw=_map_picture)}
        for one in _records(facts, "bad_pixels")
    ]
    context["ignored"] = _records(facts, "ignored")
    context["cards"] = {sort: _cards(products[sort], output, pictures) for sort in products}
    return context


def _recipe(recipe: Any, path: str = "") -> list[tuple[str, str]]:
    """Flatten a table of tables to rows (name, value); empty values are not shown."""
    if isinstance(recipe, Mapping):
        return [row for name, part in recipe.items() for row in _recipe(part, f"{path}.{name}".lstrip("."))]
    if recipe is None or recipe == "":
        return []
    shown = f"{recipe:g}" if isinstance(recipe, float) and math.isfinite(recipe) else number(recipe)
    return [({"": "recipe", "source": "recipe"}.get(path, path), shown)]


def _branches(nodes: Any) -> list[dict[str, Any]]:
    """Shorten long lists in the plan, because the tables list every frame."""
    shown = []
    for node in nodes or ():
        children = _branches(node.get("children")) if isinstance(node, Mapping) else []
        if len(children) > 2 * _LEAVES and not any(child["children"] for child in children):
            more = len(children) - _LEAVES
            children = [*children[:_LEAVES], {"label": f"and {number(more)} more", "children": []}]
        shown.append(
            {"label": node.get("label") if isinstance(node, Mapping) else node, "children": children}
        )
    return shown


def _records(facts: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    return [dict(record) for record in facts.get(name) or () if isinstance(record, Mapping)]


def _status(
    frames: list[dict[str, Any]], products: Mapping[str, list[dict[str, Any]]], facts: Mapping[str, Any]
) -> tuple[str, str]:
    """Return (mark, sentence); the mark is a sign and a word, so that it is clear without colour."""
    broken = sum(1 for frame in frames if frame.get("problem"))
    if not frames:
        return "✕ nothing", "No frames were found."
    if not any(products.values()):
        return "✕ nothing", f"None of {counted(len(frames), 'frame')} could be used."
    lost = len(_records(facts, "lost"))
    problems = []
    if broken:
        problems = [
            f"{broken} of {counted(len(frames), 'frame')} {'has' if broken == 1 else 'have'} a problem"
        ]
    if lost:
        problems += [f"{counted(lost, 'product')} could not be made"]
    if problems:
        return "△ incomplete", f"{'; '.join(problems)}; made {made(products)}."
    mark = "△ see warnings" if facts.get("warnings") else "✓ complete"
    return mark, f"Made {made(products)} from {counted(len(frames), 'frame')}."


def _unused(frame: Mapping[str, Any]) -> bool:
    return not frame.get("used", True) or bool(frame.get("problem") or frame.get("left_out"))


def _kinds(frames: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Count the frames of every kind, object, filter and exposure time: all, and those used."""
    names = ("kind", "object", "filter", "exptime")
    total: Counter[tuple[Any, ...]] = Counter()
    used: Counter[tuple[Any, ...]] = Counter()
    for frame in frames:
        # The object of a calibration frame means nothing: they are one group.
        key = tuple(
            None if name == "object" and frame.get("kind") != "science" else frame.get(name) for name in names
        )
        total[key] += 1
        used[key] += bool(frame.get("used", True))
    order = sorted(total, key=_row_order)
    return [dict(zip(names, key, strict=True), total=total[key], used=used[key]) for key in order]


def _row_order(row: tuple[Any, ...]) -> tuple[Any, ...]:
    kind, name, band, exptime = row
    rank = _KINDS.index(kind) if kind in _KINDS else len(_KINDS)
    known = isinstance(exptime, (int, float))
    return rank, str(kind), str(name), str(band), known, exptime if known else 0.0


def _excess(product: Mapping[str, Any]) -> tuple[float | None, str]:
    """Return the ratio of measured to expected noise, and a mark if it is outside the tolerance."""
    ratio, measured, expected = (product.get(key) for key in ("excess", "noise_measured", "noise_predicted"))
    if ratio is None and measured is not None and expected:
        ratio = measured / expected
    if not isinstance(ratio, (int, float)) or not math.isfinite(ratio):
        return None, ""
    if ratio > EXCESS:
        return float(ratio), "▲ excess"
    return float(ratio), "▽ too little" if ratio < 1 / EXCESS else ""


def _cards(products: list[dict[str, Any]], output: Path, pictures: int) -> list[dict[str, Any]]:
    """Choose the products that get a picture, those with a noise mark first; keep their order."""
    chosen = sorted(range(len(products)), key=lambda i: (not products[i].get("mark"), i))[: max(0, pictures)]
    return [{**products[i], **_pictures(output, str(products[i].get("file") or ""))} for i in sorted(chosen)]


def _image_pictures(image: Image) -> dict[str, str]:
    """Return thumbnail and histogram of an image as data URIs."""
    return {
        "thumbnail": _uri(plots.thumbnail(image, size=_THUMBNAIL)),
        "histogram": _uri(_histogram(image)),
    }


def _map_picture(image: Image) -> dict[str, str]:
    return {"thumbnail": _uri(draw_bad_pixels(image, size=2 * _THUMBNAIL))}


def _pictures(
    output: Path, file: str, draw: Callable[[Image], dict[str, str]] = _image_pictures
) -> dict[str, str]:
    """Return the pictures of a product as data URIs, or the reason why they are missing."""
    path = output / file
    if not file or not path.resolve().is_relative_to(output.resolve()):
        return {"missing": "no file inside the output directory is named"}
    try:
        return {"missing": "", **draw(read(path))}
    except (CcdfxError, OSError) as error:
        return {"missing": printable(error, _LONGEST)}


def _histogram(image: Any) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Twice the displayed size, so that it is sharp in print.
    figure = Figure(figsize=(3.0, 1.2), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    axes = plots.histogram(image, ax=figure.add_subplot(), bins=100)
    axes.set(ylabel="")
    axes.tick_params(labelsize=_LETTERS)
    axes.xaxis.label.set_fontsize(_LETTERS)
    axes.locator_params(axis="x", nbins=_TICKS)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
