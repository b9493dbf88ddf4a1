"""Readouts of files: one frame a detector, and files whose images are no readouts refused with the list."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from astropy.io import fits

from ccdfx import load_instrument, reduce_night, scan

PRIMARY = {"IMAGETYP": "object", "EXPTIME": 30.0, "OBJECT": "x", "FILTER": "V", "NEXTEND": 4}
PLACES = ("[1:8,1:6]", "[16:9,1:6]")


def mosaic(path, chips=("a", "b"), drop=0, primary=None):
    """Write two chips of two readouts each."""
    hdus = [fits.PrimaryHDU(None, fits.Header(PRIMARY | (primary or {})))]
    for chip in chips:
        for number, place in enumerate(PLACES, 1):
            cards = {
                "CCDNAME": chip,
                "CCDSEC": place,
                "DATASEC": "[1:8,1:6]",
                "BIASSEC": "[9:11,1:6]",
                "GAIN": 1.5,
            }
            cards["RDNOISE"] = 3.0 + number
            hdus.append(
                fits.ImageHDU(
                    500 + np.arange(66, dtype=np.uint16).reshape(6, 11) % 3,
                    fits.Header(cards),
                    name=f"{chip}{number}",
                )
            )
    fits.HDUList(hdus[: len(hdus) - drop]).writeto(path)


@pytest.mark.quick
@pytest.mark.parametrize("packed", [False, True])
def test_a_mosaic_is_a_frame_for_each_detector(tmp_path, packed):
    raw = tmp_path / "raw"
    raw.mkdir()
    mosaic(raw / "a.fits")
    if packed:
        (raw / "a.fits.gz").write_bytes(gzip.compress((raw / "a.fits").read_bytes()))
        (raw / "a.fits").unlink()
    frames = scan(raw)
    assert [(frame.detector, len(frame.readouts), frame.filter, frame.kind) for frame in frames] == [
        ("a", 2, "V", "science"), ("b", 2, "V", "science"),
    ]  # fmt: skip
    left, right = frames[1].readouts
    assert (left.name, left.hdu, left.gain, left.readnoise) == ("B1", 3, 1.5, 4.0)
    assert (right.hdu, right.flip_x, right.place.to_fits()) == (4, True, "[9:16,1:6]")
    assert frames[0].overscan is None and frames[0].data is None
    assert [(frame.file, frame.problem) for frame in frames] == [
        (f"a.fits{'.gz' if packed else ''}[{name}]", None) for name in "ab"
    ]
    assert "[readout" not in str(frames[0].as_dict()) and frames[1].as_dict()["detector"] == "b"
    dry = reduce_night(raw, tmp_path / "out", dry_run=True)
    assert [item.file for item in dry.plan.science] == ["calibrated/a_a.fits", "calibrated/a_b.fits"]


@pytest.mark.quick
def test_lost_and_strange_extensions_are_refused(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    mosaic(raw / "cut.fits", drop=1)
    mosaic(raw / "odd.fits", chips=("a",), primary={"NEXTEND": 2})
    with fits.open(raw / "odd.fits", mode="append") as odd:
        odd.append(fits.ImageHDU(np.zeros((3, 3), np.uint8), name="preview"))
    cut, odd = scan(raw)
    assert (
        "NEXTEND: must be that of the extensions of the file, which are 3, with the images A1, A2, B1"
        in cut.problem
    )
    assert "extension PREVIEW, CCDSEC: is missing, which 2 of 3 images of the file have" in odd.problem
    assert not cut.readouts and cut.kind == "science"


def test_the_instrument_file_may_say_what_no_header_does(tmp_path, shared):
    camera = tmp_path / "mine.toml"
    camera.write_text(
        'name = "mine"\nmatch = { NAXIS = 2 }\nrules = [{ kind = "science", when = { NAXIS = 2 } }]\n[keywords]\n'
        'exptime = "NAXIS"\n'
        + "".join(
            f'[[readout]]\nname = "{n}"\nhdu = {n}\ndetector = "{n}"\ndata = "[1:10,1:10]"\n'
            for n in (1, 2, 3)
        )
    )
    frames = scan([shared / "data/other/science-mef.fits"], instrument=load_instrument(camera))
    assert [(frame.detector, frame.readouts[0].hdu) for frame in frames] == [("1", 1), ("2", 2), ("3", 3)]


def test_laws_hold_for_the_readout_of_a_single_image(tmp_path):
    camera, raw = tmp_path / "mine.toml", tmp_path / "raw"
    raw.mkdir()
    fits.PrimaryHDU(np.zeros((4, 4), np.uint16), fits.Header(PRIMARY | {"NEXTEND": 0})).writeto(
        raw / "a.fits"
    )
    rest = 'name = "m"\nmatch = { EXPTIME = 30 }\nrules = [{ kind = "science", when = { EXPTIME = 30 } }]\n'
    camera.write_text(rest + "[linearity]\npolynomial = [1.0, 1e-6]\n")
    (frame,) = scan(raw, instrument=load_instrument(camera))
    assert frame.problem is None and frame.readouts[0].linearity.polynomial == (1.0, 1e-6)
    camera.write_text(rest + '[crosstalk]\nreadouts = ["A", "B"]\nmatrix = [[0, 1e-4], [1e-4, 0]]\n')
    (frame,) = scan(raw, instrument=load_instrument(camera))
    assert "must name the readouts of the exposure" in frame.problem


def test_a_chip_of_eso_with_several_outputs_has_readouts_or_is_refused(tmp_path):
    cards = {"EXPTIME": 60.0, "ESO DPR CATG": "SCIENCE", "ESO DPR TYPE": "OBJECT", "ESO DPR TECH": "IMAGE"}
    for name, count in (("a.fits", 2), ("b.fits", 4)):
        header = fits.Header(
            [(f"HIERARCH {key}" if " " in key else key, value) for key, value in cards.items()]
        )
        header["HIERARCH ESO DET OUTPUTS"] = count
        for number, at in ((1, 1), (2, 16)):
            its = {
                "X": at,
                "Y": 1,
                "NX": 8,
                "NY": 6,
                "PRSCX": 1,
                "OVSCX": 2,
                "CONAD": 1.0 + number,
                "GAIN": 0.1,
            }
            for key, value in its.items():
                header[f"HIERARCH ESO DET OUT{number} {key}"] = value
        fits.PrimaryHDU(np.zeros((6, 22), np.uint16), header).writeto(tmp_path / name)
    good, bad = scan(tmp_path)
    assert [(one.gain, one.bias[0].to_fits()) for one in good.readouts] == [
        (2.0, "[10:11,1:6]"),
        (3.0, "[12:13,1:6]"),
    ]
    assert "ESO DET OUTPUTS: must be that of the outputs with NX, which are 2 (got 4" in bad.problem
