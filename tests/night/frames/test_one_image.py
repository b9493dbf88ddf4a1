"""Files that hold several images are refused by the scan with the words of the run."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from astropy.io import fits

from ccdfx import load_instrument, reduce_night, scan

CARDS = {"IMAGETYP": "object", "EXPTIME": 30.0, "OBJECT": "x"}
FILE = 'name = "m"\nhdu = "SCI"\nmatch = { EXPTIME = true }\nrules = [{ kind = "science", when = { EXPTIME = true } }]\n'


def hdus(names, first=False):
    primary = fits.PrimaryHDU(np.full((8, 9), 5, np.uint16) if first else None, fits.Header(CARDS))
    return fits.HDUList(
        [primary, *(fits.ImageHDU(np.full((8, 9), 5, np.uint16), name=name) for name in names)]
    )


@pytest.mark.quick
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("names", "first", "count"),
    [(["IM1", "IM2"], False, 2), (["IM1"], True, 2), ([], True, 1), (["MASK"], True, 1)],
)
def test_the_scan_names_the_images_of_a_file_that_holds_several(tmp_path, names, first, count, packed):
    raw = tmp_path / "raw"
    raw.mkdir()
    hdus(names, first).writeto(raw / "a.fits")
    if packed:
        (raw / "a.fits.gz").write_bytes(gzip.compress((raw / "a.fits").read_bytes()))
        (raw / "a.fits").unlink()
    (frame,) = scan(raw)
    if count == 1:
        assert frame.problem is None
        return
    assert frame.problem.startswith("must hold one image (got '2: ") and "key hdu" in frame.problem
    dry = reduce_night(raw, tmp_path / "out", dry_run=True)
    assert (dry.status, dry.plan.left_out[0][1]) == (3, frame.problem)


def test_a_name_of_several_images_is_refused_with_the_list(tmp_path):
    raw, file = tmp_path / "raw", tmp_path / "mine.toml"
    raw.mkdir()
    file.write_text(FILE)
    hdus(["SCI", "SCI", "SCI", "SCI"]).writeto(raw / "a.fits")
    (frame,) = scan(raw, instrument=load_instrument(file))
    for words in ("'SCI', and 4 have it", "SCI, SCI, SCI, SCI", "'SCI,1'", "key hdu"):
        assert words in frame.problem
    (raw / "a.fits").unlink()
    hdus(["OTHER", "SCI"]).writeto(raw / "a.fits")
    assert scan(raw, instrument=load_instrument(file))[0].problem is None
