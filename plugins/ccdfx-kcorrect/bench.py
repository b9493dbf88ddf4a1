"""CPU time of `kcorrect_images` against the loop of the package ``kcorrect``, both in this run.

    python plugins/ccdfx-kcorrect/bench.py [PIXELS]

Simulated galaxies in u, g, r, i, z at z = 0.1 with errors of 3 % and 1e-6 nanomaggies. The best of interleaved
repeats, in one thread; the package loops once a repeat over all pixels, and its table of redshifts is made before.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

import ccdfx
from ccdfx_kcorrect import kcorrect_images
from ccdfx_kcorrect.nonnegative import fit_pixels
from ccdfx_kcorrect.spectra import load_templates, maggies

BANDS = ["sdss_u0", "sdss_g0", "sdss_r0", "sdss_i0", "sdss_z0"]
REDSHIFT = 0.1


def galaxies(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nanomaggies and sigma (5, count) of sums of templates with noise."""
    rng = np.random.default_rng(5)
    matrix = maggies(BANDS, load_templates(None), REDSHIFT)
    light = rng.exponential(size=(5, count)) * (rng.random((5, count)) < 0.5)
    flux = matrix @ (100 * light / matrix[2][:, None]) + 1e-6
    sigma = np.hypot(0.03 * flux, 1e-6)
    return flux + rng.normal(size=flux.shape) * sigma, sigma


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main(count: int, repeats: int = 3) -> None:
    warnings.simplefilter("ignore")
    from kcorrect.kcorrect import Kcorrect

    flux, sigma = galaxies(count)
    images = [
        ccdfx.Image(one.reshape(-1, 100), {"BUNIT": "nanomaggy"}, variance=two.reshape(-1, 100) ** 2)
        for one, two in zip(flux, sigma, strict=True)
    ]
    package = Kcorrect(responses=BANDS)
    redshifts, fluxes, ivar = np.full(count, REDSHIFT), 1e-9 * flux.T, (1e-9 * sigma.T) ** -2.0
    matrix, coefficients, chi2 = (
        package.Amatrix(REDSHIFT).astype(float),
        np.empty((5, count)),
        np.empty(count),
    )

    def loop() -> None:
        fits["package"] = package.fit_coeffs(redshift=redshifts, maggies=fluxes, ivar=ivar)

    def rest() -> None:
        package.absmag(maggies=fluxes, ivar=ivar, redshift=redshifts, coeffs=fits["package"], kcorrect=True)

    def kernel() -> None:
        fit_pixels(flux, 1 / sigma, matrix, coefficients, chi2)

    def images_() -> None:
        kcorrect_images(images, bands=BANDS, redshift=REDSHIFT, pixel_areas=1)

    fits: dict[str, np.ndarray] = {}
    kernel(), images_()  # compile
    with ccdfx.engine(threads=1):
        rounds = [[seconds(work) for work in (loop, rest, kernel, images_)] for _ in range(repeats)]
    theirs, after, ours, whole = np.min(rounds, axis=0)
    print(f"{count} pixels, CPU seconds, best of {repeats}")
    print(f"fit alone                 kcorrect {theirs:8.3f}   ccdfx {ours:7.4f}   {theirs / ours:6.1f} x")
    print(
        f"fit, K and magnitudes     kcorrect {theirs + after:8.3f}   ccdfx {whole:7.4f}   {(theirs + after) / whole:6.1f} x"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
