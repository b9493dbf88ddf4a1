"""Scalings of a 4096 x 4096 float32 image against numpy, and CCD noise; run it as a script.

One thread each: CPU time, the two sides taking turns, best of several runs, and the ratio. numpy has vector code
for these functions on processors with AVX-512, and on no others: NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL
AVX512_SPR" shows what it does without. Both sides look whether every value has a result.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from ccdfx.engines import engine
from ccdfx.noise import add_noise, ccd_noise
from ccdfx.records.image import Image
from ccdfx.scalings import (
    Scaling,
    asinh,
    contrast_bias,
    exp,
    linear,
    log,
    power,
    scale,
    sqrt,
    surface_brightness,
)

SHAPE = (4096, 4096)
GAIN, READNOISE = 1.6, 5.0


def seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def compare(name: str, ours: Callable[[], object], theirs: Callable[[], object], runs: int = 5) -> None:
    ours(), theirs()
    mine, other = (
        min(times) for times in zip(*((seconds(ours), seconds(theirs)) for _ in range(runs)), strict=True)
    )
    print(f"{name:34s} {mine * 1e3:8.1f} ms {other * 1e3:8.1f} ms {other / mine:6.1f} x")


def numpy_noise(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    electrons = rng.poisson(array * GAIN) + rng.normal(0.0, READNOISE, array.shape)
    return (electrons / GAIN).astype(np.float32)


def main() -> None:
    rng = np.random.default_rng(1)
    array = rng.normal(1000.0, 30.0, SHAPE).astype(np.float32)
    image, small = Image(array), Image(array / 1000)
    rows: list[tuple[str, Image, Scaling, Callable[[np.ndarray], np.ndarray]]] = [
        ("linear", image, linear(2.0, 1.0), lambda a: a * np.float32(2) + np.float32(1)),
        ("log10", image, log(), np.log10),
        ("log of a range", image, log(1000.0, minimum=0.0, maximum=2000.0),
         lambda a: np.log1p(np.float32(0.4995) * a) * np.float32(0.145)),
        ("asinh, softening 30", image, asinh(30.0), lambda a: np.arcsinh(a / np.float32(30))),
        ("power 1.7", image, power(1.7), lambda a: a ** np.float32(1.7)),
        ("power 2", image, power(), np.square),
        ("sqrt", image, sqrt(), np.sqrt),
        ("exp", small, exp(), np.exp),
        ("surface brightness", image, surface_brightness(25.0, 0.1),
         lambda a: np.float32(22.5) - np.float32(2.5) * np.log10(a)),
        ("contrast and bias", image, contrast_bias(2.0, maximum=2000.0),
         lambda a: np.clip(a * np.float32(0.001) - np.float32(0.5), 0, 1)),
    ]  # fmt: skip
    with engine(threads=1):
        for name, frame, scaling, formula in rows:
            compare(f"{name} / numpy", lambda f=frame, s=scaling: scale(f, scaling=s),
                    lambda f=frame, g=formula: np.isfinite(g(f.array)).all())  # fmt: skip
        model = ccd_noise(GAIN, READNOISE)
        for level in (5.0, 50.0, 1000.0, 20000.0):
            frame = Image(np.full(SHAPE, level, np.float32))
            compare(f"CCD noise at {level:g} ADU / numpy", lambda f=frame: add_noise(f, model=model, rng=1),
                    lambda f=frame: numpy_noise(f.array, rng), 2)  # fmt: skip


if __name__ == "__main__":
    main()
