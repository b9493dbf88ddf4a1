"""Compiles the kernels that a night needs, before there is a night: for images of containers and for clusters."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx.demo.simulate import simulate_night
from ccdfx.errors import FileError
from ccdfx.records.checks import whole
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.range import Range

MOST_FRAMES = 25
"""By default kernels are compiled for stacks of 2 to so many frames."""

_SMALL = (128, 128)  # the smallest night there is
_LARGER = (400, 400)  # has the stars that it takes to see that frames are turned, and medians by samples
_LARGE = (1032, 1032)  # a million pixels
_TINY = (4, 128)  # more than the lanes of one block
_REMEDY = "name a folder of yours in NUMBA_CACHE_DIR"
_GAIN, _READNOISE = 1.5, 5.0
_NOISE = {"gain": _GAIN, "readnoise": _READNOISE}


@dataclass(frozen=True, slots=True)
class Warmed:
    """What `warm_kernels` left: the folder of the cache, how many compiled kernels it holds, how many are new."""

    folder: Path
    kernels: int
    new: int
    seconds: float


def warm_kernels(
    counts: Iterable[int] = range(2, MOST_FRAMES + 1),
    *,
    progress: Callable[[str, int, int], object] | None = None,
) -> Warmed:
    """Compile the kernels that reducing a night and combining frames need, and store them in their cache.

    Small simulated nights are reduced in a temporary folder, and a few pixels are combined by every rejection
    rule. Some kernels are compiled for one number of frames. What is in the cache already is only loaded. The
    cache is of this machine: its kernels are for the kind of its processor, and for the versions of ccdfx, numba
    and Python that made them.

    Parameters
    ----------
    counts : iterable of int
        Numbers of frames of the stacks that are to come, such as of the biases and of the exposures of an
        object; by default 2 to 25.
    progress : callable, optional
        Called as ``progress(label, done, total)``.

    Returns
    -------
    Warmed

    Raises
    ------
    ArgumentError, ArgumentTypeError
        A number of frames below 1, or that is no whole number.
    FileError
        The folder of the cache cannot be used: it belongs to another user, others may write into it, or it cannot
        be written.

    Examples
    --------
    >>> warm_kernels([0])
    Traceback (most recent call last):
    ccdfx.errors.ArgumentError: counts: must be at least 1 (got 0)
    """
    numbers = sorted({whole("counts", count, least=1) for count in counts})
    folder, start = _usable_folder(), time.perf_counter()
    before = _compiled(folder)
    steps = list(_steps(numbers))
    with warnings.catch_warnings(record=True) as caught:
        # What rules say of a few frames of noise is nothing to tell; what is wrong with the cache is.
        warnings.simplefilter("always")
        for done, (label, work) in enumerate(steps):
            if progress is not None:
                progress(label, done, len(steps))
            work()
    for text in (str(one.message) for one in caught):
        if text.startswith("the cache of compiled kernels"):
            raise FileError(folder, f"could not store all kernels: {text}", remedy=_REMEDY)
    if progress is not None:
        progress("kernels", len(steps), len(steps))
    after = _compiled(folder)
    return Warmed(folder, len(after), len(after - before), time.perf_counter() - start)


def _usable_folder() -> Path:
    """Return the folder of the cache, made if it is not there; refuse one that kernels would not use."""
    from ccdfx.kernels.compile.cache_folder import UntrustedFolderError, cache_folder, private_folder

    folder = cache_folder()
    try:
        private_folder(folder, ".")
    except (UntrustedFolderError, OSError) as error:
        raise FileError(folder, f"cannot hold compiled kernels: {error}", remedy=_REMEDY) from error
    return folder


def _compiled(folder: Path) -> set[Path]:
    return set(folder.rglob("*.nbc"))


def _steps(counts: list[int]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what is to be done, with its label."""
    yield "a night", lambda: _reduce(seed=1, shape=_LARGER, counts=(4, 3, 3, 4))
    yield (
        "a night without overscan",
        lambda: _reduce(seed=2, shape=_LARGER, counts=(5, 3, 3, 4), overscan=0, steady=True),
    )
    yield "a night of an unknown camera", lambda: _reduce(seed=3, counts=(3, 2, 2, 2), unknown=True)
    yield "a night of single frames", lambda: _reduce(seed=4, counts=(1, 1, 1, 1), overscan=0)
    yield "raw biases", _combine_raw_biases
    yield "cosmic rays", _mask_cosmic_rays
    yield "stars of a large frame", _measure_many_stars
    yield "several amplifiers", _assemble_readouts
    yield "mosaics of colours", _take_colours_apart
    yield "rejection rules", _combine_by_every_rule
    for count in counts:
        yield f"stacks of {count} frames", partial(_combine_as_a_night, count)


