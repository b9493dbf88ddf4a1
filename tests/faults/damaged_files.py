"""Damaged copies of a file, made from a seed, and what reading them says."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

import ccdfx
from ccdfx.errors import CcdfxError, CcdfxWarning
from ccdfx.records.image import Image

BLOCK = 2880


def flipped(content: bytes, places: Iterable[int], seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield copies with one flipped bit each, a random one of the byte at each place."""
    rng = np.random.default_rng(seed)
    for place in places:
        bit = int(rng.integers(8))
        copy = bytearray(content)
        copy[place] ^= 1 << bit
        yield f"bit {bit} of byte {place}", bytes(copy)


def cut(content: bytes, ends: Iterable[int]) -> Iterator[tuple[str, bytes]]:
    """Yield the beginnings of a file that end at these places."""
    for end in ends:
        yield f"cut at {end}", content[:end]


def judged(
    copies: Iterable[tuple[str, bytes]],
    truth: list[Image],
    reader: Callable[[bytes], list[Image]] = lambda copy: ccdfx.read(copy, hdu="all"),
) -> tuple[Counter[str], list[str]]:
    """Count what reading says of the copies, and list those of a silent change or of an error without a type.

    A copy is "refused" by an error of ccdfx, "warned" of by its warning, or "same" if all images with their headers,
    flags and variances are those of the truth.
    """
    counts: Counter[str] = Counter()
    faults = []
    for name, copy in copies:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                verdict = "same" if _are_same(reader(copy), truth) else "silent"
            except CcdfxError:
                verdict = "refused"
            except Exception as error:
                verdict = f"untyped {error!r}"
        if any(not issubclass(warning.category, CcdfxWarning) for warning in said):
            verdict = f"foreign warning {said[0].message}"
        elif verdict == "silent" and said:
            verdict = "warned"
        counts[verdict] += 1
        if verdict not in ("same", "refused", "warned"):
            faults.append(f"{name}: {verdict}")
    return counts, faults


def _are_same(images: list[Image], truth: list[Image]) -> bool:
    return len(images) == len(truth) and all(map(_is_same, images, truth))


def _is_same(image: Image, other: Image) -> bool:
    if image.header != other.header or image.range != other.range:
        return False
    return all(_are_equal(getattr(image, p), getattr(other, p)) for p in ("array", "mask", "variance"))


def _are_equal(one: Any, two: Any) -> bool:
    if one is None or two is None:
        return one is two
    return one.dtype == two.dtype and one.tobytes() == two.tobytes()
