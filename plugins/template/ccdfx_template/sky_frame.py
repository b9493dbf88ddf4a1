"""A product of a night: the sky of each filter, which shows what the flats of this camera do not correct."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from ccdfx import Context, Made, Maker, NightRecipe, Plan, Planned, combine, median, open_source

NAME = "sky_frame"  # of the maker, and so of the folder of its own
CAMERA = "template-cam"
FEWEST = 3  # frames: a median of two shows their stars


@dataclass(frozen=True)
class SkyFrame:
    """The sky of one filter: the calibrated frames whose median it is."""

    filter: str
    inputs: tuple[str, ...]


def plan_sky(night: Plan, recipe: NightRecipe) -> Iterator[Planned]:
    """Plan a sky frame for each filter of each setup of this camera; other cameras have their own plugins."""
    for setup in night.setups:
        frames = [item for item in night.science if item.setup == setup and setup.instrument == CAMERA]
        for band in dict.fromkeys(item.use.frame.filter for item in frames):
            inputs = tuple(item.file for item in frames if item.use.frame.filter == band)
            if band and band.isalnum() and len(inputs) >= FEWEST:
                yield Planned(
                    file=f"{NAME}/sky_{band}_{setup.tag}.fits",
                    kind="sky",
                    record=SkyFrame(band, inputs),
                    setup=setup,
                    needs=inputs,
                )


def make_sky(record: SkyFrame, context: Context) -> Made:
    """Take the median of the frames that were made, each divided by its sky."""
    made = [file for file in record.inputs if context.is_made(file)]
    skies = {file: context.facts(file)["sky"] for file in made}  # measured when they were calibrated
    good = [file for file in made if skies[file] is not None and skies[file] > 0]
    if len(good) < FEWEST:
        return Made(lost=f"needs {FEWEST} frames with a sky above zero, and there are {len(good)}")
    with ExitStack() as stack:
        frames = [stack.enter_context(open_source(context.path(file))) for file in good]  # read by rows
        sky = combine(frames, average=median(), scale=[skies[file] for file in good], reject=None)
    spread = float(np.std(sky.array[sky.good]))
    header = {"OBJECT": "sky", "FILTER": record.filter, "NCOMBINE": len(good)}
    return Made(image=sky.replace(header=header), facts={"frames": len(good), "spread": spread})


SKY_FRAME = Maker(name=NAME, plan=plan_sky, make=make_sky)