def _reduce(*, shape: tuple[int, int] = _SMALL, unknown: bool = False, **night: Any) -> None:
    """Simulate and reduce a small night; with `unknown`, headers do not tell gain and read noise."""
    from ccdfx.io import read, write
    from ccdfx.io.leftovers import temporary_folder
    from ccdfx.night.run import reduce_night

    with temporary_folder(tempfile.gettempdir()) as where:
        raw, out = Path(where, "raw"), Path(where, "out")
        truth = simulate_night(raw, shape=shape, filters=("V",), **night)
        if unknown:
            for frame in truth.frames:
                image = read(raw / frame.file)
                header = image.header.remove("GAIN").remove("RDNOISE")
                write(image.replace(header=header), raw / frame.file, overwrite=True)
        reduce_night(raw, out)


def _frames(count: int, dtype: Any, *, variance: bool = False, flags: bool = False) -> list[Image]:
    """Make a few pixels of frames."""
    pixels = np.random.default_rng(count).normal(1000.0, 20.0, (count, *_TINY)).astype(dtype)
    errors = np.full(_TINY, 400.0, np.float32) if variance else None
    mask = None
    if flags:
        mask = np.zeros(_TINY, np.uint8)
        mask[1, 5] = 1
    return [Image(frame, Header(), mask=mask, variance=errors) for frame in pixels]


def _combine_raw_biases() -> None:
    """Combine raw biases as the noise of a camera without overscan is measured with, whose pixels may be saturated."""
    from ccdfx.night.cameras.camera_noise import MOST_BIASES
    from ccdfx.operations.combining.average import median
    from ccdfx.operations.combining.combine import combine

    for count in range(2, MOST_BIASES + 1):
        for flags in (False, True):
            combine(_frames(count, np.uint16, flags=flags), average=median(), reject=None)


def _mask_cosmic_rays() -> None:
    """Flag cosmic rays in frames with no, one and two bad pixels: one place alone has another type for numba."""
    from ccdfx.operations.pixels.cosmic_rays import mask_cosmic_rays

    for bad in range(3):
        pixels = np.random.default_rng(bad).normal(1000.0, 20.0, _SMALL).astype(np.float32)
        pixels[20, 30:33], pixels[70, 80] = 9000.0, 9000.0
        mask = np.zeros(_SMALL, np.uint8)
        mask[50, 50 : 50 + bad] = 1
        mask_cosmic_rays(Image(pixels, Header(), mask=mask, variance=np.full(_SMALL, 400.0, np.float32)))


def _measure_many_stars() -> None:
    """Measure the stars of a frame so large that some peaks are looked for near those of another filter."""
    from ccdfx.photometry.stars import measure_stars

    rng = np.random.default_rng(1)
    pixels = rng.normal(1000.0, 20.0, _LARGE).astype(np.float32)
    y, x = np.mgrid[-8:9, -8:9]
    for row, column in rng.integers(8, min(_LARGE) - 8, (200, 2)):
        pixels[row - 8 : row + 9, column - 8 : column + 9] += 3000.0 * np.exp(-(x**2 + y**2) / 4.5)
    measure_stars(Image(pixels, Header(), variance=np.full(_LARGE, 400.0, np.float32)))


