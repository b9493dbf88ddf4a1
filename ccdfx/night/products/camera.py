"""The camera of each setup, measured before anything is made: saturation, light in the overscan, gain and noise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, CcdfxError
from ccdfx.night import naming
from ccdfx.night.cameras.camera_noise import HEADER, CameraNoise, camera_noise, frames_of_noise
from ccdfx.night.cameras.once import measured_once
from ccdfx.night.cameras.overscan_light import (
    SectionLevels,
    levels_or_none,
    refuse_lit_overscan,
    telling_frames,
)
from ccdfx.night.cameras.readouts import assembled_noise, window_of_readout, with_frames
from ccdfx.night.cameras.saturation import find_saturations, with_saturations
from ccdfx.night.cameras.telling import stating_frames, telling_plan
from ccdfx.night.cameras.wrapped import SignedLevels, refuse_wrapped, signed_levels
from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.planes import of_first_plane
from ccdfx.night.graph.context import Context, is_lack
from ccdfx.night.graph.keys import digest
from ccdfx.night.graph.notices import collect_warnings
from ccdfx.night.graph.record import Made, Record
from ccdfx.night.grouping.colours import pattern_of
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.instruments.header_facts import Known
from ccdfx.night.plan import Plan
from ccdfx.night.products.planned import Planned
from ccdfx.night.raw.preparation import prepared_of
from ccdfx.night.raw.reading import raw_image
from ccdfx.night.readouts.frames import ReadoutValues, frame_of_readout, with_values
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.operations.colour.pattern import ColourPattern
from ccdfx.operations.colour.planes import colour_plane
from ccdfx.operations.readouts.readout import Readout
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

    `saturation` is the level that was found, None where that of the headers holds. `readouts` are the values of each
    readout, where there are several: `noise` is then that of the assembled image, with a gain of 1 and the largest read
    noise. `refused` is the reason why nothing can be made of its frames.
    """

    noise: CameraNoise = field(default_factory=CameraNoise)
    saturation: Known | None = None
    readouts: tuple[ReadoutValues, ...] = ()
    refused: str | None = None


