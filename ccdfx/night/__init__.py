"""A night reduced: frames scanned, what to do planned, masters, calibrated and combined frames made, a report
written.

The public names here are the records that a `NightRecipe`, a `Plan`, a `Frame` and an `Instrument` consist of;
each is imported when it is first used.

May import records, estimators, noise, photometry, operations, pipelines, plots, io, engines,
plugin_calls and the registry.
"""

from __future__ import annotations

from typing import Any

from ccdfx.lazy import homes_of, public_name

_HOMES = {
    "settings.choices": (
        "BadPixelChoice", "BiasChoice", "ColourChoice", "CombineChoice", "CosmicRayChoice", "DarkChoice", "FlatChoice", "MastersChoice",
        "NoiseChoice",
        "OverscanChoice", "ReadChoice", "ScienceChoice", "SelectChoice", "SetupChoice", "StackChoice",
    ),
    "given.master": ("GivenMaster", "TakenPlan"),
    "plan": ("MasterPlan", "SciencePlan"),
    "summary": ("night_schema",),
    "cameras.camera_noise": ("CameraNoise",),
    "graph.product": ("Product", "Settings"),
    "graph.record": ("Record",),
    "calibrators": ("Use",),
    "drafting.draft": ("Draft",),
    "graph.execute": ("Event",),
    "grouping.colours": ("ColourPlan",),
    "grouping.combined": ("CombinePlan",),
    "grouping.setup": ("Setup",),
    "instruments.camera_settings": ("CameraSetting", "Temperature"),
    "instruments.conditions": ("Condition",),
    "instruments.corrections": ("Correction",),
    "instruments.header_facts": ("Known",),
    "instruments.instrument": ("BadPixels",),
    "instruments.output": ("Output",),
    "instruments.readouts.described": ("DescribedReadout",),
    "instruments.readouts.laws": ("Crosstalk", "LinearityLaw"),
    "instruments.spectra": ("SpectrumRule",),
    "instruments.sections": ("Fixed", "Inside", "Named", "Strip"),
}  # fmt: skip
_HOME = homes_of(_HOMES)
__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    return public_name(__name__, _HOME, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
