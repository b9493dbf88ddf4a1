"""Small nights of CMOS cameras: shifted bits, settings for gains, no overscan, dark flats, binning by software."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.io import read
from ccdfx.night.run import reduce_night

NX, NY = 120, 96
CARDS = {
    "INSTRUME": "ZWO ASI1600MM Pro", "SWCREATE": "N.I.N.A. 3.1.2.9001", "GAIN": 139, "OFFSET": 21, "OBJECT": "field",
    "DATE-OBS": "2020-01-01T00:00:00", "CCD-TEMP": -10.0, "XPIXSZ": 3.8, "ROWORDER": "TOP-DOWN",
}  # fmt: skip


def write_night(folder, *, gain, noise, bits, shift=1, biases=5, dark=0.02, binned=None, **cards):
    """Write darks, dark flats, flats and three frames of a field; `gain` is in e-/ADU before shift and binning, `noise` in e-, `dark` in e-/s.

    `binned` is None, or the function by which 2 x 2 pixels become one.
    """
    from astropy.io import fits

    folder.mkdir()
    rng = np.random.default_rng(3)
    size = 1 if binned is None else 2
    y, x = np.mgrid[: NY * size, : NX * size] / size
    flat = 1 + 0.1 * np.cos((x - 60) / 60) * np.cos((y - 48) / 60)
    flat /= np.median(flat)
    pattern = rng.normal(0, 0.6, flat.shape)
    stars = np.column_stack(
        [rng.uniform(12, NX - 12, 30), rng.uniform(12, NY - 12, 30), rng.uniform(8e2, 5e3, 30)]
    )

    def field(dx, dy):
        spots = (
            flux / size**2 * np.exp(-((x - cx - dx) ** 2 + (y - cy - dy) ** 2) / 3.4)
            for cx, cy, flux in stars
        )
        return flat * (150 + sum(spots))

    def write(name, imagetyp, electrons=0.0, exptime=0.0, **more):
        light = rng.poisson(np.broadcast_to(electrons + dark * exptime, flat.shape))
        raw = 50 + pattern + (light + rng.normal(0, noise, flat.shape)) / gain
        raw = np.clip(np.round(raw), 0, 2**bits - 1) * shift
        if binned is not None:
            raw = np.round(binned(raw.reshape(NY, 2, NX, 2), axis=(1, 3)))
        hdu = fits.PrimaryHDU(raw.astype(np.uint16))
        mine = {"IMAGETYP": imagetyp, "EXPTIME": exptime, "XBINNING": size, "YBINNING": size, **more}
        hdu.header.update({**CARDS, **mine, **cards})
        hdu.writeto(folder / name)

    for i in range(biases):
        write(f"b{i}.fits", "BIAS")
    for i in range(5):
        write(f"k{i}.fits", "DARK", exptime=60.0)
        write(f"d{i}.fits", "DARKFLAT", exptime=2.0)
    for i in range(5):
        write(f"f{i}.fits", "FLAT", (0.5 + 0.05 * i) * 2**bits * gain * flat, 2.0, FILTER="V")
    for i, shift_of in enumerate([(0, 0), (2.3, -1.6), (-3.4, 2.2)]):
        write(f"s{i}.fits", "LIGHT", field(*shift_of), 60.0, FILTER="V")


@pytest.mark.parametrize(
    ("options", "gain", "noise", "saturation"),
    [
        # 12 bits in the upper ones of 16, GAIN a setting: all values are multiples of 16
        ({"gain": 0.8, "noise": 2.5, "bits": 12, "shift": 16}, 0.8 / 16, 2.5, 65520.0),
        # 14 bits as multiples of 4, EGAIN in the header, no bias frames: dark flats and darks hold the level
        ({"gain": 1.2, "noise": 3.0, "bits": 14, "shift": 4, "biases": 0, "EGAIN": 0.3}, 0.3, 3.0, 65532.0),
        # 12 bits as they are, the depth in the header, no bias frames, and a dark current of as much noise as the readout
        ({"gain": 0.8, "noise": 2.5, "bits": 12, "biases": 0, "dark": 0.3, "BITDEPTH": 12}, 0.8, 2.6, 4095.0),
        # sums of 2 x 2 pixels keep e-/ADU; the noise is that of four readouts
        ({"gain": 0.8, "noise": 2.5, "bits": 12, "binned": np.sum, "EGAIN": 0.8}, 0.8, 5.0, None),
        # means have four times as many; the EGAIN of a single pixel is belied
        ({"gain": 0.8, "noise": 2.5, "bits": 12, "binned": np.mean, "EGAIN": 0.8}, 3.2, 5.0, None),
    ],
    ids=["12 bits of 16", "14 bits without bias", "12 bits without bias", "sums", "means"],
)
def test_a_night_of_a_cmos_camera_has_the_noise_that_it_says(tmp_path, options, gain, noise, saturation):
    write_night(tmp_path / "raw", **options)
    night = reduce_night(tmp_path / "raw", tmp_path / "out")
    (camera,) = night.facts["noise"]
    assert camera["gain"] == pytest.approx(gain, rel=0.06)
    assert camera["readnoise"] == pytest.approx(noise, rel=0.06)
    if saturation is not None:
        assert (camera["saturation"], camera["saturation_source"]) == (saturation, "raw frames")
    if "dark" in options:
        assert camera["dark_current"] == pytest.approx(options["dark"], rel=0.1)
    excess = [fact["excess"] for fact in night.facts["calibrated"]]
    assert len(excess) == 3 and 0.95 < np.mean(excess) < 1.05
    sky = np.median([fact["sky"] for fact in night.facts["calibrated"]])
    pixels = 4 if options.get("binned") else 1
    assert sky * gain == pytest.approx(150 * pixels, rel=0.06)
    image = read(tmp_path / "out/calibrated/s0.fits")
    assert image.header["CALSTAT"] == "BDF" and image.variance is not None
    assert image.header["ROWORDER"] == "TOP-DOWN"
    assert [one["file"] for one in night.facts["combined"]] == ["combined/field_V.fits"]
    assert not [text for text in night.facts["warnings"] if "level without light" in text]


def test_flats_without_darks_of_their_exposure_lose_their_level_by_another_dark(tmp_path):
    write_night(tmp_path / "raw", gain=0.8, noise=2.5, bits=14, shift=4, biases=0, EGAIN=0.2)
    for path in (tmp_path / "raw").glob("d?.fits"):
        path.unlink()
    night = reduce_night(tmp_path / "raw", tmp_path / "out")
    y, x = np.mgrid[:NY, :NX]
    truth = 1 + 0.1 * np.cos((x - 60) / 60) * np.cos((y - 48) / 60)
    flat = read(tmp_path / "out/masters/flat_V.fits")
    slope = np.polyfit((truth / np.median(truth)).ravel(), flat.array.ravel(), 1)[0]
    assert slope == pytest.approx(1, abs=0.002)  # 0.993 with the level in it
    assert flat.header["CALSTAT"].startswith("BD")
    (text,) = [text for text in night.facts["warnings"] if "dark current of another exposure" in text]
    assert "no bias and no dark of 2 s fits, so the dark of 60 s" in text and "f0.fits" in text
    assert not [text for text in night.facts["warnings"] if "level without light" in text]
