"""Report of a night: one HTML page and a table, made from night.json and the folder of facts."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ccdfx.errors import printable
from ccdfx.io.atomic import atomic_path
from ccdfx.night.graph.preview import SMALL_PICTURE, picture_path
from ccdfx.night.report.colour_pictures import colour_groups, merge_pictures
from ccdfx.night.report.exposures import (
    EXCESS,
    count_exposures,
    exposures_of,
    is_number,
    noise_ratio,
    records_of,
)
from ccdfx.night.report.heading import changed_choices, heading, range_shown, warning_shown
from ccdfx.night.report.links import add_links, time_shown
from ccdfx.night.report.night_csv import CSV, night_csv
from ccdfx.night.report.pictures import (
    data_uri,
    is_inside,
    is_turned,
    large_pictures,
    small_pictures,
    views_of,
)
from ccdfx.night.report.raw_calibrations import raw_calibrations_of
from ccdfx.night.report.template import as_markup, json_in_page, template
from ccdfx.night.report.times import plots_of_calibrations, plots_of_exposures
from ccdfx.night.words import counted, listed, made, number, seconds_shown
from ccdfx.plots.large_picture import FLAG_COLOURS

MAX_PICTURES = 24  # of each kind: limits the page to some MB for a night of any length
_LEAVES = 3  # of one branch of the plan
_KINDS = ("bias", "dark", "flat", "science", "arc")
_LONGEST = 2000  # characters of one text
_PLAIN = (str, int, float, type(None))  # what a column shows
_MOST_COLUMNS = 8
_MAP_INPUTS = {"biases": "bias master", "darks": "dark master", "flats": "flat master", "frames": "frame"}


def write_report(facts: Mapping[str, Any], output: str | Path, *, pictures: int = MAX_PICTURES) -> Path:
    """Write ``report.html`` and ``night.csv`` into the directory of a reduced night, replacing older ones.

    The page is readable without scripts. With them tables are sorted and filtered, and large pictures are compared; its
    Content-Security-Policy allows that one script, by its hash. Large pictures are in the page while they have up to 6 MB
    together, else it links the files in the folder of facts.

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
    seen = visible(facts)
    page = template("report.html.j2").render(_context(seen, target, pictures))
    path = target / "report.html"
    for place, text in ((target / CSV, night_csv(seen)), (path, page)):
        with atomic_path(place, True) as temporary:
            Path(temporary).write_text(text, encoding="utf-8")
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


def _context(facts: Mapping[str, Any], output: Path, pictures: int) -> dict[str, Any]:
    """Collect the variables of the template."""
    frames = records_of(facts, "frames")
    products = {sort: records_of(facts, sort) for sort in ("masters", "calibrated", "combined")}
    noisy = [product for sort in ("calibrated", "combined") for product in products[sort]]
    for product in noisy:
        product["ratio"], product["mark"] = noise_ratio(product)
    for product in products["calibrated"]:
        words = [product.get("object"), product.get("filter")]
        words += [f"{seconds_shown(product['exptime'])} s"] if is_number(product.get("exptime")) else []
        product["words"] = "".join(f"{word}, " for word in words if word)
    exposures = exposures_of(facts)
    calibrations = raw_calibrations_of(facts)
    context = {
        "facts": facts,
        "status": _status(frames, products, facts),
        "kinds": _kinds(frames),
        "unused": [frame for frame in frames if _unused(frame)],
        "remarks": _remarks(frames),
        "noise": [
            {
                **row,
                "readnoise_range": range_shown(one.get("readnoise") for one in records_of(row, "readouts"))
                or "–",
            }
            for row in records_of(facts, "noise")
        ],
        "warnings": [warning_shown(str(warning)) for warning in facts.get("warnings") or ()],
        **heading(facts),
        "exposures": exposures,
        "times": as_markup(plots_of_exposures(exposures)),
        "known": {name for row in exposures for name, value in row.items() if is_number(value)},
        "several": any(len(row["parts"]) > 1 for row in exposures),
        "flag_names": [
            {"words": str(flag.name).lower().replace("_", " "), "colour": colour}
            for flag, colour in reversed(FLAG_COLOURS.items())
        ],
        "raw_calibrations": [
            {
                **row,
                "shown_time": time_shown(row["time"]),
                "overscans": range_shown((row.get("overscans") or {}).values()),
            }
            for row in calibrations
        ],
        "calibration_times": as_markup(plots_of_calibrations(calibrations)),
        "plan": _branches(facts.get("plan")),
        "recipe": changed_choices(facts.get("recipe")),
        "excess": EXCESS,
        "resampled": any(product.get("resampled") for product in products["combined"]),
        "noisy": [product for product in noisy if product["mark"]],
        "left_out": [
            {"combined": product.get("file"), **left}
            for product in products["combined"]
            for left in records_of(product, "left_out")
        ],
        "checked": [
            {"combined": product.get("file"), **group}
            for product in products["combined"]
            for group in records_of(product, "check")
        ],
        **products,
    }
    for product in products["combined"]:
        product["turned"] = any(is_turned(shift) for shift in records_of(product, "shifts"))
    context["map_inputs"] = _MAP_INPUTS
    context["maps"] = [
        {**one, **small_pictures(output, str(one.get("file") or ""))}
        for one in records_of(facts, "bad_pixels")
    ]
    context["ignored"] = records_of(facts, "ignored")
    context["further"] = [
        _of_kind(str(kind), records_of(facts["products"], kind), output, pictures)
        for kind in (facts.get("products") or {})
    ]
    context["coloured"] = _coloured(products["combined"], output)[: max(0, pictures)]
    context["cards"] = {sort: _cards(products[sort], output, pictures) for sort in products}
    shown = [one for cards in context["cards"].values() for one in cards]
    shown += [one for kind in context["further"] for one in kind["cards"]]
    files = [str(one.get("file")) for one in shown if one.get("link")]
    addresses, inside = large_pictures(output, files)
    context["linked"], context["enlarged"] = not inside, bool(addresses)
    context["store"] = json_in_page({"pictures": addresses, "views": views_of(facts, exposures)})
    for row in exposures:
        add_links(row, facts, output, addresses)
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


