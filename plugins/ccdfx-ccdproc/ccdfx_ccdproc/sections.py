"""Sections of images as text: slices of numpy, and ``[x1:x2,y1:y2]`` of FITS headers."""

from __future__ import annotations


def slice_from_string(string: str, fits_convention: bool = False) -> tuple[slice, ...]:
    """Convert text such as ``[1:10, *]`` to slices of an array.

    Parameters
    ----------
    string : str
        Slices joined by commas, in square brackets; blanks are ignored, and empty text is no slice.
    fits_convention : bool
        Whether the first axis is x, pixels are counted from 1, and the last one is included; ``*`` is a whole
        axis, ``-*`` one in reverse order.

    Raises
    ------
    ValueError
        Brackets are missing, a number is none, or a pixel of FITS is below 1.

    Examples
    --------
    >>> slice_from_string("[2:5, ::-1]")
    (slice(2, 5, None), slice(None, None, -1))
    >>> slice_from_string("[1:10,3:4]", fits_convention=True)
    (slice(2, 4, None), slice(0, 10, None))
    """
    text = "".join(string.split())
    if not text:
        return ()
    if not (text[0] == "[" and text[-1] == "]"):
        raise ValueError(f"section {string!r}: slices must be enclosed in square brackets, as in [1:10,1:20]")
    slices = [_slice(part, string, fits_convention) for part in text[1:-1].split(",")]
    return tuple(reversed(slices)) if fits_convention else tuple(slices)


def _slice(part: str, string: str, fits: bool) -> slice:
    """Return one slice of numpy; of a single number that pixel."""
    first, *others = part.split(":")
    if len(others) > 2:
        raise ValueError(f"section {string!r}: {part!r} is no slice")
    if fits and first in ("*", "-*"):
        step = _number(others[0] if others else "", string)
        return slice(None, None, -(step or 1) if first == "-*" else step)
    start, *rest = (_number(text, string) for text in (first, *others))
    if not rest:
        if start is None:
            raise ValueError(f"section {string!r}: a slice is missing")
        rest = [start if fits else start + 1 or None]
    stop, step = [*rest, None][:2]
    return _from_fits(start, stop, step, string) if fits else slice(start, stop, step)


def _number(text: str, string: str) -> int | None:
    try:
        return int(text) if text else None
    except ValueError:
        raise ValueError(f"section {string!r}: {text!r} is no whole number") from None


def _from_fits(start: int | None, stop: int | None, step: int | None, string: str) -> slice:
    """Return the slice of numpy for pixels counted from 1, the last one included."""
    if any(pixel is not None and pixel < 1 for pixel in (start, stop)):
        raise ValueError(f"section {string!r}: pixels of FITS are counted from 1")
    if start is not None and stop is not None and start > stop:
        return slice(start - 1, stop - 2 if stop > 1 else None, -abs(step or 1))
    return slice(None if start is None else start - 1, stop, step)