def plan_cameras(plan: Plan, recipe: NightRecipe) -> Iterable[Planned]:
    """Plan the measurement of the camera of each setup."""
    tags = naming.unique(setup.tag for setup in plan.setups)
    for setup, tag in zip(plan.setups, tags, strict=True):
        part = telling_plan(plan, setup)
        yield Planned(
            file=f"camera/{tag}.json",
            kind="camera",
            record=CameraPlan(setup=setup, night=part, label=setup.label),
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
    if plan.setup.readouts:
        return _of_readouts(plan, context)
    measured = _measured(plan, context)
    return Made(
        facts={
            "saturation": None if measured.level is None else measured.level._asdict(),
            "noise": None if measured.noise is None else measured.noise.as_dict(),
            "refused": measured.refused,
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """What was found of a camera of one amplifier: a saturation, the noise, or why its overscan is refused."""

    level: Known | None
    noise: CameraNoise | None = None
    refused: str | None = None


def _measured(plan: CameraPlan, context: Context, readout: Readout | None = None) -> _Measured:
    reader = _Reader.of(plan, context.recipe, readout)

    def warn_of_level(text: str) -> None:
        context.warn(text if readout is None else f"readout {readout.name}: {text}")

    levels = find_saturations(plan.night, reader.searched, warn_of_level)
    night = with_saturations(plan.night, levels)
    frames = night.frames_of(plan.setup)
    found = levels.get(plan.setup)
    try:
        refuse_lit_overscan(frames, reader.compared, known=reader.levels)
        noise = _noise(plan, frames, reader, context)
        refuse_wrapped(reader.signed)
    except ArgumentError as error:
        return _Measured(level=found, refused=str(error))
    return _Measured(level=found, noise=noise)


def _noise(plan: CameraPlan, frames: tuple[Frame, ...], reader: _Reader, context: Context) -> CameraNoise:
    """Measure gain and read noise in the calibration frames; the science frames only state them."""
    stating = stating_frames(frames)
    used = [frame for frame in frames if frame.kind != "science" or frame in stating]

    def measure(note: Callable[[str], None]) -> CameraNoise:
        def warn(text: str) -> None:
            note(f"{plan.label}: {text}")

        with collect_warnings(note):  # also what readers say
            return camera_noise(used, reader.sample, warn, context.recipe.noise)

    return measured_once(
        _key_of_noise(plan, used, reader, context),
        measure,
        context.warn,
        is_sound=lambda: not context.changed(),
    )


def _key_of_noise(plan: CameraPlan, frames: list[Frame], reader: _Reader, context: Context) -> str | None:
    """Compute the key of all that decides the noise; None where the bytes of a frame are not known.

    Frames of which samples are there already were read, and what that gave to note was noted, so these count too.
    """
    raw = context.raw_digests(frame.file for frame in frames)
    if any(one is None for _, one in raw):
        return None
    options = {name: one for name, one in context.parts["options"].items() if name != "plan"}
    told = {"setup": plan.setup, "label": plan.label, "readout": reader.readout, "frames": frames, "raw": raw}
    told["sampled"] = sorted(reader.samples)
    return digest({**told, "options": options, "versions": context.parts["versions"]})


def _of_readouts(plan: CameraPlan, context: Context) -> Made:
    """Measure each readout of a detector as a camera of one amplifier."""
    frames = plan.night.frames_of(plan.setup)
    values = []
    for readout in frames[0].readouts:
        part = replace(
            plan,
            night=with_frames(plan.night, partial(_one_readout, name=readout.name)),
            label=f"{plan.label}, readout {readout.name}",
        )
        found = _measured(part, context, readout)
        if found.refused is not None or found.noise is None:
            refused = f"readout {readout.name}: {found.refused}"
            return Made(facts={"saturation": None, "noise": None, "refused": refused, "readouts": []})
        values.append(_values(readout, found.level, found.noise, _level(part, context, readout)))
    noise = assembled_noise(values)
    facts = {"saturation": None, "noise": noise.as_dict(), "refused": None}
    return Made(facts=facts | {"readouts": [one.as_dict() for one in values]})


def _one_readout(frame: Frame, setup: Setup, *, name: str) -> Frame:
    """Return a frame as one of its readouts alone gives it; all frames of a setup have readouts of the same names."""
    return frame_of_readout(frame, next(one for one in frame.readouts if one.name == name))


def _values(readout: Readout, level: Known | None, noise: CameraNoise, bias: float | None) -> ReadoutValues:
    stated = None if readout.saturation is None else Known(readout.saturation, HEADER)
    used = level or stated
    return ReadoutValues(
        name=readout.name,
        gain=noise.gain,
        gain_source=noise.gain_source,
        readnoise=noise.readnoise,
        readnoise_source=noise.readnoise_source,
        saturation=None if used is None else used.value,
        saturation_source=None if used is None else used.source,
        level=bias,
    )


def _level(plan: CameraPlan, context: Context, readout: Readout) -> float | None:
    """Return the bias level of a readout in ADU: of the overscan of its first frame, or of its first bias frame."""
    from ccdfx.estimators import median_of

    reader = _Reader.of(plan, context.recipe, readout)
    frames = plan.night.frames_of(plan.setup)
    first = next((one for one in frames if one.overscan is not None or one.kind == "bias"), None)
    image = None if first is None else reader.searched(first)
    if first is None or image is None or first.data is None:
        return None
    part = (first.overscan or first.data).slices
    return float(median_of(image.array[part], image.good[part]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Reads raw frames, and keeps what is measured later of those that are read for something else.

    With a `readout`, of frames of it alone, images are cut to what it read. `pattern` is that of a mosaic of colours, of
    which the first green pixels are measured. `telling` and `noisy` are the files of the frames whose overscan is compared and in which noise is measured,
    `levels` and `samples` what was measured of them so far, by file; None where a frame cannot be used. `signed` are levels of
    all frames that were read.
    """

    recipe: NightRecipe
    pattern: ColourPattern | None
    telling: frozenset[str]
    noisy: frozenset[str]
    readout: Readout | None = None
    levels: dict[str, SectionLevels | None] = field(default_factory=dict)
    samples: dict[str, Image | None] = field(default_factory=dict)
    signed: dict[str, SignedLevels | None] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: CameraPlan, recipe: NightRecipe, readout: Readout | None = None) -> _Reader:
        """Begin to read the frames of a setup."""
        frames = plan.night.frames_of(plan.setup)
        telling, noisy = (
            frozenset(frame.file for frame in some)
            for some in (telling_frames(frames), frames_of_noise(frames))
        )
        return cls(
            recipe=recipe, pattern=pattern_of(plan.setup), telling=telling, noisy=noisy, readout=readout
        )

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
            image = raw_image(of_first_plane(frame), self.recipe)
            image = image if self.readout is None else window_of_readout(image, self.readout)
            self.signed[frame.file] = signed_levels(frame, image)
            return image
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
        readouts=tuple(ReadoutValues(**values) for values in record.facts.get("readouts", ())),
        refused=record.facts["refused"],
    )


def saturations(cameras: Mapping[Setup, Camera]) -> dict[Setup, Known]:
    """Return the saturation of each setup whose headers do not tell it."""
    return {setup: camera.saturation for setup, camera in cameras.items() if camera.saturation is not None}


def with_cameras(plan: Plan, cameras: Mapping[Setup, Camera]) -> Plan:
    """Return the plan with what was measured of the cameras in its frames: saturation, and the values of readouts."""
    plan = with_saturations(plan, saturations(cameras))
    measured = {setup: camera.readouts for setup, camera in cameras.items() if camera.readouts}
    if not measured:
        return plan

    def renewed(frame: Frame, setup: Setup) -> Frame:
        values = {one.name: one for one in measured.get(setup, ())}
        return replace(frame, readouts=with_values(frame.readouts, values)) if values else frame

    return with_frames(plan, renewed)


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
