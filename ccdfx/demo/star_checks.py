"""Checks of a reduced simulated night against its truth: the sky, the known stars, cosmic rays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ccdfx.demo.checks import Check, Reduced, combined, percent, reference_frame
from ccdfx.demo.detector import MAXIMUM
from ccdfx.demo.simulate import electrons, light, sky
from ccdfx.demo.truth import TrueFrame
from ccdfx.records.flags import Flag

APERTURE = 8.0  # pixels; contains all but 1e-3 of the light of these stars in the worst seeing
ANNULUS = (12.0, 19.0)  # pixels
_SCALE = 0.001  # relative error of the flux scale, by the flat and the transparency
_FALSE_ALARM = 1e-5  # probability that a correct reduction fails a statistical test
_STRONG = 10.0  # standard deviations of the sky above which a cosmic ray must be found
_OUTSHINES = 0.5  # least ratio of a cosmic ray to a star at its pixel: stars vary from frame to frame


def check_sky(night: Reduced) -> Iterator[Check]:
    """Check the level of the sky, its measured noise and its predicted noise, as medians of the frames."""
    for band in night.truth.filters:
        pairs = night.calibrated(band)
        scale = np.array([night.per_electron(night.image(product)) for product, _ in pairs])
        level, measured, predicted = (
            float(np.median([product[name] for product, _ in pairs] / scale))
            for name in ("sky", "noise_measured", "noise_predicted")
        )
        true = float(np.median([frame.level for _, frame in pairs]))
        noise = float(np.median([night.noise(frame) for _, frame in pairs]))
        yield Check(f"sky {band}", "e-", true, level, 0.01 * true)
        yield Check(f"sky noise {band}, measured", "e-", noise, measured, 0.05 * noise)
        yield Check(f"sky noise {band}, predicted", "e-", noise, predicted, 0.05 * noise)


def check_stars(night: Reduced) -> Iterator[Check]:
    """Check the fluxes of the known stars: scatter in units of their noise (chi2), and mean error."""
    for band in night.truth.filters:
        flux, true, variance = (
            np.concatenate(part)
            for part in zip(
                *(photometry(night, night.image(p), f, [f]) for p, f in night.calibrated(band)),
                strict=True,
            )
        )
        chi2 = float(np.sum((flux - true) ** 2 / variance) / flux.size) if flux.size else float("nan")
        yield Check(f"stars {band}, chi2 per star ({flux.size})", "", 1.0, chi2, _chi2_tolerance(flux.size))
        yield _mean_error(f"stars {band}, mean error", flux, true, variance)


def check_combined_stars(night: Reduced) -> Iterator[Check]:
    """Check the combined frames: fluxes of faint and bright stars, their scatter, saturated stars, the noise.

    All stars are on the flux scale of the reference frame.
    """
    for band in night.truth.filters:
        for product in combined(night, band):
            frames = [night.raw_of(shift["source"]) for shift in product["shifts"]]
            image, reference = night.image(product), reference_frame(night, product)
            flux, true, variance = photometry(night, image, reference, frames)
            bright = true > np.median(true) if true.size else np.zeros(0, bool)
            for name, chosen in (("faint", ~bright), ("bright", bright)):
                quantity = f"{name} stars {band} when combined, mean error"
                yield _mean_error(quantity, flux[chosen], true[chosen], variance[chosen])
            name = f"stars {band} when combined, chi2 per star ({flux.size})"
            # The flat and the flux scale are common to all stars.
            chi2 = (
                float(np.mean((flux - true) ** 2 / (variance + (_SCALE * true) ** 2)))
                if flux.size
                else np.nan
            )
            yield Check(name, "", 1.0, chi2, _chi2_tolerance(flux.size))
            flagged = 100.0 * _flagged_cores(night, image, reference, frames)
            yield Check(f"saturated stars {band} flagged when combined", "%", 100.0, flagged, 0.0)
            yield Check(
                f"sky noise {band} when combined, measured / predicted", "", 1.0, product["excess"], 0.05
            )


def _flagged_cores(night: Reduced, image: Any, reference: TrueFrame, frames: list[TrueFrame]) -> float:
    """Return the part of the stars saturated in some frame whose centre is flagged so in the combined image."""
    detector = night.truth.detector
    flagged = []
    places = {frame: np.rint(night.truth.places(frame)).astype(int) for frame in (reference, *frames)}
    signals = {frame: electrons(night.truth, frame) for frame in frames}
    for number, (x, y) in enumerate(places[reference]):
        peaks = [signals[frame][tuple(places[frame][number][::-1])] / detector.gain for frame in frames]
        full = max(peaks) + detector.bias_level > MAXIMUM + 5 * np.sqrt(max(peaks) / detector.gain)
        if full:
            flagged.append(image.mask is not None and bool(image.mask[y, x] & Flag.SATURATED))
    return float(np.mean(flagged)) if flagged else 1.0


def photometry(
    night: Reduced, image: Any, frame: TrueFrame, sources: list[TrueFrame]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measure the stars that can be used: return fluxes, true fluxes and variances in e-.

    Excluded are stars with a flagged pixel in the aperture, saturated ones, and in a single frame those hit
    by a cosmic ray.
    """
    from ccdfx.photometry.aperture import aperture_photometry

    scale = night.per_electron(image)
    stars = night.truth.stars
    true = np.array([star.flux[night.truth.filters.index(str(frame.filter))] for star in stars])
    true *= frame.transparency
    table = aperture_photometry(image, night.truth.places(frame), radius=APERTURE, annulus=ANNULUS)
    usable = (table["flags"] == 0) & np.isfinite(table["flux"]) & ~_spoilt(night, sources)
    return table["flux"][usable] / scale, true[usable], table["variance"][usable] / scale**2


