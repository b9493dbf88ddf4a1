"""Options for the scaling and weighting of frames: numbers, words, header keywords, a section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ccdfx.cli.options import numbers
from ccdfx.errors import CcdfxError

METAVAR = "N,N,...|WORD|!KEY"
NAMES = ("scale", "zero", "weights")


def numbers_or_level(ctx: click.Context, parameter: click.Parameter, text: str | None) -> Any:
    """Parse one number per frame into a list, or keep a word or !KEY; an unknown word is a usage error."""
    from ccdfx.operations.normalise import WORDS

    words = WORDS[str(parameter.name)]
    if text is None or text in words or (text.startswith("!") and text[1:].strip()):
        return text
    try:
        return numbers(ctx, parameter, text)
    except click.BadParameter:
        rule = f"is neither one of {', '.join(words)} nor !KEY nor numbers joined by commas"
        raise click.BadParameter(f"{text!r} {rule}") from None


def levels(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given ones of `scale`, `zero` and `weights`, in the form that `ccdfx.combine` takes.

    Statistics are taken over the section, and sampled as in imcombine on request; either option without a
    statistic is a usage error.
    """
    given = {name: options[name] for name in NAMES if options[name] is not None}
    section, sampled = options["section"], options["sampled"]
    over_pixels = [name for name, value in given.items() if _is_statistic(value)]
    for option, wanted in (("--section", section is not None), ("--sampled", sampled)):
        if wanted and not over_pixels:
            raise click.UsageError(f"{option} goes with a statistic as --scale, --zero or --weights")
    return {
        name: _level(value, section, sampled) if isinstance(value, str) else value
        for name, value in given.items()
    }


def _is_statistic(value: Any) -> bool:
    return isinstance(value, str) and value != "exposure" and not value.startswith("!")


def _level(text: str, section: str | None, sampled: bool) -> Any:
    import ccdfx

    if text.startswith("!"):
        return ccdfx.keyword(text[1:])
    if not _is_statistic(text) or (section is None and not sampled):
        return text
    try:
        return ccdfx.level(text, section=section, sampled=sampled)
    except CcdfxError as error:
        raise click.UsageError(str(error)) from error
