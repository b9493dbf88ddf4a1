"""Completion of values in a shell: files, names of plugins' records, kinds, filters and objects of the frames given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from click import Context, Parameter
from click.shell_completion import CompletionItem

from ccdfx.errors import CcdfxError

Complete = Callable[[Context, Parameter, str], list[CompletionItem]]
"""What an option takes as `shell_complete`."""
KINDS = ("bias", "dark", "flat", "science", "arc", "other")


def files(_ctx: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Return that the shell completes names of files."""
    return [CompletionItem(incomplete, type="file")]


def words(*known: str) -> Complete:
    """Return the completion of one of these words."""
    return lambda _ctx, _parameter, incomplete: _starting(known, incomplete)


def names_of(kind: str, *more: str) -> Complete:
    """Return the completion of the names of a kind of records, such as "scaling", those of plugins too."""

    def complete(_ctx: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
        from ccdfx import registry

        return _starting([*registry.records(kind), *more], incomplete)

    return complete


def names_or_files(kind: str) -> Complete:
    """Return the completion of the names of a kind of records, or of files where none begins so."""

    def complete(ctx: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem]:
        return names_of(kind)(ctx, parameter, incomplete) or files(ctx, parameter, incomplete)

    return complete


def colour_maps(_ctx: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the colour maps of matplotlib whose names begin so."""
    from matplotlib import colormaps

    return _starting([name for name in colormaps if not name.endswith("_r")], incomplete)


def values_of(fact: str) -> Complete:
    """Return the completion of a fact, such as "filter", by the headers of the frames that the command line names."""

    def complete(ctx: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
        import ccdfx

        paths = ctx.params.get("paths") or ctx.args  # there as long as the last option has no value
        found: set[str] = set()
        with suppress(CcdfxError, OSError):
            found = {str(value) for frame in ccdfx.scan(paths) if (value := getattr(frame, fact))}
        return _starting(sorted(found), incomplete)

    return complete


def _starting(known: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(word) for word in known if word.startswith(incomplete)]