def _spoilt(night: Reduced, sources: list[TrueFrame]) -> np.ndarray:
    """Flag stars saturated or on a column with a trap in any of the frames, or hit by a cosmic ray in a single one.

    Where a pixel of one frame is missing in the core of a star, the combined star has the profile of the others.
    """
    spoilt = np.zeros(len(night.truth.stars), bool)
    detector = night.truth.detector
    for frame in sources:
        raw = electrons(night.truth, frame) / detector.gain + detector.bias_level
        bad = raw > 0.9 * MAXIMUM
        for x, y in detector.traps:
            bad[y:, x] = True
        if len(sources) == 1:
            for x, y, _ in frame.cosmic_rays:
                bad[y, x] = True
        ys, xs = np.nonzero(bad)
        for number, (x, y) in enumerate(night.truth.places(frame)):
            distance = np.hypot(xs - x, ys - y)
            spoilt[number] |= bool(distance.size) and bool(distance.min() < APERTURE + 1)
    return spoilt


def _chi2_tolerance(count: int) -> float:
    """Return the largest difference of chi2 per star from 1 that is expected by chance."""
    from scipy.stats import chi2

    if count == 0:
        return 0.0
    ends = chi2.ppf([_FALSE_ALARM / 2, 1 - _FALSE_ALARM / 2], count) / count
    return float(np.max(np.abs(ends - 1.0)))


def _mean_error(name: str, flux: np.ndarray, true: np.ndarray, variance: np.ndarray) -> Check:
    """Check the mean relative error of the fluxes, weighted by their noise; the flat may add 0.1 %."""
    if flux.size == 0:
        return Check(name, "%", 0.0, float("nan"), 0.0)
    weight = true**2 / variance
    mean = np.sum(weight * (flux / true - 1.0)) / np.sum(weight)
    return Check(name, "%", 0.0, 100.0 * float(mean), 100.0 * float(4.4 / np.sqrt(np.sum(weight))) + 0.1)


