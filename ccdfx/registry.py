"""Registry of formats, scalings, rejection rules, steps etc., built-in ones and those of installed plugins.

A plugin that cannot be imported, that raises an error or that does not return records causes one warning, and
the others work. Two plugins that provide the same name, or a hook that does not exist, are errors that name
the plugins.
"""

from __future__ import annotations

import difflib
import importlib
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import pluggy

from ccdfx import hookspecs
from ccdfx.errors import CcdfxWarning, PluginError, UnknownNameError

# Of each kind of record: the hook that returns it, and its public name.
_KINDS = {
    "format": ("ccdfx_formats", "Format"),
    "scaling": ("ccdfx_scalings", "Scaling"),
    "noise_model": ("ccdfx_noise_models", "NoiseModel"),
    "rejection": ("ccdfx_rejections", "Rejection"),
    "step": ("ccdfx_steps", "Step"),
    "instrument": ("ccdfx_instruments", "Instrument"),
    "engine": ("ccdfx_engines", "Engine"),
    "command": ("ccdfx_commands", "Command"),
}
KINDS = tuple(_KINDS)
GROUP = "ccdfx"
BUILTIN = "ccdfx"
_BUILTIN_MODULE = "ccdfx._builtins"  # by its name: it imports everything that asks the registry
VARIABLE = "CCDFX_PLUGINS"
_NO_PLUGIN = "none"


