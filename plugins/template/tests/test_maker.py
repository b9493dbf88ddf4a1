"""The maker: a night of the camera has its product."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import ccdfx


def write_night(folder: Path, count: int = 4) -> None:
    """Write flats, and science frames whose sky has a gradient that no flat has, with a star that moves."""
    rng = np.random.default_rng(3)
    shape = (160, 200)
    gradient = 1 + 0.1 * np.linspace(-1, 1, shape[1])
    kinds = [("bias", 0.0, None)] * 3 + [("flat", 9000.0, "V")] * 3 + [("light", 400.0, "V")] * count
    folder.mkdir()
    for number, (kind, level, band) in enumerate(kinds):
        electrons = np.full(shape, 1.5 * level)
        if kind == "light":
            electrons = 1.5 * (level + 50 * number) * gradient * np.ones(shape)
            electrons[20 + 10 * number :, 30:][:5, :5] += 20000
        raw = np.round(1000 + rng.poisson(electrons) / 1.5 + rng.normal(0, 4.0, shape))
        header = {
            "INSTRUME": "TemplateCam",
            "IMAGETYP": kind,
            "EXPTIME": 5.0 * (level > 0),
            "OBJECT": "field",
        }
        header |= {} if band is None else {"FILTER": band}
        ccdfx.write(ccdfx.Image(raw.astype(np.uint16), header), folder / f"{number:02d}.fits")


def test_a_night_of_the_camera_has_its_sky(tmp_path: Path) -> None:
    write_night(tmp_path / "raw")
    night = ccdfx.reduce_night(tmp_path / "raw", tmp_path / "out", recipe={"bad_pixels": {"use": False}})
    (facts,) = night.facts["products"]["sky"]
    sky = ccdfx.read(tmp_path / "out" / facts["file"])
    truth = 1 + 0.1 * np.linspace(-1, 1, 200)
    middle = np.median(np.where(sky.good, sky.array, np.nan)[10:150], axis=0)  # 140 rows of 4 frames
    assert np.abs(middle / truth - np.median(middle / truth)).max() < 0.01
    assert (np.abs(sky.array / truth - 1) < 0.25).all()  # no star
    assert facts["frames"] == sky.header["NCOMBINE"] == 4 and sky.header["IMCMB001"] == "calibrated/06.fits"
    assert "Products of a plugin" in (tmp_path / "out" / "report.html").read_text()


def test_two_frames_are_too_few_for_a_sky(tmp_path: Path) -> None:
    write_night(tmp_path / "raw", 2)
    night = ccdfx.reduce_night(tmp_path / "raw", tmp_path / "out", recipe={"bad_pixels": {"use": False}})
    assert night.facts["products"] == {}