def _assemble_readouts() -> None:
    """Assemble a detector of two amplifiers, with crosstalk between them and both kinds of linearity."""
    from ccdfx.operations.readouts.exposure import assemble_exposure
    from ccdfx.operations.readouts.linearity import Linearity
    from ccdfx.operations.readouts.readout import Readout

    for law in (None, Linearity(polynomial=(1.0, 1e-7)), Linearity(table=((0.0, 0.0), (9e4, 9.1e4)))):
        readouts = [
            Readout(
                name=name,
                window=Range(0, 72, 0, 64),
                data=Range(0, 64, 0, 64),
                bias=(Range(64, 72, 0, 64),),
                place=Range(64 * number, 64 * number + 64, 0, 64),
                flip_x=number == 1,
                gain=_GAIN,
                readnoise=_READNOISE,
                saturation=60000.0,
                linearity=law,
                crosstalk=() if law is None else (1e-4 * number, 1e-4 * (1 - number)),
            )
            for number, name in enumerate("AB")
        ]
        pixels = np.random.default_rng(1).normal(1000.0, 20.0, (2, 64, 72)).astype(np.uint16)
        assemble_exposure([Image(one, Header()) for one in pixels], readouts=readouts)


def _take_colours_apart() -> None:
    """Interpolate the colours of a mosaic in every way."""
    from ccdfx.operations.colour.debayer import METHODS, debayer
    from ccdfx.operations.colour.pattern import ColourPattern

    for frame in (*_frames(1, np.uint16), *_frames(1, np.float32, variance=True, flags=True)):
        for method in METHODS:
            debayer(frame, method=method, pattern=ColourPattern("RGGB"))


def _combine_by_every_rule() -> None:
    """Combine frames of integers and of floats by the rules of ccdfx, in the ways that `combine` offers."""
    from ccdfx.operations.combining.average import AVERAGES
    from ccdfx.operations.combining.combine import combine
    from ccdfx.operations.rejection.builtin import REJECTIONS

    for dtype, full in ((np.uint16, False), (np.float32, False), (np.float32, True)):
        frames = _frames(8, dtype, variance=full, flags=full)
        for rule in REJECTIONS:
            needs_noise = {"gain", "readnoise"} <= set(rule.parameters)
            if rule.name != "variance_clip" or full:
                combine(frames, reject=rule.configure(**_NOISE) if needs_noise else rule)
        for name, average in AVERAGES.items():
            if name != "inverse_variance_mean" or full:
                combine(frames, reject=None, average=average())


def _combine_as_a_night(count: int) -> None:
    """Combine so many frames in the ways in which a night and `combine` by default do it."""
    from ccdfx.operations.combining.average import median
    from ccdfx.operations.combining.combine import combine, stack
    from ccdfx.operations.rejection.noise import ccd_clip
    from ccdfx.operations.rejection.profile import profile_clip

    raw, full = _frames(count, np.uint16), _frames(count, np.float32, variance=True, flags=True)
    scale, zero = [1.0 + 0.01 * number for number in range(count)], [0.1 * number for number in range(count)]
    for frames in (raw, full):
        combine(frames)
        combine(frames, reject=None)
        combine(frames, reject=None, average=median())
    if count > 1:
        stack(full, reject=ccd_clip(gain=_GAIN, readnoise=_READNOISE, pedestal=np.inf), zero=zero, passes=0)
        stack(full, reject=ccd_clip(gain=_GAIN, readnoise=_READNOISE), scale=scale, weights=scale, passes=0)
        profile = profile_clip(**_NOISE, amplitude=0.1, gradient=0.1, level=1000.0)
        stack(full, reject=profile, scale=scale, zero=zero, weights=scale)
