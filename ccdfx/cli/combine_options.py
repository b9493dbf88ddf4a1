"""Parsing of the options of `ccdfx combine`: averages, flags, placement of frames, recipe."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ccdfx.cli.options import given, name_and_options, not_one_of, numbers, old_keys
from ccdfx.errors import CcdfxError
from ccdfx.operations.combining.average import AVERAGES
from ccdfx.operations.combining.factors import WORDS
from ccdfx.operations.combining.placement import MEASURED
from ccdfx.records.parameters import in_new_words

_TABLE = "combine"


def average_of(_ctx: click.Context, _parameter: click.Parameter, text: str) -> Any:
    """Return the average of a name with options, or a custom one of MODULE:FUNCTION."""
    import ccdfx

    name = text.partition(":")[0]
    try:
        if name in AVERAGES:
            return _made(AVERAGES[name], text)
        return ccdfx.custom(_function(text))
    except CcdfxError as error:
        raise click.BadParameter(str(error)) from error


def _made(function: Any, text: str) -> Any:
    """Call `function` with the options of `NAME:option=value,...`; wrong ones are a usage error."""
    from inspect import signature

    name, given = name_and_options(text)
    try:
        signature(function).bind(**given)
    except TypeError as error:
        takes = ", ".join(signature(function).parameters) or "no options"
        raise click.BadParameter(f"{text!r}: {error}; {name} takes {takes}") from error
    return function(**given)


def _function(text: str) -> Any:
    from importlib import import_module

    module, colon, name = text.partition(":")
    if not colon:
        raise click.BadParameter(not_one_of(text, AVERAGES, ", nor MODULE:FUNCTION"))
    try:
        return getattr(import_module(module), name)
    except Exception as error:  # the user's module may raise anything
        raise click.BadParameter(f"{text!r} cannot be imported: {error}") from error


def average_text(average: Any) -> str:
    """Format an average as text that `average_of` reads.

    >>> import ccdfx
    >>> average_text(ccdfx.median(even="lower")), average_text(ccdfx.mean())
    ('median:even=lower', 'mean')
    """
    if average.function is not None:
        return f"{average.function.__module__}:{average.function.__qualname__}"
    usual = AVERAGES[average.name]().parameters
    options = ",".join(
        f"{name}={value}" for name, value in average.parameters.items() if value != usual[name]
    )
    return f"{average.name}:{options}" if options else average.name


def flags_of(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    """Convert names of flags to bits."""
    if text is None:
        return None
    from ccdfx import Flag

    known = {flag.name.lower(): int(flag) for flag in Flag if flag.name}
    names = [part.strip().lower() for part in text.split(",")]
    for name in names:
        if name not in known and name != "none":
            raise click.BadParameter(not_one_of(name, (*known, "none")))
    return sum(known.get(name, 0) for name in set(names))


def placement_of(options: Mapping[str, Any]) -> Any:
    """Return the placement of the frames, as `ccdfx.combine` takes it, or None."""
    offsets, extent, kernel = options["offsets"], options["extent"], options["kernel"]
    if offsets is None:
        for option, value in (("--extent", extent), ("--kernel", kernel)):
            if value is not None:
                raise click.UsageError(f"{option} goes with --offsets")
        return None
    if options["align"]:
        raise click.UsageError(
            "--align and --offsets exclude one another; --offsets stars --kernel spline aligns"
        )
    import ccdfx

    try:
        return ccdfx.placed(_by(offsets), **given(extent=extent, kernel=kernel))
    except CcdfxError as error:
        raise click.UsageError(str(error)) from error


def _by(text: str) -> Any:
    import ccdfx

    if text in MEASURED:
        return text
    if text.startswith("grid:"):
        return _made(ccdfx.grid, text)
    return _pairs_in(Path(text))


def _pairs_in(path: Path) -> list[tuple[float, float]]:
    """Read a pair of numbers from each line that is neither empty nor a comment."""
    from ccdfx.io.text import read_text

    try:
        lines = read_text(path).splitlines()
    except CcdfxError as error:
        raise click.UsageError(
            f"--offsets: {path} is not {', '.join(MEASURED)}, grid:... or a file: {error}"
        ) from error
    pairs = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].replace(",", " ").split()
        try:
            if words:
                dx, dy = map(float, words)
                pairs.append((dx, dy))
        except ValueError:
            raise click.UsageError(f"{path}, line {number}: {line.strip()!r} is not dx and dy") from None
    return pairs


def shared_variance(path: str, checksum: bool) -> Any:
    """Read the pixels of a variance image, with its checksum verified if `checksum` is true."""
    import ccdfx

    return ccdfx.read(path, checksum=checksum).array


def defaults_from_recipe(ctx: click.Context, parameter: click.Parameter, path: str | None) -> None:
    """Use the options in a recipe as the defaults of this command."""
    if path is None:
        return
    from ccdfx.io.text import read_toml

    try:
        found = read_toml(path)
    except CcdfxError as error:
        raise click.BadParameter(str(error)) from error
    table = found.get(_TABLE)
    if set(found) != {_TABLE} or not isinstance(table, dict):
        raise click.BadParameter(f"{path} must have one table, [{_TABLE}]")
    try:
        table = in_new_words(path, old_keys(ctx.command), table)
    except CcdfxError as error:
        raise click.BadParameter(str(error)) from error
    known = {p.name for p in ctx.command.params} - {"frames", "output", "recipe", "help", parameter.name}
    unknown = set(table) - known
    if unknown:
        raise click.BadParameter(
            f"{path}: unknown {', '.join(sorted(unknown))}; options are {', '.join(sorted(str(name) for name in known))}"
        )
    ctx.default_map = {**(ctx.default_map or {}), **{name: _text(value) for name, value in table.items()}}


def _text(value: Any) -> Any:
    """Convert a value of a recipe to what the user would type."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, bool) else os.path.expanduser(str(value))


METAVAR = "N,N,...|WORD|!KEY"


def numbers_or_level(ctx: click.Context, parameter: click.Parameter, text: str | None) -> Any:
    """Parse one number per frame into a list, or keep a word or !KEY; an unknown word is a usage error."""
    words = WORDS[str(parameter.name)]
    if text is None or text in words or (text.startswith("!") and text[1:].strip()):
        return text
    try:
        return numbers(ctx, parameter, text)
    except click.BadParameter:
        raise click.BadParameter(
            not_one_of(text, words, ", nor !KEY, nor numbers joined by commas")
        ) from None


def levels(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given ones of `scale`, `zero` and `weights`, in the form that `ccdfx.combine` takes.

    Statistics are taken over the section, and sampled as in imcombine on request; either option without a
    statistic is a usage error.
    """
    chosen = given(**{name: options[name] for name in WORDS})
    section, sampled = options["section"], options["sampled"]
    over_pixels = [name for name, value in chosen.items() if _is_statistic(value)]
    for option, wanted in (("--section", section is not None), ("--sampled", sampled)):
        if wanted and not over_pixels:
            raise click.UsageError(f"{option} goes with a statistic as --scale, --zero or --weights")
    return {
        name: _level(value, section, sampled) if isinstance(value, str) else value
        for name, value in chosen.items()
    }


def _is_statistic(value: Any) -> bool:
    return isinstance(value, str) and value not in ("exposure", "stars") and not value.startswith("!")


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
