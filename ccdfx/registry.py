"""Registry of formats, scalings, rejection rules, steps etc., built-in ones and those of installed plugins.

A plugin that cannot be imported, that raises an error or that does not return records causes one warning, and
the others work. Two plugins that provide the same name, or a hook that does not exist, are errors that name
the plugins.
"""

from __future__ import annotations

import importlib
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pluggy

from ccdfx import hookspecs
from ccdfx.errors import CcdfxWarning, PluginError, UnknownNameError, did_you_mean
from ccdfx.plugin_calls import call_plugin, shown

# Of each kind of record: the hook that returns it, and its public name.
_KINDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "format": ("ccdfx_formats", "Format"),
        "scaling": ("ccdfx_scalings", "Scaling"),
        "noise_model": ("ccdfx_noise_models", "NoiseModel"),
        "rejection": ("ccdfx_rejections", "Rejection"),
        "step": ("ccdfx_steps", "Step"),
        "instrument": ("ccdfx_instruments", "Instrument"),
        "maker": ("ccdfx_makers", "Maker"),
        "engine": ("ccdfx_engines", "Engine"),
        "command": ("ccdfx_commands", "Command"),
    }
)
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
    kind : {"format", "scaling", "noise_model", "rejection", "step", "instrument", "maker", "engine", "command"}

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


def hook_of(kind: str) -> str:
    """Return the name of the hook that returns the records of a kind.

    >>> hook_of("scaling")
    'ccdfx_scalings'
    """
    return _KINDS[_known_kind(kind)][0]


