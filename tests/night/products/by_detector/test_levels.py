"""One normalisation of the flats of all detectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ccdfx
from ccdfx.night.calibrators import Use
from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.plan import MasterPlan
from ccdfx.night.products.by_detector.levels import with_other_detectors

NIGHT = {"bad_pixels": {"use": False}, "cosmic_rays": {"use": False}, "combine": {"use": False}}
SEES = {"A": 0.8, "B": 1.2}  # of the light


@pytest.fixture
def raw(tmp_path):
    from astropy.io import fits

    rng, folder = np.random.default_rng(3), tmp_path / "raw"
    folder.mkdir()

    def write(name, kind, light):
        hdus = [
            fits.PrimaryHDU(
                header=fits.Header({"IMAGETYP": kind, "EXPTIME": 1.0, "FILTER": "V", "OBJECT": "sky"})
            )
        ]
        for chip, share in SEES.items():
            stored = np.full((64, 72), 500.0) + rng.normal(0, 4, (64, 72))
            stored[:, :64] += rng.poisson(light * share, (64, 64))
            cards = {
                "CCDNAME": chip,
                "DATASEC": "[1:64,1:64]",
                "BIASSEC": "[65:72,1:64]",
                "GAIN": 1.0,
                "RDNOISE": 4.0,
            }
            cards |= {"CCDSEC": "[1:64,1:64]", "INHERIT": True, "EXTNAME": f"im{chip}"}
            hdus.append(fits.ImageHDU(np.rint(stored).astype(np.uint16), header=fits.Header(cards)))
        fits.HDUList(hdus).writeto(folder / name)

    for number in range(3):
        write(f"f{number}.fits", "flat", 20000.0 + 3000 * number)
    write("s.fits", "object", 2000.0)
    return folder


def test_the_sky_of_all_detectors_is_one_where_the_mosaic_is_asked_for(raw, tmp_path) -> None:
    night = ccdfx.reduce_night(raw, tmp_path / "out", recipe={**NIGHT, "flat": {"normalise": "mosaic"}})
    assert night.status == 0
    flats = [ccdfx.read(night.output / one["file"]) for one in night.facts["masters"]]
    assert [np.median(flat.array) for flat in flats] == pytest.approx([0.8, 1.2], rel=2e-3)
    sky = [ccdfx.read(night.output / one["file"]) for one in night.facts["calibrated"]]
    assert [np.median(image.array) for image in sky] == pytest.approx([2000.0, 2000.0], rel=5e-3)
    for image in sky:
        assert np.std((image.array - 2000.0) / np.sqrt(image.variance)) == pytest.approx(1.0, abs=0.05)
    assert "mosaic=0.8" in str(flats[0].header.all("HISTORY"))


@pytest.mark.quick
def test_flats_of_the_same_exposures_and_filter_belong_together() -> None:
    def flat(detector, band, *frames):
        setup = Setup("cam", (4, 4), (1, 1), None, None, ccdfx.Range(0, 4, 0, 4), detector=detector)
        uses = tuple(Use(Frame(path=Path(path), file=path, date=date)) for path, date in frames)
        return MasterPlan(kind="flat", setup=setup, file=f"{detector}{band}.fits", inputs=uses, filter=band)

    at = "2020-01-01T00:00:0{}".format
    first = flat("A", "V", ("1.fits", None), ("a2.fits", at(2)))
    others = [
        flat("B", "V", ("1.fits", None)),  # the same file
        flat("C", "V", ("c2.fits", at(2))),  # a file of its own
        flat("D", "R", ("1.fits", None)),
        flat("E", "V", ("9.fits", at(9))),
    ]
    assert [one.file for one in with_other_detectors(first, [first, *others]).beside] == [
        "BV.fits",
        "CV.fits",
    ]
