"""To how many bytes a compressed file may inflate: the limit that every reader heeds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ccdfx.errors import ArgumentError

LIMIT = "CCDFX_LIMIT"  # environment variable: bytes to which a file may inflate
INFLATION_REMEDY = (
    f"if you trust it, give read a larger limit=, set {LIMIT} to a number of bytes, or unpack it first, such as with "
    "gunzip, bunzip2 or funpack"
)
_MINIMUM = 256 << 20  # bytes to which any compressed file may inflate
_RATIO = 100  # above that: a multiple of the compressed size; frames of a camera compress two- to fivefold
_limit: ContextVar[int | None] = ContextVar("limit", default=None)


def inflation_limit(size: int) -> int:
    """Return to how many bytes a file, or a part of it, of `size` compressed bytes may inflate, for readers of formats.

    It is the environment variable CCDFX_LIMIT, else 256 MiB or 100 times the size, whichever is more. A `limit` that
    was given to `read` takes its place.

    Raises
    ------
    ArgumentError
        When CCDFX_LIMIT is no number of bytes.

    See Also
    --------
    read

    Examples
    --------
    >>> inflation_limit(5_000_000)
    500000000
    """
    given = _limit.get()
    if given is not None:
        return given
    text = os.environ.get(LIMIT, "").strip()
    if not text:
        return max(_MINIMUM, _RATIO * size)
    if not text.isascii() or not text.isdigit() or not 0 < len(text) < 20:
        raise ArgumentError(
            LIMIT, "must be a number of bytes", value=text, remedy="set it to 4000000000, or unset it"
        )
    return int(text)


@contextmanager
def limited(limit: int | None) -> Iterator[None]:
    """Set the limit of inflated bytes for the files that are opened in the block; None leaves it as it is."""
    if limit is None:
        yield
        return
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ArgumentError("limit", "must be a number of bytes above 0", value=limit, remedy="leave it out")
    token = _limit.set(limit)
    try:
        yield
    finally:
        _limit.reset(token)
