"""What a product says of itself: the program, the kind of product, the date, its inputs with their SHA-256."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ccdfx import registry
from ccdfx.errors import ArgumentError
from ccdfx.io.stamp import stamp_of
from ccdfx.records.header import Header

_MOST_INPUTS = 999  # IMCMB001 ... IMCMB999
_EPOCH = "SOURCE_DATE_EPOCH"


def with_provenance(
    header: Header, product: str, inputs: Sequence[tuple[str, str | None]], *, digest: str = "IMSHA"
) -> Header:
    """Record the kind of a product, the program that made it, and its inputs.

    Parameters
    ----------
    header : Header
    product : str
        Such as "master bias".
    inputs : sequence of (name, digest)
        None where the digest is not known.
    digest : {"IMSHA", "IMKEY"}
        What the digests are: SHA-256 of raw files, or keys of products.

    Returns
    -------
    Header
        With PRODUCT, CREATOR, and IMCMBnnn (name) and IMSHAnnn or IMKEYnnn (digest) of each input, in their order. DATE,
        when the file was written, is that of the environment variable SOURCE_DATE_EPOCH (s since 1970); without
        it there is none, so that the same inputs give the same bytes.

    Raises
    ------
    ArgumentError
        SOURCE_DATE_EPOCH is not a number of seconds.
    """
    header = header.remove("DATE", *(key for key in header if key.startswith(("IMCMB", "IMSHA", "IMKEY"))))
    header = header.set("PRODUCT", product, "kind of this product")
    header = header.set("CREATOR", f"ccdfx {registry.version()}", "program that made it")
    date = _date()
    if date is not None:
        header = header.set("DATE", date, "SOURCE_DATE_EPOCH")
    for number, (name, value) in enumerate(inputs[:_MOST_INPUTS], 1):
        header = header.set(f"IMCMB{number:03d}", name)
        if value is not None:
            header = header.set(f"{digest}{number:03d}", value)
    return header


_SETTLED = 2.0  # s: a file changed within this time could change again and keep its times
_MOST_KNOWN = 100_000
_known: dict[tuple[int, ...], str] = {}


def file_sha256(path: Path) -> str | None:
    """Compute the SHA-256 of a file; None if it cannot be read any more.

    It is computed once for a file that stays as it is, by device, inode, size and times.
    """
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            stamp = (*stamp_of(found), found.st_ctime_ns)
            if stamp in _known:
                return _known[stamp]
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            changed = (*stamp_of(after := os.fstat(file.fileno())), after.st_ctime_ns) != stamp
    except OSError:
        return None
    if not changed and time.time() - found.st_ctime > _SETTLED and len(_known) < _MOST_KNOWN:
        _known[stamp] = digest
    return digest


def _date() -> str | None:
    text = os.environ.get(_EPOCH, "").strip()
    if not text:
        return None
    try:
        return datetime.fromtimestamp(int(text), UTC).replace(tzinfo=None).isoformat()
    except (ValueError, OverflowError, OSError):
        raise ArgumentError(
            _EPOCH, "must be whole seconds since 1970", value=text, remedy="set it anew, or unset it"
        ) from None
