"""Sections of a draft: those of the header where the pixels agree, else what the pixels show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ccdfx.errors import ArgumentError
from ccdfx.night.drafting.edges import Edge
from ccdfx.night.drafting.guesses import Guess
from ccdfx.night.instruments.sections import SIDES
from ccdfx.records.header import Header
from ccdfx.records.range import Range

_FEWEST = 3  # lines of an overscan
_COVERED = 0.9  # of the exposed pixels that a data section of the header has at least


@dataclass(frozen=True, slots=True)
class DraftSections:
    """Overscan and data section as TOML values, None where there is none, with comments, and what is not known."""

    overscan: str | None = None
    data: str | None = None
    overscan_why: str = ""
    data_why: str = ""
    remarks: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def draft_sections(
    edges: Mapping[str, Edge] | None,
    shape: tuple[int, int],
    headers: Sequence[Header],
    overscan: Guess | None,
    data: Guess | None,
) -> DraftSections:
    """Choose overscan and data section.

    Parameters
    ----------
    edges : mapping or None
        What the pixels show; None where there is too little light to tell.
    shape : (int, int)
        (ny, nx) of the frames.
    headers : sequence of Header
        Of frames of that shape.
    overscan, data : Guess or None
        Keywords of sections.

    Examples
    --------
    >>> found = draft_sections({"right": Edge(32, skip=2)}, (100, 132), [Header()], None, None)
    >>> found.overscan, found.data
    ('{ side = "right", size = 32, skip = 2 }', '{ right = 32 }')
    """
    if edges is None:
        return _of_headers(shape, headers, overscan, data)
    remarks = [_edge_text(side, edges[side], shape) for side in SIDES if side in edges]
    remarks += [] if edges else ["the lines at all sides follow the light: there is no overscan there"]
    exposed = _exposed(edges, shape)
    bias_text, bias_why = _overscan(edges)
    keyword, section = _section(headers, overscan, shape)
    if section is not None:
        if any(_inside(section, _strip(side, edge, shape)) for side, edge in edges.items() if edge.usable):
            bias_text, bias_why = (
                f'"{keyword}"',
                f"sure, {section.to_fits()} of the header does not follow the light",
            )
        else:
            remarks.append(
                f"{keyword} = {section.to_fits()} of the header does not fit these pixels, and is not used"
            )
    data_text = "{ " + ", ".join(f"{side} = {edges[side].lines}" for side in SIDES if side in edges) + " }"
    data_why = "likely, all lines that follow the light"
    keyword, section = _section(headers, data, shape)
    if section is not None:
        area = section.shape[0] * section.shape[1]
        if _inside(section, exposed) and area >= _COVERED * exposed.shape[0] * exposed.shape[1]:
            data_text, data_why = (
                f'"{keyword}"',
                f"sure, all of {section.to_fits()} of the header follows the light",
            )
        else:
            remarks.append(
                f"{keyword} = {section.to_fits()} of the header is not what follows the light, and is not used"
            )
    has_data = bool(edges) or data_text.startswith('"')
    return DraftSections(
        bias_text, data_text if has_data else None, bias_why, data_why if has_data else "", tuple(remarks)
    )


def _of_headers(
    shape: tuple[int, int], headers: Sequence[Header], overscan: Guess | None, data: Guess | None
) -> DraftSections:
    """Return the sections of headers, which no pixels confirm."""
    found = [_section(headers, guess, shape) for guess in (overscan, data)]
    (bias, bias_section), (exposed, data_section) = found
    if bias_section is not None and data_section is not None and bias_section.intersection(data_section):
        rule = f"whether {bias} or {exposed} of the header is right: they overlap"
        return DraftSections(unknown=(rule,))
    why = "perhaps, of the header; no frames with and without light were there to compare"
    unknown = () if bias_section else (
        "whether frames have an overscan: that takes frames with and without light (flats and biases)",
    )  # fmt: skip
    return DraftSections(
        f'"{bias}"' if bias_section else None,
        f'"{exposed}"' if data_section else None,
        why,
        why,
        unknown=unknown,
    )


def _overscan(edges: Mapping[str, Edge]) -> tuple[str | None, str]:
    """Return the strip with the most lines that tell the level without light."""
    usable = {side: edges[side] for side in ("right", "left", "top", "bottom") if side in edges}
    side = max(usable, key=lambda name: usable[name].usable, default=None)
    if side is None or usable[side].usable < _FEWEST:
        return None, ""
    edge = usable[side]
    parts = [f'side = "{side}"', f"size = {edge.lines}"]
    parts += [f"skip = {edge.skip}"] if edge.skip else []
    parts += [f"edge = {edge.edge}"] if edge.edge else []
    return "{ " + ", ".join(parts) + " }", f"likely, these {edge.lines} lines do not follow the light"


def _edge_text(side: str, edge: Edge, shape: tuple[int, int]) -> str:
    strip = _strip(side, edge, shape)
    what = "columns" if side in ("left", "right") else "rows"
    if edge.constant:
        state = "have no noise: padding, trimmed and not used"
    elif not edge.usable:
        state = f"see {edge.share:.1%} of the light: trimmed and not used"
    else:
        state = "do not follow the light"
        state += f", the innermost {edge.skip} a little" if edge.skip else ""
        state += f", the outermost {edge.edge} are off the others" if edge.edge else ""
    return f"{side}: {edge.lines} {what} {state}: {strip.to_fits()}"


def _strip(side: str, edge: Edge, shape: tuple[int, int]) -> Range:
    ny, nx = shape
    return {
        "left": Range(0, edge.lines, 0, ny),
        "right": Range(nx - edge.lines, nx, 0, ny),
        "bottom": Range(0, nx, 0, edge.lines),
        "top": Range(0, nx, ny - edge.lines, ny),
    }[side]


def _exposed(edges: Mapping[str, Edge], shape: tuple[int, int]) -> Range:
    left, right, bottom, top = (edges[side].lines if side in edges else 0 for side in SIDES)
    return Range(left, shape[1] - right, bottom, shape[0] - top)


def _inside(part: Range, whole: Range) -> bool:
    return part.intersection(whole) == part


def _section(
    headers: Sequence[Header], guess: Guess | None, shape: tuple[int, int]
) -> tuple[str, Range | None]:
    """Return a keyword and the section that all headers with it state, None where they differ or it is none."""
    for keyword in guess.keywords if guess else ():
        texts = {str(header[keyword]).strip() for header in headers if str(header.get(keyword) or "").strip()}
        if len(texts) == 1:
            try:
                return keyword, Range.of(texts.pop(), shape)
            except ArgumentError:
                continue
    return "", None
