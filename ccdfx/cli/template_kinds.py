"""The parts of the template of a plugin that belong to kinds of records, so that a package has those it wants alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from itertools import pairwise
from pathlib import Path

from ccdfx.registry import KINDS, hook_of

# The file in the package of each kind; its test is named after the kind.
_FILES = {
    "format": "pgm.py", "scaling": "softroot.py", "noise_model": "noise.py", "rejection": "rejection.py", "step": "flip.py",
    "instrument": "camera.toml", "maker": "sky_frame.py", "engine": "serial.py", "command": "brightest.py",
}  # fmt: skip
_NEEDED = {"numba": ("rejection",), "click": ("command",)}
_GENERIC = "iraf"  # the instrument that reads the night of a maker whose plugin has no camera


def chosen_kinds(text: str | None) -> tuple[str, ...]:
    """Return the kinds that a text such as "scaling,step" names, in the order of the registry; None names all.

    >>> chosen_kinds("step, scaling")
    ('scaling', 'step')
    """
    if text is None:
        return KINDS
    names = [word.strip().replace("-", "_") for word in text.split(",")]
    for name in names:
        hook_of(name)  # raises for an unknown one
    return tuple(kind for kind in KINDS if kind in names)


def is_wanted(path: Path, kinds: Collection[str]) -> bool:
    """Return whether a file of the template is one of these kinds, or of the package as a whole."""
    others = set(KINDS) - set(kinds)
    if path.parent.name == "tests":
        return path.name not in {f"test_{kind}.py" for kind in others}
    return path.name not in {_FILES[kind] for kind in others}


def restricted(path: Path, text: str, kinds: Collection[str]) -> str:
    """Return the text of a file of the template without what belongs to other kinds."""
    if set(kinds) == set(KINDS):
        return text
    others = set(KINDS) - set(kinds)
    if path.name == "__init__.py":
        return _module(text, {hook_of(kind) for kind in others})
    if path.name == "test_conformance.py" and "maker" in others:
        return re.sub(r'Conformance\("template".*?\)\]', '"template"]', text).replace(
            "from ccdfx.testing import Conformance\n\n", ""
        )
    if path.name == "pyproject.toml":
        for package, needed_by in _NEEDED.items():
            if not set(needed_by) & set(kinds):
                text = re.sub(rf' "{package}[^"]*",', "", text)
    if "instrument" in others and path.name in ("sky_frame.py", "test_conformance.py"):
        text = text.replace("template-cam", _GENERIC)
    lines = []
    for line in text.splitlines(keepends=True):
        kind = re.match(r'\s*"(\w+)": \("|\| ([a-z ]+) \| ', line)
        word = (kind[1] or kind[2]).replace(" ", "_") if kind else ""
        if word not in others:
            lines.append(line)
    return "".join(lines)


def _module(text: str, unwanted: Collection[str]) -> str:
    """Return a module without some of its functions, and without what only these used."""
    lines = text.splitlines(keepends=True)
    kept = [node for node in ast.parse(text).body if getattr(node, "name", None) not in unwanted]
    while True:
        used = {name for node in kept if not _is_import(node) for name in _names(node)}
        fewer = [n for n in kept if not isinstance(n, ast.FunctionDef) or n.decorator_list or n.name in used]
        if len(fewer) == len(kept):
            break
        kept = fewer
    parts = []
    for node in kept:
        first = min([node.lineno, *(mark.lineno for mark in getattr(node, "decorator_list", []))])
        part = "".join(lines[first - 1 : node.end_lineno])
        if _is_import(node):
            part = _imports(part, used)
        if part.strip():
            parts.append((_is_import(node), part.rstrip() + "\n"))
    joined = _joined(parts)
    # Commands alone need no record for type checkers.
    return joined if "if TYPE_CHECKING" in joined else joined.replace("import TYPE_CHECKING, ", "import ")


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom | ast.If)


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _imports(text: str, used: Collection[str]) -> str:
    """Return an import, or a block of one for type checkers, with the names in use alone.

    >>> _imports("from typing import TYPE_CHECKING, Any", {"Any"})
    'from typing import TYPE_CHECKING, Any'
    >>> _imports("from ccdfx import Command, hookimpl", {"hookimpl"})
    'from ccdfx import hookimpl'
    """

    def cut(match: re.Match[str]) -> str:
        names = [
            name for name in match[2].split(", ") if name in used or name in ("annotations", "TYPE_CHECKING")
        ]
        return f"{match[1]}{', '.join(names)}" if names else ""

    cutted = re.sub(r"(from \S+ import )(.+)", cut, text)
    return "" if re.fullmatch(r"if TYPE_CHECKING:\s*", cutted) else cutted


def _joined(parts: list[tuple[bool, str]]) -> str:
    """Join the docstring, the imports and the functions of a module with the blank lines that are usual."""
    text = parts[0][1]
    for (_, before), (is_import, part) in pairwise(parts):
        home = [re.match(r"from (\w+)", one) for one in (before, part)]
        together = all(home) and home[0][1] not in ("__future__", "ccdfx") and home[1][1] != "ccdfx"  # type: ignore[index]
        text += "" if together else "\n" if is_import else "\n\n"
        text += part
    return text
