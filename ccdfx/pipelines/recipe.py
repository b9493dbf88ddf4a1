"""Recipes: pipelines as TOML text."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx import registry
from ccdfx.errors import (
    ArgumentError,
    ArgumentTypeError,
    CcdfxError,
    FormatError,
    MismatchError,
    UnknownNameError,
)
from ccdfx.operations.combining.average import AVERAGES, Average
from ccdfx.operations.combining.placement import Placement, placed
from ccdfx.pipelines.pipeline import IN_MEMORY, Gather, Pipeline, Step, gather, pipeline, step
from ccdfx.records.checks import one_of
from ccdfx.records.history import Master
from ccdfx.records.parameters import Parameters, check_names
from ccdfx.records.range import Range

_USE, _GATHER, _BY = "use", "gather", "by"
_AVERAGE, _PLACED = "average", "placed"
_DIGITS = 16  # of a SHA-256, as many as HISTORY has


def to_recipe(pipe: Pipeline, *, folder: Path | None = None) -> str:
    """Convert a pipeline to a recipe, as TOML text.

    Parameters
    ----------
    pipe : Pipeline
    folder : Path, optional
        Folder of the recipe: master frames in or below it have relative paths in the recipe, others full
        paths.

    Raises
    ------
    ArgumentError
        For an object without a text form: an unregistered function, or a master frame that is not in a file.

    See Also
    --------
    read_recipe, write_recipe

    Examples
    --------
    >>> from ccdfx import pipeline, step
    >>> print(to_recipe(pipeline(step("trim", section="[1:2,1:1]"))))
    [[step]]
    use = "trim"
    section = "[1:2,1:1]"
    """
    if not isinstance(pipe, Pipeline):
        raise ArgumentTypeError(
            "recipe", "is made of a pipeline", value=pipe, remedy="use pipeline(step(...))"
        )
    return "\n".join(_step_text(one, folder) for one in pipe.steps)


def read_recipe(
    source: str | os.PathLike[str], *, read_master: Callable[[Path], Master] | None = None
) -> Pipeline:
    """Read a pipeline from a recipe.

    Parameters
    ----------
    source : path, or text with at least one line break
        Names of files in a recipe are relative to the recipe.
    read_master : callable, optional
        Function that reads a master frame; by default ``ccdfx.read_master``.

    Raises
    ------
    FormatError
        When the text is not a recipe.
    MismatchError
        When a master frame has changed since the recipe was written (its SHA-256 differs).
    CcdfxError
        When a step, an option or a master frame is wrong; a note of the error names the step.

    See Also
    --------
    write_recipe, to_recipe
    """
    content, folder, name = _content(source)
    check_names(name, ("step",), content)
    tables = content.get("step", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise FormatError(name, "must hold its steps as [[step]] tables")
    reader = read_master or _default_reader()
    return pipeline(
        *(_step_of(table, number, name, folder, reader) for number, table in enumerate(tables, 1))
    )


def write_recipe(pipe: Pipeline, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write the recipe of a pipeline to a file, atomically.

    See Also
    --------
    read_recipe, to_recipe
    """
    from ccdfx.io.atomic import atomic_path

    path = _path(path)
    text = to_recipe(pipe, folder=Path(path).absolute().parent)
    with atomic_path(path, overwrite) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")
    return Path(path)


def _step_of(
    table: Mapping[str, Any], number: int, name: str, folder: Path, reader: Callable[[Path], Master]
) -> Any:
    kind = _GATHER if _GATHER in table else _USE
    if not isinstance(table.get(kind), str) or (_USE in table and _GATHER in table):
        raise FormatError(
            f"{name}, step {number}",
            f'must say which operation it uses, {_USE} = "name", or which it gathers by, {_GATHER} = "combine"',
        )
    try:
        options = {key: _decoded(value, folder, reader) for key, value in table.items() if key != kind}
        return (gather if kind == _GATHER else step)(table[kind], **options)
    except CcdfxError as error:
        error.add_note(f"in {name}, step {number}")
        raise


def _gather_text(one: Gather, folder: Path | None) -> str:
    known = gather("combine")
    if callable(one.by) or one.step.function is not known.step.function:
        raise ArgumentError(
            f"gather {one.name}", "must be 'combine' by header keywords to be written",
            value=one, remedy='use gather("combine", by="FILTER")',
        )  # fmt: skip
    lines = ["[[step]]", f"{_GATHER} = {_toml(one.name)}"]
    if one.by:
        lines.append(f"{_BY} = {_toml(list(one.by))}")
    return "\n".join([*lines, *_option_lines(one.step, known.step.parameters, folder)]) + "\n"


def _step_text(one: Step | Gather, folder: Path | None) -> str:
    if isinstance(one, Gather):
        return _gather_text(one, folder)
    registered = registry.records("step").get(one.name)
    if registered is None or registered.function is not one.function:
        raise ArgumentError(
            f"step {one.name}",
            "must be a registered step to be written",
            remedy="register it with the hook ccdfx_steps",
        )
    lines = ["[[step]]", f"{_USE} = {_toml(one.name)}"]
    return "\n".join([*lines, *_option_lines(one, registered.parameters, folder)]) + "\n"


