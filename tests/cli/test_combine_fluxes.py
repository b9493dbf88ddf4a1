"""`ccdfx combine --align --scale stars`: frames of clouds and dithers on the flux scale of the first."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import ccdfx


def test_clouds_do_not_change_the_fluxes(run, tmp_path: Path) -> None:
    rng = np.random.default_rng(811)
    y, x = np.mgrid[:180, :180]
    places = np.array([(a, b) for a in (30, 72, 112, 150) for b in (28, 70, 111, 152)]) + rng.uniform(
        -4, 4, (16, 2)
    )
    fluxes = np.geomspace(8e3, 2e5, 16)
    paths = []
    for number, (dx, dy, transparency) in enumerate([(0, 0, 1.0), (3.3, -2.1, 0.5), (-1.6, 2.7, 0.8)]):
        light = np.full(x.shape, 100.0)
        for (a, b), flux in zip(places, fluxes, strict=True):
            squares = (x - a - dx) ** 2 + (y - b - dy) ** 2
            light += transparency * flux / (2 * np.pi * 1.4**2) * np.exp(-squares / (2 * 1.4**2))
        image = ccdfx.Image(rng.poisson(light).astype(np.float32), variance=light)
        paths.append(ccdfx.write(image, tmp_path / f"dither{number}.fits"))
    options = ("--align", "--scale", "stars", "--weights", "noise", "--reject", "none")
    result = run("combine", *paths, "-o", tmp_path / "out.fits", *options)
    assert result.exit_code == 0, result.stderr
    image = ccdfx.read(tmp_path / "out.fits")
    assert "combine scale=stars" in image.header.history
    table = ccdfx.aperture_photometry(image, places, radius=7, annulus=(9, 13))
    errors = np.sqrt(table["variance"]) / fluxes
    mean = np.average(table["flux"] / fluxes, weights=errors**-2)
    assert abs(mean - 1) < 0.006  # unscaled it would be -0.23

    assert run("combine", *paths, "-o", tmp_path / "kept.fits", *options[:-2]).exit_code == 0
    kept = ccdfx.read(tmp_path / "kept.fits")
    assert "combine reject=profile_clip(amplitude=0." in "".join(kept.header.history)
    table = ccdfx.aperture_photometry(kept, places, radius=7, annulus=(9, 13))
    assert abs(np.average(table["flux"] / fluxes, weights=errors**-2) - 1) < 0.006

    placed = run("combine", *paths, "-o", tmp_path / "none.fits", "--scale", "stars", "--offsets", "stars")
    assert placed.exit_code == 1
    assert "goes with frames that lie on one another" in placed.stderr
