"""How images of one colour lie on those of another, by whose stars they are registered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ccdfx.night.products.registration import Registration
from ccdfx.operations.resampling.transform import Transform
from ccdfx.photometry.stars import FrameStars

Step = tuple[float, float]


def displaced(stars: FrameStars, step: Step) -> FrameStars:
    """Move the places of stars by (x, y) pixels."""
    if step == (0.0, 0.0):
        return stars
    sources = stars.sources.copy()
    sources["x"] += step[0]
    sources["y"] += step[1]
    return replace(stars, sources=sources)


def renamed(found: Registration, files: Mapping[str, str]) -> Registration:
    """Give the transforms of guides to the files that they guide; `files` are these by their guides."""
    return Registration(
        {files[guide]: one for guide, one in found.transforms.items()},
        {files[guide]: reason for guide, reason in found.left_out.items()},
    )


def placed(transforms: Mapping[str, Transform], steps: Mapping[str, Step]) -> dict[str, Transform]:
    """Return the transforms from the pixels of each file, where its guide has this transform and it lies by a step beside.

    >>> placed({"a": Transform(offset=(2.0, 1.0))}, {"a": (0.25, -0.25)})["a"].offset
    (2.25, 0.75)
    """
    found = {}
    for file, one in transforms.items():
        (x, y), (xx, xy), (yx, yy) = steps[file], *one.matrix
        offset = one.offset[0] + xx * x + xy * y, one.offset[1] + yx * x + yy * y
        found[file] = replace(one, offset=offset)
    return found
