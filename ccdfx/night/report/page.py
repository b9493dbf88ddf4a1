"""Report of a night: one HTML page without scripts, made from night.json and the products."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ccdfx.errors import printable
from ccdfx.io.atomic import atomic_path
from ccdfx.night.graph.record import facts_path, read_record
from ccdfx.night.report.colour_pictures import colour_groups, merge_pictures
from ccdfx.night.report.histogram import draw_histogram
from ccdfx.night.words import counted, fixed, flags, listed, made, number, seconds_shown

MAX_PICTURES = 24  # of each kind: limits the page to some MB for a night of any length
EXCESS = 1.15  # ratio of measured to expected noise above which a frame is marked
_LEAVES = 3  # of one branch of the plan
_KINDS = ("bias", "dark", "flat", "science", "arc")
_LONGEST = 2000  # characters of one text
_PLAIN = (str, int, float, type(None))  # what a column shows
_MOST_COLUMNS = 8


def write_report(facts: Mapping[str, Any], output: str | Path, *, pictures: int = MAX_PICTURES) -> Path:
    """Write ``report.html`` into the directory of a reduced night, replacing an older one.

    Parameters
    ----------
    facts : mapping
        The content of night.json. Where keys are missing the page has gaps, so a night without any product
        has a page too. All text is escaped, because it comes from headers.
    output : path
        The directory to which the ``file`` entries of the products are relative. The pictures are those in its folder
        of facts; one that is missing is replaced by a note. No product is read.
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


@cache  # compiling it takes longer than all else of a page
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
        "remarks": _remarks(frames),
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
        {**one, **_pictures(output, str(one.get("file") or ""))} for one in _records(facts, "bad_pixels")
    ]
    context["ignored"] = _records(facts, "ignored")
    context["further"] = [
        _of_kind(str(kind), _records(facts["products"], kind), output, pictures)
        for kind in (facts.get("products") or {})
    ]
    context["coloured"] = _coloured(products["combined"], output)[: max(0, pictures)]
    context["cards"] = {sort: _cards(products[sort], output, pictures) for sort in products}
    return context


def _of_kind(kind: str, products: list[dict[str, Any]], output: Path, pictures: int) -> dict[str, Any]:
    """Return the section of products of a plugin: a column for each of their facts that is a number or a text."""
    columns = [
        name
        for name in dict.fromkeys(name for one in products for name in one)
        if name not in ("file", "kind") and all(isinstance(one.get(name), _PLAIN) for one in products)
    ]
    images = [one for one in products if str(one.get("file")).endswith(".fits")]
    return {
        "kind": kind,
        "columns": columns[:_MOST_COLUMNS],
        "products": products,
        "images": images,
        "cards": _cards(images, output, pictures),
    }


def _recipe(recipe: Any, path: str = "") -> list[tuple[str, str]]:
    """Flatten a table of tables to rows (name, value); empty values are not shown."""
    if isinstance(recipe, Mapping):
        return [row for name, part in recipe.items() for row in _recipe(part, f"{path}.{name}".lstrip("."))]
    if recipe is None or recipe in ("", (), []):
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


def _remarks(frames: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the remarks of raw frames, one row each with the frames that have it."""
    files: dict[str, list[str]] = {}
    for frame in frames:
        for text in str(frame.get("remarks") or "").split("; "):
            if text:
                files.setdefault(text, []).append(str(frame.get("file")))
    return [{"text": text, "count": len(names), "files": listed(names)} for text, names in files.items()]


def _kinds(frames: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Count the frames of every kind, object, filter and exposure time: all, and those used."""
    names = ("kind", "object", "filter", "exptime")
    total: Counter[tuple[Any, ...]] = Counter()
    used: Counter[tuple[Any, ...]] = Counter()
    for frame in frames:
        # The object of a calibration frame means nothing: they are one group.
        key = tuple(
            None if name == "object" and frame.get("kind") not in ("science", "arc") else frame.get(name)
            for name in names
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


def _pictures(output: Path, file: str) -> dict[str, str]:
    """Return the pictures of a product as data URIs, from its facts, or the reason why they are missing."""
    if not file or not (output / file).resolve().is_relative_to(output.resolve()):
        return {"missing": "no file inside the output directory is named"}
    record = read_record(output, file)
    try:
        png = facts_path(output, file, ".png").read_bytes()
    except OSError as error:
        return {"missing": printable(error.strerror or error, _LONGEST)}
    shown = {"missing": "", "thumbnail": _uri("png", png)}
    if record is not None and record.intact and record.histogram is not None:
        shown["histogram"] = _uri("svg+xml", draw_histogram(record.histogram).encode())
    return shown


def _coloured(products: list[dict[str, Any]], output: Path) -> list[dict[str, str]]:
    """Return the pictures in colour of objects that were combined in three colours; those that cannot be made are left out."""
    found = []
    for words, files in colour_groups(products):
        pictures = [_pictures_of(output, file) for file in files]
        try:
            merged = merge_pictures([one for one in pictures if one is not None])
        except (IndexError, ValueError, struct.error, zlib.error):
            merged = None
        if merged is not None and None not in pictures:
            found.append({"words": words, "files": ", ".join(files), "picture": _uri("png", merged)})
    return found


def _pictures_of(output: Path, file: str) -> bytes | None:
    if not (output / file).resolve().is_relative_to(output.resolve()):
        return None
    try:
        return facts_path(output, file, ".png").read_bytes()
    except OSError:
        return None


def _uri(kind: str, picture: bytes) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(picture).decode("ascii")