def lookup(kind: str, name: str) -> Any:
    """Look up a record by kind and name; an unknown name is an error that lists the known ones."""
    found = records(kind)
    if not isinstance(name, str) or name not in found:
        remedy = did_you_mean(name, found, "a plugin may provide it: see 'ccdfx plugins'")
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
        raise UnknownNameError(
            "kind",
            f"must be one of: {', '.join(KINDS)}",
            value=kind,
            remedy=did_you_mean(kind, KINDS, "give one of these"),
        )
    return kind


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry point: its name, its name in messages, the version of its package, and why that cannot be read."""

    name: str
    label: str
    version: str
    load: Callable[[], Any]
    problem: str | None = None


@cache
def _loaded() -> _Loaded:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(importlib.import_module(_BUILTIN_MODULE), name=BUILTIN)
    versions, problems = {BUILTIN: version()}, {}
    with _loading():
        for entry in _wanted(sorted(_entries(), key=lambda entry: entry.name)):
            versions[entry.label] = entry.version
            problem = entry.problem
            if problem is None:
                _, problem = call_plugin(partial(_register, manager, entry))
            if problem is not None:
                problems[entry.label] = problem
    return _Loaded(manager, MappingProxyType(versions), MappingProxyType(problems))


def _register(manager: pluggy.PluginManager, entry: _Entry) -> None:
    manager.register(entry.load(), name=entry.label)


_lock = threading.RLock()
_busy: list[bool] = []


@contextmanager
def _loading() -> Iterator[None]:
    """Let other threads wait; raise PluginError if a plugin asks for records, which are not known, at its import."""
    with _lock:
        if _busy:
            raise PluginError(
                "registry",
                "cannot be asked while plugins are imported",
                remedy="ask in a function of the plugin",
            )
        _busy.append(True)
        try:
            yield
        finally:
            _busy.pop()


def _entries() -> list[_Entry]:
    """Return the entry points of all packages; one whose metadata are damaged has a problem."""
    from importlib.metadata import distributions, entry_points

    try:
        return [_entry(point, point.dist) for point in entry_points(group=GROUP)]
    except Exception:  # the metadata of one package, of any purpose, are damaged
        found: dict[str, _Entry] = {}
        for package in distributions():
            points, problem = call_plugin(partial(_points_of, package))
            for point in points or ():
                found.setdefault(point.name, _entry(point, package))
            if problem is not None and _is_plugin(package):
                name = _folder_of(package)
                found.setdefault(
                    name, _Entry(name, name, "unknown", list, f"its metadata are damaged: {problem}")
                )
        return list(found.values())


def _points_of(package: Any) -> list[Any]:
    return list(package.entry_points.select(group=GROUP))


def _entry(point: Any, package: Any) -> _Entry:
    if package is None:
        return _Entry(point.name, point.name, "unknown", point.load)
    known, problem = call_plugin(lambda: (package.metadata["Name"], package.version))
    if problem is not None:
        return _Entry(point.name, point.name, "unknown", point.load, f"its metadata are damaged: {problem}")
    name = str(known[0] or point.name)
    label = point.name if point.name == name else f"{point.name} ({name})"
    return _Entry(point.name, label, str(known[1] or "unknown"), point.load)


def _folder_of(package: Any) -> str:
    """Return the name of a package from that of its folder of metadata, where these cannot be read."""
    return Path(str(getattr(package, "_path", "unknown"))).name.partition("-")[0]


def _is_plugin(package: Any) -> bool:
    """Return whether the damaged entry points of a package are those of a plugin."""
    raw, _ = call_plugin(lambda: Path(str(package._path), "entry_points.txt").read_bytes())
    return f"[{GROUP}]".encode() in (raw or b"")


def _wanted(entries: list[_Entry]) -> list[_Entry]:
    """Select the entry points that the environment variable names: all if it is empty, none for "none"."""
    text = os.environ.get(VARIABLE, "").strip()
    names = [name for part in text.split(",") if (name := part.strip())]
    if not names or names == [_NO_PLUGIN]:
        return [] if names else entries
    known = list(dict.fromkeys(entry.name for entry in entries))
    for name in names:
        if name not in known:
            remedy = did_you_mean(name, known, f"name these, or {_NO_PLUGIN} for no plugin")
            rule = f"must name installed plugins: {', '.join(known) or 'there are none'}"
            raise UnknownNameError(f"environment variable {VARIABLE}", rule, value=name, remedy=remedy)
    return [entry for entry in entries if entry.name in names]


@cache  # each line of HISTORY has it, and to read it takes a millisecond
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
        items: list[Any] = []
        problem = _refuse_unknown_hooks(loaded, plugin)
        if problem is None:
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
        answer, problem = call_plugin(implementation.function)
        if problem is not None:
            return [], f"{hook} raised {problem}"
        record = getattr(importlib.import_module("ccdfx"), public_name)
        (listed, names), problem = _names_of(answer, record)
        if problem is not None:
            return [], f"{hook} must return a list of {record.__name__} records, {problem}"
        nameless = [name for name in names if not (isinstance(name, str) and name.strip())]
        if nameless:
            return [], f"{hook} must give every record a name, it gave {shown(nameless[0])}"
        items += listed
    return items, None


def _names_of(answer: Any, record: type) -> tuple[tuple[list[Any], list[Any]], str | None]:
    """Return a copy of the records that a hook has returned, with their names, or why it cannot."""
    if not isinstance(answer, list | tuple):
        return ([], []), f"it returned {shown(answer)}"
    found, problem = call_plugin(lambda: ([*answer], [getattr(item, "name", None) for item in answer]))
    if problem is not None:
        return ([], []), f"and it returned one that raises {problem}"
    if not all(isinstance(item, record) for item in found[0]):
        return ([], []), f"it returned {shown(answer)}"
    return found, None


def _refuse_unknown_hooks(loaded: _Loaded, plugin: str) -> str | None:
    """Raise for a hook that does not exist; return why hooks of the plugin cannot be called, if so."""
    known = [name for name in vars(hookspecs) if name.startswith("ccdfx_")]
    names, problem = call_plugin(lambda: _hook_names(loaded.manager.get_plugin(plugin)))
    for name in names or ():
        if name not in known:
            remedy = did_you_mean(name, known, f"the hooks are {', '.join(known)}")
            raise PluginError(
                f"plugin {plugin}", f"implements the hook {name!r}, which ccdfx does not have", remedy=remedy
            )
        if plugin not in [found.plugin_name for found in getattr(loaded.manager.hook, name).get_hookimpls()]:
            problem = f"{name} must be a function marked with @hookimpl"
    return problem


def _hook_names(plugin: Any) -> list[str]:
    """Return the attributes of a plugin that are hooks by their name or by their mark."""
    properties = [name for name in dir(plugin) if isinstance(getattr(type(plugin), name, None), property)]
    return [
        name
        for name in dir(plugin)
        if name.startswith("ccdfx_")
        or (name not in properties and getattr(getattr(plugin, name, None), "ccdfx_impl", None))
    ]


def _clash(plugin: str, provides: Mapping[str, tuple[str, ...]]) -> str | None:
    try:
        problem = _refuse_unknown_hooks(_loaded(), plugin)
        if problem is not None:
            return problem
        for kind in provides:
            _collected(kind)
    except PluginError as error:
        return str(error) if plugin in str(error) and plugin != BUILTIN else None
    return None


@cache
def _warn_once(plugin: str, problem: str) -> None:
    warnings.warn(f"the plugin {plugin} is broken and is left out: {problem}", CcdfxWarning, stacklevel=3)