@dataclass(frozen=True, slots=True)
class PluginReport:
    """The report of `plugins` on one plugin: what it provides by kind, or why it is broken."""

    name: str
    version: str
    provides: Mapping[str, tuple[str, ...]]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The plugin manager, the version of each plugin, and why some could not be loaded."""

    manager: pluggy.PluginManager
    versions: Mapping[str, str]
    problems: Mapping[str, str]


def records(kind: str) -> Mapping[str, Any]:
    """Collect all records of one kind by name, built-in ones first.

    Parameters
    ----------
    kind : {"format", "scaling", "noise_model", "rejection", "step", "instrument", "engine", "command"}

    Raises
    ------
    PluginError
        When two plugins provide the same name, or a plugin implements a hook that does not exist.
    UnknownNameError
        For a kind, or a plugin in the environment variable CCDFX_PLUGINS, that does not exist.
    """
    found, problems = _collected(_known_kind(kind))
    for name, problem in problems.items():
        _warn_once(name, problem)
    return found


def lookup(kind: str, name: str) -> Any:
    """Look up a record by kind and name; an unknown name is an error that lists the known ones."""
    found = records(kind)
    if not isinstance(name, str) or name not in found:
        near = difflib.get_close_matches(str(name), found, 1)
        remedy = f"did you mean {near[0]!r}?" if near else "a plugin may provide it: see 'ccdfx plugins'"
        known = ", ".join(sorted(found)) or "none"
        raise UnknownNameError(kind.replace("_", " "), f"must be one of: {known}", value=name, remedy=remedy)
    return found[name]


def plugins() -> tuple[PluginReport, ...]:
    """List the installed plugins, the built-in one first, with what they provide or why they are broken."""
    loaded = _loaded()
    reports = []
    for name in loaded.versions:
        provides, problem = {}, loaded.problems.get(name)
        for kind in KINDS if problem is None else ():
            items, trouble = _ask(loaded, name, kind)
            problem = problem or trouble
            if items:
                provides[kind] = tuple(item.name for item in items)
        if problem is None:
            problem = _clash(name, provides)
        reports.append(PluginReport(name, loaded.versions[name], MappingProxyType(provides), problem))
    return tuple(reports)


def reset() -> None:
    """Clear the caches, so that the next call searches the installed plugins again."""
    for cached in (_loaded, _collected, _warn_once):
        cached.cache_clear()


def _known_kind(kind: str) -> str:
    if not isinstance(kind, str) or kind not in _KINDS:
        near = difflib.get_close_matches(str(kind), KINDS, 1)
        raise UnknownNameError(
            "kind",
            f"must be one of: {', '.join(KINDS)}",
            value=kind,
            remedy=f"did you mean {near[0]!r}?" if near else "give one of these",
        )
    return kind


@cache
def _loaded() -> _Loaded:
    from importlib.metadata import entry_points

    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(importlib.import_module(_BUILTIN_MODULE), name=BUILTIN)
    versions, problems = {BUILTIN: version()}, {}
    for entry in _wanted(sorted(entry_points(group=GROUP), key=lambda entry: entry.name)):
        package = entry.dist.name if entry.dist else entry.name
        label = entry.name if entry.name == package else f"{entry.name} ({package})"
        versions[label] = entry.dist.version if entry.dist else "unknown"
        try:
            manager.register(entry.load(), name=label)
        except (Exception, SystemExit) as error:  # a plugin may fail in any way
            problems[label] = _cause(error)
    return _Loaded(manager, MappingProxyType(versions), MappingProxyType(problems))


def _wanted(entries: list[Any]) -> list[Any]:
    """Select the entry points that the environment variable names: all if it is empty, none for "none"."""
    text = os.environ.get(VARIABLE, "").strip()
    names = [name for part in text.split(",") if (name := part.strip())]
    if not names or names == [_NO_PLUGIN]:
        return [] if names else entries
    known = list(dict.fromkeys(entry.name for entry in entries))
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            remedy = f"did you mean {near[0]!r}?" if near else f"name these, or {_NO_PLUGIN} for no plugin"
            rule = f"must name installed plugins: {', '.join(known) or 'there are none'}"
            raise UnknownNameError(f"environment variable {VARIABLE}", rule, value=name, remedy=remedy)
    return [entry for entry in entries if entry.name in names]


def version() -> str:
    """Return the version of ccdfx that is installed."""
    from importlib.metadata import version as installed

    return installed("ccdfx")


@cache
def _collected(kind: str) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    loaded = _loaded()
    found: dict[str, Any] = {}
    owner: dict[str, str] = {}
    problems = dict(loaded.problems)
    for plugin in loaded.versions:
        if plugin in problems:
            continue
        _refuse_unknown_hooks(loaded, plugin)
        items, problem = _ask(loaded, plugin, kind)
        if problem:
            problems[plugin] = problem
        for item in items:
            if item.name in found:
                raise PluginError(
                    f"{kind} {item.name!r}",
                    f"is provided by two plugins, {owner[item.name]} and {plugin}",
                    remedy=f"uninstall one, or name the wanted ones in {VARIABLE} ({plugin} can be left out)",
                )
            found[item.name], owner[item.name] = item, plugin
    return MappingProxyType(found), MappingProxyType(problems)


def _ask(loaded: _Loaded, plugin: str, kind: str) -> tuple[list[Any], str | None]:
    """Call a hook of one plugin; return its records, and the reason if the call failed."""
    hook, public_name = _KINDS[kind]
    caller = getattr(loaded.manager.hook, hook)
    items: list[Any] = []
    for implementation in caller.get_hookimpls():
        if implementation.plugin_name != plugin:
            continue
        try:
            answer = implementation.function()
        except (Exception, SystemExit) as error:  # a plugin may fail in any way
            return [], f"{hook} raised {_cause(error)}"
        record = getattr(importlib.import_module("ccdfx"), public_name)
        if not isinstance(answer, list | tuple) or not all(isinstance(item, record) for item in answer):
            return [], f"{hook} must return a list of {record.__name__} records, it returned {_shown(answer)}"
        nameless = [item for item in answer if not (isinstance(item.name, str) and item.name.strip())]
        if nameless:
            return [], f"{hook} must give every record a name, it gave {_shown(nameless[0].name)}"
        items += answer
    return items, None


def _refuse_unknown_hooks(loaded: _Loaded, plugin: str) -> None:
    known = [name for name in vars(hookspecs) if name.startswith("ccdfx_")]
    for name in dir(loaded.manager.get_plugin(plugin)):
        marked = getattr(getattr(loaded.manager.get_plugin(plugin), name, None), "ccdfx_impl", None)
        if (marked or name.startswith("ccdfx_")) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            remedy = f"did you mean {near[0]}?" if near else f"the hooks are {', '.join(known)}"
            raise PluginError(
                f"plugin {plugin}", f"implements the hook {name!r}, which ccdfx does not have", remedy=remedy
            )


def _clash(plugin: str, provides: Mapping[str, tuple[str, ...]]) -> str | None:
    try:
        _refuse_unknown_hooks(_loaded(), plugin)
        for kind in provides:
            _collected(kind)
    except PluginError as error:
        return str(error) if plugin in str(error) and plugin != BUILTIN else None
    return None


@cache
def _warn_once(plugin: str, problem: str) -> None:
    warnings.warn(f"the plugin {plugin} is broken and is left out: {problem}", CcdfxWarning, stacklevel=3)


def _shown(answer: Any) -> str:
    try:
        return repr(answer)[:80]
    except Exception:  # the repr of a class of a plugin may fail in any way
        return f"a {type(answer).__name__}"


def _cause(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
