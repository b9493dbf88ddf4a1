"""What to do about the warnings of a night, and the page of the documentation that says more."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import metadata


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about a kind of warning, and where it is explained: a page of the documentation, and a place in it."""

    remedy: str
    page: str
    place: str = ""

    @property
    def title(self) -> str:
        """The page and its section in words."""
        words = self.page.replace("_", " ").capitalize()
        return f"{words}: {self.place.replace('-', ' ')}" if self.place else words

    @property
    def address(self) -> str | None:
        """The address of the page, None where the package does not say where its documentation is."""
        base = documentation()
        return None if base is None else f"{base}/{self.page}.html" + (f"#{self.place}" if self.place else "")


_TEXTS: tuple[tuple[str, Advice], ...] = (
    (
        r".*are not combined with each other",
        Advice(
            "correct the headers, or leave a setting that changes nothing out of the comparison",
            "not_used",
            "combined-frames",
        ),
    ),
    (
        r".*began at the same time",
        Advice("leave copies out, with --exclude", "not_used", "the-frame-itself"),
    ),
    (
        r".*level drifts by",
        Advice("name the overscan in an instrument file, if the frames have one", "overscan"),
    ),
    (
        r"no (flat|dark|bias|overscan)\b.*|.* without (masters/|a (flat|dark|bias))",
        Advice(
            "take such frames, or give masters of another night with --masters",
            "recipes",
            "masters-of-other-nights",
        ),
    ),
    (
        r"(flat|dark|bias).* (another|other) (temperature|exposure|night)",
        Advice("give frames that fit, or widen what may differ in the recipe", "recipes", "night-recipes"),
    ),
    (
        r".*is (made )?of one frame|.*noise and cosmic rays stay",
        Advice(
            "take three or more of each calibration frame",
            "combining",
            "which-rule-for-3-5-10-100-frames-and-why",
        ),
    ),
    (
        r".*(gain|read noise|readnoise).*(not known|measure|stated|setting)",
        Advice(
            "take two flats of a filter and two biases, which measure both, or state them in an instrument file",
            "instruments",
            "your-own-drafted-in-five-minutes",
        ),
    ),
    (
        r".*saturate at",
        Advice(
            "the level that was found is used; state it in an instrument file if it is wrong", "instruments"
        ),
    ),
    (
        r".*cannot be aligned",
        Advice("look at the frame: clouds, another field, trailed stars", "not_used", "combined-frames"),
    ),
    (
        r"spectra are not moved",
        Advice("set it if the spectra lie on one another", "night", "spectra"),
    ),
    (
        r".*is left out:",
        Advice(
            "look at the frame; the limits are those of [select] in the recipe", "recipes", "night-recipes"
        ),
    ),
    (
        r".*do not have the fluxes|.*errors are those of the scatter|.*skies that differ in shape",
        Advice("look at the check of the fluxes below", "combining", "fluxes-of-combined-frames"),
    ),
    (
        r".*(could|was) not (be )?made",
        Advice(
            "look at the reason, and reduce again: only what is missing is made",
            "night",
            "the-same-command-again",
        ),
    ),
    (
        r".*is of an earlier run",
        Advice("remove it if it is not wanted", "night", "the-same-command-again"),
    ),
    (
        r".*sky is below zero|.*no variance",
        Advice("look at the level of bias, dark and overscan in the table of raw calibrations", "overscan"),
    ),
    (
        r".*as sharp as cosmic rays",
        Advice("combine three or more exposures, which rejects them", "combining", "rejection"),
    ),
    (
        r".*dark current of",
        Advice(
            "take darks of the exposure of these frames, or give masters with --masters",
            "recipes",
            "masters-of-other-nights",
        ),
    ),
    (
        r".*(nonlinearity|fringes) of",
        Advice("nothing corrects it: see what the frames show under Not corrected", "explanation"),
    ),
    (
        r".*detectors? .*(is|are) not in",
        Advice("copy the files again", "instruments", "readouts"),
    ),
    (
        r".*(spectrum|dispersion)",
        Advice("say how the spectra lie in an instrument file", "instruments", "spectra"),
    ),
    (
        r".*planes?\b",
        Advice("say which planes are frames", "night", "cubes"),
    ),
    (
        r".*(clip|reject|rule)",
        Advice("choose a rule for so many frames", "combining", "which-rule-for-3-5-10-100-frames-and-why"),
    ),
    (
        r"no frame (has|is)",
        Advice("ccdfx scan lists what the frames are", "choosing"),
    ),
    (
        r".*(header|keyword|instrument)",
        Advice("say in an instrument file what the headers mean", "instruments"),
    ),
)
ADVICE = tuple((re.compile(pattern, re.DOTALL), advice) for pattern, advice in _TEXTS)
OTHER = Advice("read how a night is reduced", "night")
_LONGEST = 2000  # characters that are looked at


def advice_for(warning: str) -> Advice:
    """Return what to do about a warning of a night.

    >>> advice_for("no flat of filter R: s1.fits").page, advice_for("anything").page
    ('recipes', 'night')
    """
    return next((advice for pattern, advice in ADVICE if pattern.match(warning[:_LONGEST])), OTHER)


@cache
def documentation() -> str | None:
    """Return the address of the documentation that the metadata of the package names; None where it names none."""
    try:
        named = metadata.metadata("ccdfx").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return None
    for entry in named:
        word, _, address = entry.partition(",")
        if word.strip().lower() == "documentation" and address.strip().startswith("https://"):
            return address.strip().rstrip("/")
    return None
