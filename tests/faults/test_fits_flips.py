"""Flipped bits and cuts of FITS files: what is read is the same, or something is said."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from damaged_files import BLOCK, cut, flipped, judged

import ccdfx
from ccdfx.errors import FormatError
from ccdfx.io.content import MemoryContent
from ccdfx.io.fits.hdus import walk
from ccdfx.records.image import Image

SEED = 14


def images() -> list[Image]:
    rng = np.random.default_rng(SEED)
    array = rng.normal(100, 5, (4, 4)).astype(np.float32)
    mask = np.eye(4, dtype=np.uint8) * 5
    cards = {"OBJECT": "M 13", "EXPTIME": (30.0, "seconds")}
    return [Image(array, cards), Image(array + 1, cards, mask, variance=array)]


def content_of(suffix: str, folder: Path, many: bool = True) -> tuple[bytes, list[Image]]:
    path = ccdfx.write(images() if many else images()[1], folder / f"a{suffix}")
    return path.read_bytes(), ccdfx.read(path, hdu="all")


def header_bytes(content: bytes) -> Iterable[int]:
    return [i for hdu in walk(MemoryContent(content)) for i in range(hdu.header_at, hdu.data_at)]


def test_a_flip_of_any_header_byte_is_harmless_or_said(tmp_path: Path) -> None:
    content, truth = content_of(".fits", tmp_path, many=False)
    places = header_bytes(content)
    counts, faults = judged(flipped(content, places, SEED), truth)
    assert not faults and counts.total() == len(places) >= 3 * BLOCK, faults[:5]
    assert counts["refused"] > 0.95 * counts.total(), counts


@pytest.mark.parametrize(("suffix", "tries"), [(".fits", 1000), (".fits.fz", 150)])
def test_flips_of_several_images_and_of_tiles(tmp_path: Path, suffix: str, tries: int) -> None:
    content, truth = content_of(suffix, tmp_path)
    places = np.random.default_rng(SEED).choice(len(content), tries, replace=False)
    counts, faults = judged(flipped(content, places, SEED), truth)
    assert not faults and counts.total() == tries and counts["refused"] > 0.7 * tries, (counts, faults[:5])


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".fits", ".fits.fz", ".fits.gz"])
def test_every_byte_of_several_images(tmp_path: Path, suffix: str) -> None:
    content, truth = content_of(suffix, tmp_path)
    places = range(0, len(content), 3)
    counts, faults = judged(flipped(content, places, 0), truth)
    assert not faults and counts.total() == len(places), faults[:5]


@pytest.mark.parametrize("suffix", [".fits", ".fits.fz", ".fits.gz"])
def test_a_cut_at_every_block_is_refused(tmp_path: Path, suffix: str) -> None:
    content, truth = content_of(suffix, tmp_path)
    ends = sorted({*range(0, len(content), BLOCK), *range(7, len(content), 977)})
    counts, faults = judged(cut(content, ends), truth)
    assert not faults and counts.total() == len(ends), faults
    assert counts["refused"] >= len(ends) - 3, "only the padding behind the last pixel is worth no error"


def test_a_plane_of_another_file_is_refused(tmp_path: Path) -> None:
    content, _ = content_of(".fits", tmp_path, many=False)
    other = images()[1]
    swapped = ccdfx.write(other.replace(mask=other.mask * 2), tmp_path / "b.fits").read_bytes()
    at = content.index(b"XTENSION")
    with pytest.raises(FormatError, match="HDU 1: must be the MASK of HDU 0, which names another DATASUM"):
        ccdfx.read(content[:at] + swapped[at:])
    assert ccdfx.read(content[:at] + swapped[at:], checksum=False).mask is not None


def test_the_mask_of_the_second_image_is_never_that_of_the_first(tmp_path: Path) -> None:
    content, _ = content_of(".fits", tmp_path)
    broken = content.replace(b"XTENSION= 'IMAGE", b"XTENSION= 'IMAGF", 1)
    with pytest.raises(FormatError, match="HDU 1: must be an image with the card CCDFXPLN"):
        ccdfx.read(broken)


def test_cards_that_an_image_inherits_are_under_the_sums_of_their_header(tmp_path: Path) -> None:
    content, truth = content_of(".fits.fz", tmp_path)
    places = range(240, 490, 2)  # EXTEND, CCDFXHDU, CHECKSUM and DATASUM
    counts, faults = judged(flipped(content, places, SEED), truth)
    assert not faults and counts.total() == len(places), faults[:5]
