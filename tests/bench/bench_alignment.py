"""Alignments of simulated pairs of frames against the truth: what is believed falsely, what is not found.

Run it: ``python tests/bench/bench_alignment.py [pairs] [seed] [words of the kinds]``. Of each kind it prints how many pairs were
aligned rightly, refused, and aligned wrongly (by more than a pixel anywhere in the frame, or unrelated fields
at all), by `measure_transform` or `measure_shift`; and of the right ones the rms and the greatest error in
units of the stated one, per axis, in the middle of the matched stars.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ccdfx import AlignmentError, Transform, measure_shift, measure_transform, similarity

SHAPE = (300, 400)
CORNERS = np.array([(0, 0), (SHAPE[1] - 1, 0), (0, SHAPE[0] - 1), (SHAPE[1] - 1, SHAPE[0] - 1)], float)
MIDDLE = CORNERS.mean(axis=0)


def light(places: np.ndarray, flux: np.ndarray, fwhm: float, beta: float | None) -> np.ndarray:
    """Stars, Gaussian or Moffat, averaged over 3 x 3 points of every pixel."""
    out = np.zeros(SHAPE)
    reach = int(5 * fwhm) + 3
    sub = (np.arange(3) - 1) / 3
    for (a, b), total in zip(places, flux, strict=True):
        i, j = round(a), round(b)
        if not (-reach < i < SHAPE[1] + reach and -reach < j < SHAPE[0] + reach):
            continue
        x, y = (
            np.arange(max(i - reach, 0), min(i + reach + 1, SHAPE[1])),
            np.arange(max(j - reach, 0), min(j + reach + 1, SHAPE[0])),
        )
        if not (len(x) and len(y)):
            continue
        dx, dy = (x[:, None] + sub).ravel() - a, (y[:, None] + sub).ravel() - b
        square = dy[:, None] ** 2 + dx**2
        if beta is None:
            sigma = fwhm / 2.3548
            shape = np.exp(-square / (2 * sigma**2)) / (2 * np.pi * sigma**2)
        else:
            alpha = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
            shape = (beta - 1) / (np.pi * alpha**2) * (1 + square / alpha**2) ** -beta
        out[y[0] : y[-1] + 1, x[0] : x[-1] + 1] += total * shape.reshape(len(y), 3, len(x), 3).mean(
            axis=(1, 3)
        )
    return out


def blemishes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Pixels, blocks and groups of pixels that stand out."""
    out = np.zeros(SHAPE)
    kind = rng.integers(0, 5)
    for _ in range(count):
        x, y = rng.integers(5, SHAPE[1] - 9), rng.integers(5, SHAPE[0] - 9)
        height = np.exp(rng.uniform(np.log(300), np.log(20000)))
        size = (2, 2, 3, 1, 4)[kind]
        block = np.ones((size, size)) if kind == 1 else rng.uniform(0.3, 1, (size, size))
        if kind == 4:
            block *= rng.random((size, size)) < 0.5
        out[y : y + size, x : x + size] += height * block
    return out


def rays(rng: np.random.Generator, count: int) -> np.ndarray:
    """Tracks of cosmic rays."""
    out = np.zeros(SHAPE)
    for _ in range(count):
        x, y, angle = rng.uniform(15, SHAPE[1] - 15), rng.uniform(15, SHAPE[0] - 15), rng.uniform(0, np.pi)
        t = np.clip(np.arange(0, 1 + rng.exponential(4), 0.4), 0, 14)
        out[(y + t * np.sin(angle)).astype(int), (x + t * np.cos(angle)).astype(int)] += rng.uniform(
            200, 5000
        )
    return out


def trail(rng: np.random.Generator) -> np.ndarray:
    """The trail of a satellite across the frame."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    angle = rng.uniform(0, np.pi)
    far = (x - rng.uniform(100, 300)) * np.sin(angle) + (y - rng.uniform(80, 220)) * np.cos(angle)
    return rng.uniform(100, 2000) * np.exp(-(far**2) / (2 * rng.uniform(0.8, 2.0) ** 2))


def spectrum(rng: np.random.Generator) -> np.ndarray:
    """Two traces with absorption, and lines of the sky across the slit."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    out = np.zeros(SHAPE)
    for _ in range(2):
        middle = rng.uniform(60, 240) + rng.uniform(-0.02, 0.02) * x[0]
        level = rng.uniform(200, 3000) * (1 - 0.5 * (np.sin(x[0] / rng.uniform(3, 20)) > 0.8))
        out += level * np.exp(-((y - middle) ** 2) / (2 * 1.8**2))
    for at in rng.uniform(0, SHAPE[1], 8):
        out += rng.uniform(50, 2000) * np.exp(-((x - at) ** 2) / (2 * 1.5**2))
    return out