def check_cosmic_rays(night: Reduced) -> Iterator[Check]:
    """Check that cosmic rays are removed from the combined images, and that few good pixels are rejected."""
    for band in night.truth.filters:
        clean, struck, rejected, flagged, total = [], 0, 0, 0, 0
        marks = {product["file"]: product["flags"] for product, _ in night.calibrated(band)}
        for product in combined(night, band):
            gone, count = _struck(night, product)
            clean.append(gone)
            struck += count
            rejected += int(product["rejected"])
            flagged += sum(marks[name].get("COSMIC_RAY", 0) for name in product["inputs"])
            total += len(product["shifts"]) * night.truth.shape[0] * night.truth.shape[1]
        yield Check(
            f"cosmic rays removed {band} ({struck} pixels)", "%", 100.0, percent(np.concatenate(clean)), 1.0
        )
        # A resampled track is wider: each of its pixels may cause its eight neighbours to be rejected.
        known = sum(len(frame.cosmic_rays) for frame in night.frames("science", band))
        known += len(night.truth.detector.hot_pixels)
        excess = max(0, rejected - 9 * known)
        yield Check(f"good pixels rejected {band}", "%", 0.0, 100.0 * excess / total, 0.5)
        yield Check(
            f"cosmic ray pixels flagged or rejected {band}",
            "%",
            100.0,
            _share(rejected + flagged, struck),
            0.0,
        )


def _share(rejected: int, struck: int) -> float:
    return 100.0 * min(1.0, rejected / struck) if struck else 100.0


def _expected(night: Reduced, frames: list[TrueFrame], reference: TrueFrame) -> np.ndarray:
    """Return the combined image without cosmic rays, in e- per pixel of the reference frame.

    Every frame is brought to the sky level and the transparency of the reference, with the weight
    (transparency / noise)^2. The gradients of their skies stay, as do their different widths.
    """
    scales = np.array([frame.transparency / reference.transparency for frame in frames])
    noises = np.array([night.noise(frame) for frame in frames])
    weights = (scales / noises) ** 2 / np.sum((scales / noises) ** 2)
    scene = np.full(night.truth.shape, reference.level)
    for frame, scale, weight in zip(frames, scales, weights, strict=True):
        own = sky(night.truth, frame) - frame.level + light(night.truth, frame, at=reference)
        scene += weight / scale * own
    return scene


def _seen_by_all(
    night: Reduced, frames: list[TrueFrame], places: np.ndarray, edge: float = 3.0
) -> np.ndarray:
    """Return which positions as the stars have them lie in all frames, `edge` pixels inside."""
    ny, nx = night.truth.shape
    seen = np.ones(len(places), bool)
    for frame in frames:
        here = frame.from_field(places, night.truth.shape)
        seen &= ((here >= edge) & (here <= np.array([nx, ny]) - 1 - edge)).all(axis=1)
    return seen


def _struck(night: Reduced, product: Mapping[str, Any]) -> tuple[np.ndarray, int]:
    """Check the pixels in and around strong cosmic rays against the true sky, and count the strong hits.

    Only the area covered by all frames is used: where few overlap, a cosmic ray cannot be recognised.
    """
    image = night.image(product)
    reference = reference_frame(night, product)
    frames = [night.raw_of(shift["source"]) for shift in product["shifts"]]
    expected = _expected(night, frames, reference)
    stars = expected - reference.level
    noise = night.noise(reference)
    struck = set()
    for frame in frames:
        if not frame.cosmic_rays:
            continue
        x, y, charge = np.array(frame.cosmic_rays).T
        field = frame.to_field(np.column_stack([x, y]), night.truth.shape)
        column, row = np.rint(reference.from_field(field, night.truth.shape)).astype(int).T
        seen = _seen_by_all(night, frames, field)
        for i in np.flatnonzero(seen):
            if charge[i] > _STRONG * noise + _OUTSHINES * stars[row[i], column[i]]:
                struck.add((int(row[i]), int(column[i])))
    # Resampling spreads a track over its neighbours.
    near = {(row + j, column + i) for row, column in struck for j in (-1, 0, 1) for i in (-1, 0, 1)}
    at = tuple(np.array(sorted(near), dtype=int).reshape(-1, 2).T)
    error = np.abs(image.array / night.per_electron(image) - expected)[at]
    # Noise is higher where one frame is rejected, and under a star because of the light of the star.
    light_there = np.maximum(stars[at], 0)
    limit = 5.0 * np.sqrt((noise**2 + light_there) / max(1, len(frames) - 1)) + 0.02 * light_there
    usable = image.good[at]
    return (error < limit)[usable], len(struck)
