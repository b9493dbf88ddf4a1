"""The camera of each setup, measured before anything is made: saturation, light in the overscan, gain and noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, CcdfxError
from ccdfx.night import naming
from ccdfx.night.cameras.camera_noise import CameraNoise, camera_noise, frames_of_noise
from ccdfx.night.cameras.overscan_light import (
    SectionLevels,
    levels_or_none,
    refuse_lit_overscan,
    telling_frames,
)
from ccdfx.night.cameras.saturation import find_saturations, with_saturations
from ccdfx.night.frames.frame import Frame
from ccdfx.night.graph.context import Context, is_lack
from ccdfx.night.graph.record import Made, Record
from ccdfx.night.grouping.colours import pattern_of
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.instruments.header_facts import Known
from ccdfx.night.plan import Plan
from ccdfx.night.products.calibrated import prepared_of, raw_image
from ccdfx.night.products.planned import Planned
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.operations.colour.pattern import ColourPattern
from ccdfx.operations.colour.planes import colour_plane
from ccdfx.records.image import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraPlan:
    """One setup of a night, the part of the plan that is of it, and how the setup is called in warnings."""

    setup: Setup
    night: Plan
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """What was measured of a camera in one setup.

    `saturation` is the level that was found, None where that of the headers holds. `refused` is the reason why
    nothing can be made of its frames.
    """

    noise: CameraNoise = field(default_factory=CameraNoise)
    saturation: Known | None = None
    refused: str | None = None


def plan_cameras(plan: Plan, recipe: NightRecipe) -> Iterable[Planned]:
    """Plan the measurement of the camera of each setup."""
    tags = naming.unique(setup.tag for setup in plan.setups)
    for setup, tag in zip(plan.setups, tags, strict=True):
        part = plan.without([other for other in plan.setups if other != setup])
        yield Planned(
            file=f"camera/{tag}.json",
            kind="camera",
            record=CameraPlan(setup=setup, night=part.bare, label=setup.label),
            setup=setup,
            raw=part.frames_of(setup),
            has_image=False,
        )


def make_camera(plan: CameraPlan, context: Context) -> Made:
    """Measure the camera of a setup in its raw frames.

    The saturation is searched first. Where the overscan sees light, the frames are refused. Gain and read noise are
    those of pairs of frames, compared with what headers and instrument files state. What can be measured of a frame
    is measured while it is in memory, and frames are read side by side.
    """
    reader = _Reader.of(plan, context.recipe)

    def warn(text: str) -> None:
        context.warn(f"{plan.label}: {text}")

    levels = find_saturations(plan.night, reader.searched, context.warn)
    night = with_saturations(plan.night, levels)
    frames = night.frames_of(plan.setup)
    found = levels.get(plan.setup)
    level = None if found is None else {"value": found.value, "source": found.source}
    try:
        refuse_lit_overscan(frames, reader.compared, known=reader.levels)
    except ArgumentError as error:
        return Made(facts={"saturation": level, "noise": None, "refused": str(error)})
    noise = camera_noise(frames, reader.sample, warn, context.recipe.noise)
    return Made(facts={"saturation": level, "noise": noise.as_dict(), "refused": None})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Reads raw frames, and keeps what is measured later of those that are read for something else.

    `pattern` is that of a mosaic of colours, of which the first green pixels are measured. `telling` and `noisy` are the files of the frames whose overscan is compared and in which noise is measured,
    `levels` and `samples` what was measured of them so far, by file; None where a frame cannot be used.
    """

    recipe: NightRecipe
    pattern: ColourPattern | None
    telling: frozenset[str]
    noisy: frozenset[str]
    levels: dict[str, SectionLevels | None] = field(default_factory=dict)
    samples: dict[str, Image | None] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: CameraPlan, recipe: NightRecipe) -> _Reader:
        """Begin to read the frames of a setup."""
        frames = plan.night.frames_of(plan.setup)
        telling, noisy = (
            frozenset(frame.file for frame in some)
            for some in (telling_frames(frames), frames_of_noise(frames))
        )
        return cls(recipe=recipe, pattern=pattern_of(plan.setup), telling=telling, noisy=noisy)

    def searched(self, frame: Frame) -> Image | None:
        """Read a frame in which the saturation is searched, and measure the levels that are compared later."""
        image = self._read(frame)
        if image is not None and frame.file in self.telling:
            self.levels[frame.file] = levels_or_none(frame, image)
        return image

    def compared(self, frame: Frame) -> Image | None:
        """Read a frame whose overscan is compared, and cut out what noise is measured in later."""
        image = self._read(frame)
        if image is not None and frame.file in self.noisy:
            self.samples[frame.file] = self._sample(frame, image)
        return image

    def sample(self, frame: Frame) -> Image | None:
        """Read and prepare a frame, and cut out what noise is measured in; None where few pixels are good."""
        if frame.file in self.samples:
            return self.samples[frame.file]
        image = self._read(frame)
        return None if image is None else self._sample(frame, image)

    def _read(self, frame: Frame) -> Image | None:
        try:
            return raw_image(frame, self.recipe)
        except (CcdfxError, OSError) as error:
            if is_lack(error):
                raise
            return None  # it is noted where it is used

    def _sample(self, frame: Frame, raw: Image) -> Image | None:
        from ccdfx.noise.block_sample import block_sample

        try:
            image = prepared_of(raw, frame, self.recipe)
        except (CcdfxError, OSError) as error:
            if is_lack(error):
                raise
            return None
        if self.pattern is not None:  # the levels of colours differ, and noise is measured at one level
            image = colour_plane(image, colour="G1", pattern=self.pattern)
        usable = np.count_nonzero(image.good) >= self.recipe.flat.good * image.size
        return block_sample(image.replace(variance=None)) if usable else None


def camera_of(record: Record) -> Camera:
    """Return the camera that was measured, from its record."""
    if record.facts is None:
        return Camera(refused=record.lost)
    level, noise = record.facts["saturation"], record.facts["noise"]
    return Camera(
        noise=CameraNoise() if noise is None else CameraNoise.of_dict(noise),
        saturation=None if level is None else Known(**level),
        refused=record.facts["refused"],
    )


def saturations(cameras: Mapping[Setup, Camera]) -> dict[Setup, Known]:
    """Return the saturation of each setup whose headers do not tell it."""
    return {setup: camera.saturation for setup, camera in cameras.items() if camera.saturation is not None}


def noise_warnings(setup: Setup, camera: Camera, plan: Plan, recipe: NightRecipe) -> list[str]:
    """Describe what cannot be done with the science frames of a setup whose gain or read noise is not known."""
    from ccdfx.night.words import listed

    science = [item for item in plan.science if item.setup == setup]
    said: dict[str, list[Any]] = {}
    if recipe.science.electrons and science and camera.noise.gain is None:
        said["the gain is not known, so these frames are in ADU, not in electrons"] = science
    unmasked = [item for item in science if item.cosmic_rays]
    if unmasked and camera.noise.model is None:
        said["gain and read noise are not known, so no cosmic rays are masked"] = unmasked
    return [f"{text}: {listed([item.use.frame.file for item in items])}" for text, items in said.items()]