def _option_lines(one: Step, defaults: Mapping[str, Any], folder: Path | None) -> list[str]:
    lines = []
    for name, value in one.options.items():
        if value is not None:
            lines.append(f"{name} = {_toml(_encoded(value, f'{one.name}: option {name}', folder))}")
        elif defaults.get(name) is not None:
            raise ArgumentError(
                f"{one.name}: option {name}",
                "cannot be None in TOML, which has no such value",
                remedy="give a value",
            )
    return lines


def _encoded(value: Any, where: str, folder: Path | None) -> Any:
    """Convert a value to strings, numbers, lists and tables."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Master):
        return _encoded_master(value, where, folder)
    if isinstance(value, Range):
        return value.to_fits()
    if isinstance(value, list | tuple):
        return [_encoded(item, where, folder) for item in value]
    kind = next((k for k in registry.KINDS if _registered(k, value)), None)
    if isinstance(value, Average):
        items: Mapping[str, Any] = {_AVERAGE: value.name, **value.parameters}
    elif isinstance(value, Placement):
        items = {_PLACED: value.by, "extent": value.extent, "kernel": value.kernel}
    elif kind:
        items = {kind: value.name, **value.parameters}
    elif isinstance(value, Mapping):
        items = value
    elif is_dataclass(value) and not isinstance(value, type):
        items = {field.name: getattr(value, field.name) for field in fields(value)}
    else:
        raise ArgumentError(where, "has no text form", value=value, remedy="use a registered name")
    return {n: _encoded(v, where, folder) for n, v in items.items() if v is not None}


def _encoded_master(master: Master, where: str, folder: Path | None) -> dict[str, str]:
    if master.name == IN_MEMORY:
        raise ArgumentError(
            where,
            "has no text form",
            value=master,
            remedy="write it to a file and bind ccdfx.read_master(path)",
        )
    path = Path(master.name)
    if folder is not None and path.is_relative_to(folder):
        path = path.relative_to(folder)
    return {"file": path.as_posix(), "sha256": master.sha256}


def _registered(kind: str, value: Any) -> bool:
    if not isinstance(getattr(value, "parameters", None), Parameters):
        return False
    found = registry.records(kind).get(getattr(value, "name", ""))
    return found is not None and type(found) is type(value)


def _decoded(value: Any, folder: Path, reader: Callable[[Path], Master]) -> Any:
    if isinstance(value, list):
        return [_decoded(item, folder, reader) for item in value]
    if not isinstance(value, dict):
        return value
    if "file" in value:
        check_names("a master frame", ("file", "sha256"), value)
        if not all(isinstance(text, str) for text in value.values()):
            raise FormatError("a master frame", "must have file and sha256 as strings", value=value,
                              remedy='write file = "bias.fits"')  # fmt: skip
        return _checked(reader(folder / os.path.expanduser(value["file"])), value.get("sha256"))
    if _AVERAGE in value:
        options = {n: _decoded(v, folder, reader) for n, v in value.items() if n != _AVERAGE}
        return _average(value[_AVERAGE]).configure(**options)
    if _PLACED in value:
        check_names("offsets", (_PLACED, "extent", "kernel"), value)
        return placed(value[_PLACED], **{name: one for name, one in value.items() if name != _PLACED})
    kinds = [kind for kind in registry.KINDS if kind in value]
    if len(kinds) == 1:
        options = {n: _decoded(v, folder, reader) for n, v in value.items() if n != kinds[0]}
        return registry.lookup(kinds[0], value[kinds[0]]).configure(**options)
    return value


def _average(name: Any) -> Average:
    return AVERAGES[one_of(_AVERAGE, name, AVERAGES, UnknownNameError)]()


def _checked(master: Master, sha256: str | None) -> Master:
    if sha256 is not None and len(sha256) < _DIGITS:
        raise FormatError(
            master.name,
            f"must have at least the first {_DIGITS} digits of its SHA-256 in the recipe",
            value=sha256,
            remedy="give more digits, or take sha256 out of the recipe",
        )
    if sha256 is not None and not master.sha256.startswith(sha256):
        raise MismatchError(
            master.name,
            f"must have the SHA-256 {sha256[:16]} that the recipe was written with",
            value=master.sha256[:16],
            remedy="restore the file, or take sha256 out of the recipe",
        )
    return master


def _content(source: Any) -> tuple[dict[str, Any], Path, str]:
    from ccdfx.io.text import parse_toml, read_toml

    if isinstance(source, str) and "\n" in source:
        return parse_toml(source, "recipe"), Path(), "recipe"
    path = _path(source)
    return read_toml(path), path.parent, str(path)


def _path(path: Any) -> Path:
    if not isinstance(path, str | PathLike):
        raise ArgumentTypeError("recipe", "must be a path or the text of a recipe", value=type(path).__name__,
                                remedy="give the path of a TOML file")  # fmt: skip
    return Path(path)


def _default_reader() -> Callable[[Path], Master]:
    from ccdfx.io import read_master

    return read_master


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    raise ArgumentTypeError(
        "recipe", "holds strings, numbers, lists and tables", value=value, remedy="give one of these"
    )