def _status(
    frames: list[dict[str, Any]], products: Mapping[str, list[dict[str, Any]]], facts: Mapping[str, Any]
) -> tuple[str, str]:
    """Return (mark, sentence); the mark is a sign and a word, so that it is clear without colour."""
    broken = count_exposures(frame for frame in frames if frame.get("problem"))
    all_of_them = counted(count_exposures(frames), "frame")
    if not frames:
        return "✕ nothing", "No frames were found."
    if not any(products.values()):
        return "✕ nothing", f"None of {all_of_them} could be used."
    lost = len(records_of(facts, "lost"))
    problems = []
    if broken:
        problems = [f"{broken} of {all_of_them} {'has' if broken == 1 else 'have'} a problem"]
    if lost:
        problems += [f"{counted(lost, 'product')} could not be made"]
    if problems:
        return "△ incomplete", f"{'; '.join(problems)}; made {made(products)}."
    mark = "△ see warnings" if facts.get("warnings") else "✓ complete"
    return mark, f"Made {made(products)} from {all_of_them}."


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
    """Count the exposures of every kind, object, filter and exposure time: all, and those used."""
    names = ("kind", "object", "filter", "exptime")
    total: dict[tuple[Any, ...], set[str]] = {}
    used: dict[tuple[Any, ...], set[str]] = {}
    for frame in frames:
        # The object of a calibration frame means nothing: they are one group.
        key = tuple(
            None if name == "object" and frame.get("kind") not in ("science", "arc") else frame.get(name)
            for name in names
        )
        exposure = str(frame.get("exposure") or frame.get("file"))
        total.setdefault(key, set()).add(exposure)
        used.setdefault(key, set()).update([exposure] if frame.get("used", True) else [])
    order = sorted(total, key=_row_order)
    return [dict(zip(names, key, strict=True), total=len(total[key]), used=len(used[key])) for key in order]


def _row_order(row: tuple[Any, ...]) -> tuple[Any, ...]:
    kind, name, band, exptime = row
    rank = _KINDS.index(kind) if kind in _KINDS else len(_KINDS)
    known = isinstance(exptime, (int, float))
    return rank, str(kind), str(name), str(band), known, exptime if known else 0.0


def _cards(products: list[dict[str, Any]], output: Path, pictures: int) -> list[dict[str, Any]]:
    """Choose the products that get a picture, those with a noise mark first; keep their order."""
    chosen = sorted(range(len(products)), key=lambda i: (not products[i].get("mark"), i))[: max(0, pictures)]
    return [
        {**products[i], **small_pictures(output, str(products[i].get("file") or ""))} for i in sorted(chosen)
    ]


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
            found.append({"words": words, "files": ", ".join(files), "picture": data_uri("png", merged)})
    return found


def _pictures_of(output: Path, file: str) -> bytes | None:
    if not is_inside(output, file):
        return None
    try:
        return picture_path(output, file, SMALL_PICTURE).read_bytes()
    except OSError:
        return None
