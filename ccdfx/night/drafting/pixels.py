"""What the pixels of raw frames tell for a draft: edges, saturation, gain and read noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ccdfx.errors import CcdfxError
from ccdfx.estimators.saturation import Saturation, saturation_of, top_of
from ccdfx.night.cameras.camera_noise import CameraNoise, camera_noise
from ccdfx.night.drafting.edges import Edge, LightProfile, find_edges, find_gaps, profile_of
from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.setup import groups_of
from ccdfx.night.raw.preparation import prepared
from ccdfx.night.raw.reading import raw_image
from ccdfx.night.settings.choices import NightRecipe, NoiseChoice
from ccdfx.records.header import lenient_number
from ccdfx.records.image import Image

_MOST = 4  # frames of a kind whose pixels are looked at
_LIT, _UNLIT = ("flat", "science"), ("bias", "dark")


@dataclass(frozen=True, slots=True)
class Seen:
    """What pixels show: edges by side (None: too little light to tell), strips without light inside of the frame,
    saturation, levels in ADU by file, problems.
    """

    edges: dict[str, Edge] | None = None
    gaps: tuple[str, ...] = ()
    saturation: Saturation | None = None
    levels: dict[str, float] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def look_at(frames: Sequence[Frame]) -> Seen:
    """Look at the pixels of a few frames of one size, of each kind.

    Where no kind is known, the frames are told apart by their levels alone.
    """
    chosen = _chosen(frames)
    profiles: dict[str, LightProfile] = {}
    tops, problems, bits = [], [], set()
    for frame in chosen:
        try:
            image = raw_image(frame, NightRecipe())
        except CcdfxError as error:
            problems.append(str(error))
            continue
        if image.shape != chosen[0].shape:
            continue
        profiles[frame.file] = profile_of(image)
        top = top_of(image)
        tops += [] if top is None else [top]
        bits.add(lenient_number(image.header, "BITDEPTH"))
    dark = [profiles[one.file] for one in chosen if one.kind in _UNLIT and one.file in profiles]
    lit = [profiles[one.file] for one in chosen if one.kind in _LIT and one.file in profiles]
    if not dark and not any(one.kind for one in chosen) and len(profiles) > 1:
        ordered = sorted(profiles.values(), key=lambda one: one.level)
        dark, lit = ordered[:1], ordered[-1:]
    lit = _brightest(lit, dark) if dark and lit else []
    edges = find_edges(dark, lit) if dark and lit else None
    gaps = find_gaps(dark, lit) if edges is not None else ()
    depth = bits.pop() if len(bits) == 1 else None
    saturation = saturation_of(tops, int(depth) if depth and 0 < depth <= 32 else None)
    return Seen(edges, gaps, saturation, {file: one.level for file, one in profiles.items()}, tuple(problems))


def measure_noise(frames: Sequence[Frame]) -> tuple[CameraNoise | None, str]:
    """Measure gain and read noise from the pairs of the setup that has most of them; else say why not.

    Returns
    -------
    (CameraNoise or None, str)
        The values, and the number of frames or the reason.
    """
    usable = [frame for frame in frames if frame.problem is None and frame.kind in (*_LIT, *_UNLIT)]
    groups = list(groups_of(usable).values())
    if not groups:
        return None, "no frame can be used yet"
    best = max(groups, key=_pairs)
    said: list[str] = []
    bare = [replace(frame, gain=None, readnoise=None) for frame in best]
    found = camera_noise(bare, _prepared, said.append, NoiseChoice(prefer="measured"))
    if found.gain is None and found.readnoise is None:
        return None, said[0].removesuffix(": no variance, and no noise is predicted") if said else "no pairs"
    kinds = Counter(frame.kind for frame in best)
    return found, f"{kinds['flat']} flats and {kinds['bias']} biases"


def _prepared(frame: Frame) -> Image | None:
    try:
        return prepared(frame, NightRecipe())
    except CcdfxError:
        return None


def _pairs(frames: Sequence[Frame]) -> tuple[int, int]:
    biases = sum(frame.kind == "bias" for frame in frames)
    flats = Counter(frame.filter for frame in frames if frame.kind == "flat")
    return min(2, biases) + min(2, max(flats.values(), default=0)), len(frames)


def _chosen(frames: Sequence[Frame]) -> list[Frame]:
    """Return a few frames of each kind, spread over the night, all of the size that most have."""
    sizes = Counter(frame.shape for frame in frames if frame.kind != "other" and frame.shape)
    if not sizes:
        return []
    size = sizes.most_common(1)[0][0]
    found: list[Frame] = []
    for kind in ("bias", "dark", "flat", "science", None):
        members = [frame for frame in frames if frame.shape == size and frame.kind == kind]
        step: Any = max(1, len(members) // _MOST)
        found += members[::step][:_MOST]
    return found


def _brightest(lit: Sequence[LightProfile], dark: Sequence[LightProfile]) -> list[LightProfile]:
    """Return the profiles with at least half of the light of the brightest: they tell most."""
    base = min(one.level for one in dark)
    highest = max(one.level for one in lit) - base
    return [one for one in lit if one.level - base >= 0.5 * max(highest, 0.0)] or list(lit)
