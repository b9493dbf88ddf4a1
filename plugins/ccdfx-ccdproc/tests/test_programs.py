"""Programs that are written for ccdproc: a script of its reduction guide, and the calls of three pipelines.

The script runs twice, with ccdproc and with this package, and gives the same numbers.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling import models
from astropy.nddata import CCDData
from astropy.stats import mad_std, median_absolute_deviation

import ccdfx_ccdproc as ours

theirs = pytest.importorskip("ccdproc")
SHAPE, BIAS, GAIN, NOISE = (40, 60), 300.0, 1.5, 8.0


def write_night(folder: Path) -> None:
    """Write raw frames of 40 x 60 pixels, the last 10 columns of which are overscan."""
    rng = np.random.default_rng(5)
    shape = 1 + 0.1 * np.sin(np.arange(50) / 7)
    kinds = [("bias", 0, 0, 6), ("dark", 90, 0, 4), ("flat", 5, 9000, 5), ("light", 30, 400, 2)]
    for kind, exposure, level, number in kinds:
        for i in range(number):
            electrons = np.zeros(SHAPE)
            electrons[:, :50] = rng.poisson(0.5 * exposure + level * shape, (40, 50))
            values = rng.normal(BIAS + electrons / GAIN, NOISE / GAIN)
            header = fits.Header({"IMAGETYP": kind.upper(), "EXPOSURE": float(exposure), "FILTER": "R"})
            fits.PrimaryHDU(values.round().astype(np.uint16), header).writeto(folder / f"{kind}{i}.fits")


def inv_median(values: np.ndarray) -> float:
    """Return the factor that brings a flat to a median of 1."""
    return 1 / np.median(values)


def reduce_night(ccdp: Any, folder: Path, out: Path) -> dict[str, CCDData]:
    """Reduce a night with the calls of the guide: collections, masters with clipping, calibrated frames."""
    out.mkdir()
    files = ccdp.ImageFileCollection(folder)
    for ccd, name in files.ccds(imagetyp="bias", ccd_kwargs={"unit": "adu"}, return_fname=True):
        ccd = ccdp.subtract_overscan(ccd, overscan=ccd[:, 52:], median=True, model=models.Polynomial1D(1))
        ccdp.trim_image(ccd[:, :50]).write(out / name)
    clip = {"sigma_clip": True, "sigma_clip_low_thresh": 5, "sigma_clip_high_thresh": 5, "mem_limit": 350e6,
            "sigma_clip_func": np.ma.median, "sigma_clip_dev_func": mad_std}  # fmt: skip
    reduced = ccdp.ImageFileCollection(out)
    masters = {
        "bias": ccdp.combine(
            reduced.files_filtered(imagetyp="bias", include_path=True), method="average", **clip
        )
    }
    masters["bias"].meta["combined"] = True
    masters["bias"].write(out / "combined_bias.fits")
    for ccd, name in files.ccds(imagetyp="dark", ccd_kwargs={"unit": "adu"}, return_fname=True):
        ccd = ccdp.trim_image(ccdp.subtract_overscan(ccd, overscan=ccd[:, 52:], median=True)[:, :50])
        ccdp.subtract_bias(ccd, masters["bias"]).write(out / name)
    reduced.refresh()
    darks = reduced.files_filtered(imagetyp="dark", exposure=90.0, include_path=True)
    masters["dark"] = ccdp.combine(darks, method="average", **clip)
    flats = []
    for ccd in files.ccds(imagetyp="flat", ccd_kwargs={"unit": "adu"}):
        ccd = ccdp.trim_image(ccdp.subtract_overscan(ccd, overscan=ccd[:, 52:], median=True)[:, :50])
        ccd = ccdp.subtract_bias(ccd, masters["bias"])
        ccd = ccdp.subtract_dark(
            ccd, masters["dark"], exposure_time="exposure", exposure_unit=u.second, scale=True
        )
        flats.append(ccd)
    masters["flat"] = ccdp.combine(flats, method="average", scale=inv_median, **clip)
    lights = []
    for ccd in files.ccds(imagetyp="light", filter="r", ccd_kwargs={"unit": "adu"}):
        ccd = ccdp.trim_image(ccdp.subtract_overscan(ccd, overscan=ccd[:, 52:], median=True)[:, :50])
        ccd = ccdp.subtract_bias(ccd, masters["bias"])
        ccd = ccdp.subtract_dark(
            ccd, masters["dark"], exposure_time="exposure", exposure_unit=u.second, scale=True
        )
        lights.append(ccdp.flat_correct(ccd, masters["flat"]))
    combiner = ccdp.Combiner(lights)
    combiner.minmax_clipping(min_clip=-1000, max_clip=60000)
    masters["light"] = combiner.average_combine()
    return masters


def test_the_script_of_the_guide_gives_the_same_numbers(tmp_path: Path) -> None:
    write_night(tmp_path)
    results = []
    for module in (theirs, ours):
        results.append(reduce_night(module, tmp_path, tmp_path / module.__name__))
    for kind, expected in results[0].items():
        found = results[1][kind]
        assert found.unit == expected.unit
        np.testing.assert_allclose(found.data, expected.data, rtol=1e-6, atol=1e-6, err_msg=kind)
        np.testing.assert_allclose(found.uncertainty.array, expected.uncertainty.array, rtol=1e-5, atol=1e-6)
    truth = 400 / GAIN * np.mean(1 + 0.1 * np.sin(np.arange(50) / 7))
    assert abs(results[1]["light"].data.mean() / truth - 1) < 0.03


def raw(level: float = 1000) -> CCDData:
    """Return a raw frame with overscan in its last 10 columns."""
    values = np.random.default_rng(int(level)).normal(level, 9, SHAPE)
    values[:, 50:] -= level - BIAS
    header = fits.Header({"BIASSEC": "[51:60,1:40]", "DATASEC": "[1:50,1:40]", "EXPTIME": 10.0})
    return CCDData(values, unit="adu", meta=header)


def test_calls_of_pyobs() -> None:
    frames = [ours.subtract_bias(raw(i + 900), raw(800)) for i in range(5)]
    frames[2].data[3, 4] = 1e6
    for method in ("median", "average"):
        combined = ours.combine(frames, method=method, sigma_clip=True, sigma_clip_low_thresh=5,
                                sigma_clip_high_thresh=5, mem_limit=2e9, unit="adu",
                                combine_uncertainty_function=np.ma.std)  # fmt: skip
        assert np.isfinite(combined.uncertainty.array).all()
    normalised = combined.divide(np.median(combined.data), handle_meta="first_found")
    assert normalised.shape == SHAPE
    done = ours.ccd_process(raw(), error=True, master_bias=raw(300), dark_frame=raw(310), master_flat=raw(5000),
                            bad_pixel_mask=None, gain=1.5 * u.electron / u.adu, readnoise=8 * u.electron,
                            dark_exposure=10 * u.second, data_exposure=10 * u.second, dark_scale=True,
                            gain_corrected=False)  # fmt: skip
    assert done.unit == u.electron and done.uncertainty is not None


def test_calls_of_potpyri() -> None:
    parts = [
        ours.ccd_process(one, oscan=one.header["BIASSEC"], oscan_model=models.Chebyshev1D(3), trim=one.header["DATASEC"],
                         gain=1.5 * u.electron / u.adu, readnoise=8 * u.electron, gain_corrected=True)
        for one in (raw(1000), raw(1500))
    ]  # fmt: skip
    full = CCDData(
        np.concatenate([parts[0], np.fliplr(parts[1])], axis=1), header=raw().header, unit=u.electron
    )
    assert full.shape == (40, 100) and abs(full.data[:, :50].mean() - 1050) < 2
    assert ours.trim_image(full[7:31, 3:40]).shape == (24, 37)
    infrared = ours.ccd_process(raw(), gain=2 * u.electron / u.adu, readnoise=8 * u.electron)
    infrared = ours.subtract_overscan(infrared, overscan=infrared[0:4, :], overscan_axis=0)
    assert ours.ccd_process(infrared, trim=infrared.header["DATASEC"]).shape == (40, 50)
    frames = [raw(i) for i in range(300, 307)]
    frames[2].mask = (frames[2].data > 330).astype(np.uint8)
    for scale in (None, list(1 / np.arange(1.0, 8)), 1.0 / np.arange(1, 8)):
        master = ours.combine(frames, method="median", scale=scale, sigma_clip=True, clip_extrema=True)
        assert np.isfinite(master.data).all()
    master.data[np.isnan(master.data)] = np.nanmedian(master.data)  # it writes into what it gets
    master.data *= 4.0
    master.data[master.data < 0] = np.nan
    dark = ours.subtract_dark(raw(), master, exposure_time="EXPTIME", exposure_unit=u.second)
    done = ours.flat_correct(ours.gain_correct(dark, 2 * u.electron / u.adu), raw(5000))
    noisy = ours.create_deviation(done, readnoise=8 * u.electron, disregard_nan=True)
    assert noisy.uncertainty.array.min() >= 8


def test_calls_of_reducer(tmp_path: Path) -> None:
    write_night(tmp_path)
    files = ours.ImageFileCollection(tmp_path, keywords=["imagetyp", "exposure"])
    chosen = deepcopy(files)
    chosen._find_keywords_by_values(imagetyp="flat")
    groups = chosen.summary[~chosen.summary["file"].mask].group_by(["exposure"])
    assert [row["exposure"] for row in groups.groups.keys] == [5.0]
    out = tmp_path / "out"
    out.mkdir()
    for hdu, _ in files.hdus(return_fname=True, save_location=str(out), imagetyp="flat"):
        ccd = ours.CCDData(hdu.data, meta=hdu.header, unit="adu")
        ccd = ours.subtract_overscan(ccd, overscan=ccd[:, 50:], overscan_axis=1, model=models.Polynomial1D(1))
        made = ours.trim_image(ccd[:, 0:50]).to_hdu()[0]
        hdu.header, hdu.data = made.header, made.data.astype("float32")
    reduced = ours.ImageFileCollection(str(out), keywords=["imagetyp"])
    assert [data.shape for data in reduced.data()] == [(40, 50)] * 5
    names = reduced.files_filtered(imagetyp="FLAT", include_path=True)
    master = ours.combine(names, mem_limit=1e9, method="average", scale=lambda values: 1 / np.ma.average(values),
                          minmax_clip=True, minmax_clip_min=0, minmax_clip_max=1e5, sigma_clip=True,
                          sigma_clip_low_thresh=3, sigma_clip_high_thresh=3, sigma_clip_func=np.ma.median,
                          sigma_clip_dev_func=median_absolute_deviation)  # fmt: skip
    assert abs(master.data.mean() - 1) < 1e-3