def exposed(rng: np.random.Generator, signal: np.ndarray, *, slope: float = 0.0) -> np.ndarray:
    """The signal on a sky that may slope, with photon and read noise."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return (
        rng.poisson(np.maximum(signal + 150 + slope * (x - 0.5 * y), 1)) + rng.normal(0, 5, SHAPE)
    ).astype("f4")


def about_the_middle(offset: tuple[float, float], **how: Any) -> Transform:
    """A similarity about the middle of the frame, and a shift."""
    turned = similarity(**how)
    x, y = MIDDLE - np.array(turned.matrix) @ MIDDLE + offset
    return Transform(turned.matrix, (x, y))


class Sky:
    """Stars of one field, of one brightness and shape, at random."""

    def __init__(self, rng: np.random.Generator, count: int, faintest: float = 1500.0) -> None:
        self.fwhm = float(rng.uniform(1.5, 6.0))
        self.beta = None if rng.random() < 0.5 else float(rng.uniform(2.5, 4.5))
        spread = SHAPE[1] * 0.5 if count > 40 else SHAPE[0] * 0.36
        self.places = MIDDLE + rng.uniform(-1, 1, (count, 2)) * (spread, min(spread, SHAPE[0] * 0.5))
        least = faintest * max(1.0, (self.fwhm / 2) ** 1.5)
        self.flux = np.minimum(least * (1 - rng.random(count)) ** -1.0, 2e5)

    def seen(self, transform: Transform | None = None, through: float = 1.0, blur: float = 1.0) -> np.ndarray:
        places = self.places if transform is None else transform.apply(self.places)
        return through * light(places, self.flux, self.fwhm * blur, self.beta)


Pair = tuple[np.ndarray, np.ndarray, "Transform | None"]


def shifted(rng: np.random.Generator, stars: int, fixed: int, ray_count: int = 20) -> Pair:
    """A field dithered by up to 12 pixels among blemishes, under clouds and another seeing."""
    sky, still = Sky(rng, stars), blemishes(rng, fixed)
    true = Transform(offset=tuple(rng.uniform(2, 12, 2) * rng.choice([-1, 1], 2)))
    frames = [
        exposed(rng, sky.seen(one, rng.uniform(0.4, 1), rng.uniform(1, 1.3)) + still + rays(rng, ray_count),
                slope=rng.uniform(-0.2, 0.2))
        for one in (true, None)
    ]  # fmt: skip
    return frames[0], frames[1], true.inverse()


def unrelated(rng: np.random.Generator, stars: int, fixed: int, *, extra: str = "") -> Pair:
    """Two fields that have nothing in common but what is fixed to the detector."""
    still = blemishes(rng, fixed)
    if extra == "columns":
        for _ in range(6):
            still[rng.integers(0, 200) :, rng.integers(5, 390)] += rng.uniform(50, 2000)
    frames = []
    for _ in range(2):
        more = trail(rng) if extra == "trails" else rays(rng, 150 if extra == "rays" else 20)
        frames.append(exposed(rng, Sky(rng, stars).seen() + still + more))
    return frames[0], frames[1], None


def turned(rng: np.random.Generator, rotation: float, *, flip: bool = False) -> Pair:
    """A field of many stars turned about the middle of the frame."""
    sky, still = Sky(rng, int(rng.integers(15, 70))), blemishes(rng, int(rng.integers(0, 30)))
    true = about_the_middle(tuple(rng.uniform(-8, 8, 2)), rotation=rotation, flip=flip)
    image, reference = (exposed(rng, sky.seen(one) + still + rays(rng, 20)) for one in (true, None))
    return image, reference, true.inverse()


def of_spectra(rng: np.random.Generator) -> Pair:
    """Two exposures of one spectrum: nothing tells how it moved along the slit."""
    light_of = spectrum(rng)
    image, reference = (exposed(rng, light_of + rays(rng, 80)) for _ in range(2))
    return image, reference, Transform()


def at_rest(rng: np.random.Generator, stars: int) -> Pair:
    """A field that did not move."""
    sky = Sky(rng, stars)
    true = Transform(offset=tuple(rng.uniform(-0.3, 0.3, 2)))
    image, reference = (exposed(rng, sky.seen(one) + rays(rng, 20)) for one in (true, None))
    return image, reference, true.inverse()


KINDS: dict[str, tuple[float, Callable[[np.random.Generator], Pair]]] = {
    "20-80 blemishes, 0-7 stars moved": (0.15, lambda r: shifted(r, int(r.integers(0, 8)), int(r.integers(20, 80)))),
    "blemishes, unrelated fields": (0.15, lambda r: unrelated(r, int(r.integers(0, 40)), int(r.integers(0, 60)))),
    "hot columns, unrelated": (0.1, lambda r: unrelated(r, int(r.integers(0, 20)), 10, extra="columns")),
    "cosmic rays, unrelated": (0.1, lambda r: unrelated(r, int(r.integers(0, 10)), 0, extra="rays")),
    "trails, unrelated": (0.05, lambda r: unrelated(r, int(r.integers(0, 20)), 5, extra="trails")),
    "spectra": (0.05, of_spectra),
    "8 and more stars moved": (0.15, lambda r: shifted(r, int(r.integers(14, 80)), int(r.integers(0, 50)))),
    "turned by 0.05-3 degrees": (0.1, lambda r: turned(r, float(np.exp(r.uniform(np.log(0.05), np.log(3)))))),
    "turned by 0-180 degrees": (0.05, lambda r: turned(r, float(r.uniform(-180, 180)))),
    "flipped and turned": (0.05, lambda r: turned(r, float(r.uniform(-180, 180)), flip=True)),
    "at rest": (0.05, lambda r: at_rest(r, int(r.integers(10, 60)))),
}  # fmt: skip


def as_step(image: np.ndarray, reference: np.ndarray) -> Transform:
    """What `measure_shift` says, as a transform."""
    step = measure_shift(image, reference=reference)
    return Transform(offset=(step.dx, step.dy), error=step.error, method=step.method)


def outcome(measure: Callable[..., Transform], pair: Pair) -> tuple[str, np.ndarray | None]:
    """Whether a pair is aligned rightly, wrongly or refused, and the error over the stated one."""
    image, reference, true = pair
    try:
        found = measure(image, reference=reference)
    except AlignmentError:
        return "refused", None
    if true is None:
        return "wrong", None
    if np.hypot(*(found.apply(CORNERS) - true.apply(CORNERS)).T).max() > 1.0:
        return "wrong", None
    where = MIDDLE[None]
    return "right", (found.apply(where) - true.apply(where))[0] / max(found.error, 1e-9)


def true_stars(kind: str) -> bool:
    """Whether pairs of a kind should all be found."""
    return kind.startswith(("8 and more", "turned", "flipped", "at rest"))


def main() -> None:
    """Print one line a kind and a way."""
    warnings.simplefilter("ignore")
    pairs, seed = (int(sys.argv[i]) if len(sys.argv) > i else given for i, given in ((1, 1000), (2, 1)))
    print(
        f"{'kind':36} {'way':10} {'right':>6} {'refused':>8} {'wrong':>6}   rms and greatest error / stated"
    )
    for kind, (part, make) in KINDS.items():
        if len(sys.argv) > 3 and sys.argv[3] not in kind:
            continue
        ways: dict[str, Callable[..., Transform]] = {"transform": measure_transform, "shift": as_step}
        results: dict[str, list[tuple[str, np.ndarray | None]]] = {way: [] for way in ways}
        start = time.process_time()
        for number in range(round(part * pairs)):
            rng = np.random.default_rng([seed, list(KINDS).index(kind), number])
            pair = make(rng)
            for way, measure in ways.items():
                results[way].append(outcome(measure, pair))
                verdict, pull = results[way][-1]
                if verdict == "wrong" or (pull is not None and np.hypot(*pull) > 4):
                    print(f"    {kind}, {way}, number {number}: {verdict}, {pull}")
                elif verdict == "refused" and true_stars(kind) and way == "transform":
                    print(f"    {kind}, {way}, number {number}: refused")
        seconds = time.process_time() - start
        for way, found in results.items():
            said = [verdict for verdict, _ in found]
            counts = [said.count(word) for word in ("right", "refused", "wrong")]
            pulls = np.array([pull for _, pull in found if pull is not None]).ravel()
            rest = f"{np.sqrt(np.mean(pulls**2)):5.2f} {np.abs(pulls).max():5.1f}" if pulls.size else ""
            print(
                f"{kind:36} {way:10} {counts[0]:6} {counts[1]:8} {counts[2]:6}   {rest}   ({seconds:.0f} s)",
                flush=True,
            )


if __name__ == "__main__":
    main()
