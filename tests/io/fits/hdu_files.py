"""FITS files of several HDUs, written by astropy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

PIXELS = np.arange(12, dtype=np.int16).reshape(3, 4)


def written(path: Path, *hdus: fits.hdu.base._BaseHDU) -> Path:
    fits.HDUList(list(hdus)).writeto(path)
    return path


def named(array: np.ndarray, name: str, **cards: object) -> fits.ImageHDU:
    return fits.ImageHDU(array, fits.Header(cards), name=name)
