"""Cameras of several readouts: the frames of one readout in a plan, and the noise of the assembled image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ccdfx.night.calibrators import Use
from ccdfx.night.cameras.camera_noise import CameraNoise
from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.plan import Plan
from ccdfx.night.readouts.frames import ReadoutValues
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.image import Image
from ccdfx.records.range import Range


def with_frames(plan: Plan, change: Callable[[Frame, Setup], Frame]) -> Plan:
    """Return a plan in which each raw frame is replaced by ``change(frame, setup)``."""

    def changed(use: Use, setup: Setup) -> Use:
        return replace(use, frame=change(use.frame, setup))

    return replace(
        plan,
        masters=tuple(
            replace(item, inputs=tuple(changed(use, item.setup) for use in item.inputs))
            for item in plan.masters
        ),
        science=tuple(replace(item, use=changed(item.use, item.setup)) for item in plan.science),
        combined=tuple(
            replace(item, uses={file: changed(use, item.setup) for file, use in item.uses.items()})
            for item in plan.combined
        ),
    )


def window_of_readout(image: Image, readout: Readout) -> Image:
    """Cut what one readout read out of its stored image; the result is a frame of its own."""
    cut = readout.window.moved(image.range.x_lower, image.range.y_lower)
    return image.select(cut).replace(range=Range.whole(readout.window.shape))


def assembled_noise(values: Sequence[ReadoutValues]) -> CameraNoise:
    """Return the noise of an image that is assembled of readouts: in electrons, with the largest of the read noises.

    Where the gain of one is not known, nothing is.

    >>> one, two = (ReadoutValues(name=name, gain=2.0, readnoise=noise) for name, noise in (("A", 4.0), ("B", 6.0)))
    >>> noise = assembled_noise([one, two])
    >>> noise.gain, noise.readnoise
    (1.0, 6.0)
    """
    gains = [one.gain for one in values]
    noises = [one.readnoise for one in values if one.readnoise is not None]
    if None in gains:
        return CameraNoise()
    known = len(noises) == len(values)
    return CameraNoise(
        gain=1.0,
        gain_source=_source([one.gain_source for one in values]),
        readnoise=max(noises) if known else None,
        readnoise_source=_source([one.readnoise_source for one in values]) if known else None,
    )


def _source(sources: Sequence[str | None]) -> str:
    """Return the source of the values of all readouts, or of some."""
    return " and ".join(dict.fromkeys(source for source in sources if source)) or "unknown"
