"""Creation of a plugin package from the template."""

from __future__ import annotations

import keyword
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ccdfx.cli.template_kinds import is_wanted, restricted
from ccdfx.errors import ArgumentError, FileError, OutputExistsError
from ccdfx.registry import KINDS

_INSTALLED = "plugin_template"  # folder of the template in the installed package
_SKIPPED = {"__pycache__", "build", "dist", ".pytest_cache", ".hypothesis"}
# Objects of the template; the new package renames them, because two plugins must not share a name.
_OBJECTS = ("pgm", "softroot", "digitisation", "drop_brightest", "flip", "sky_frame", "serial", "brightest")
_REMEDY = "give letters, digits and dashes, such as ccdfx-mycamera"


@dataclass(frozen=True, slots=True)
class NewPlugin:
    """The folder of a new package and its names: distribution, module and entry point."""

    folder: Path
    distribution: str
    module: str
    entry_point: str


def write_plugin(name: str, folder: Path, kinds: Sequence[str] = KINDS) -> NewPlugin:
    """Write a package with one object of each kind that is wanted into a new folder.

    Parameters
    ----------
    name : str
        Name of the package, such as ``ccdfx-mycamera``: its module is ``ccdfx_mycamera``, and the names of
        its objects and of its entry point begin with ``mycamera``.
    folder : Path
        Must not exist.
    kinds : sequence of str
        Those of the registry; nothing of the others is written.

    Raises
    ------
    ArgumentError
        The name is not valid for a Python package, or another package has it.
    OutputExistsError
        The folder exists.
    FileError
        The package cannot be written.
    """
    plugin = _named(name, folder)
    if folder.exists() or folder.is_symlink():
        raise OutputExistsError(folder, "already exists", remedy="give another directory, or move it away")
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    try:
        shutil.copytree(template_folder(), unfinished, ignore=shutil.ignore_patterns(*_SKIPPED))
        for path in sorted(unfinished.rglob("*"), reverse=True):  # files before their folder
            if path.is_file():
                if not is_wanted(path, kinds):
                    path.unlink()
                    continue
                text = restricted(path, path.read_text(encoding="utf-8"), kinds)
                path.write_text(_renamed(text, plugin), encoding="utf-8")
            path.rename(path.with_name(_renamed(path.name, plugin)))
        unfinished.rename(folder)
    except OSError as error:
        raise FileError(
            folder, f"cannot be written: {error.strerror}", remedy="choose another directory"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return plugin


def template_folder() -> Path:
    """Return the folder of the template: in the installed package or, without one, in the repository."""
    import ccdfx

    home = Path(ccdfx.__file__).parent
    for folder in (home / _INSTALLED, home.parent / "plugins" / "template"):
        if (folder / "pyproject.toml").is_file():
            return folder
    raise FileError(home / _INSTALLED, "is missing", remedy="install ccdfx again")


def _named(name: str, folder: Path) -> NewPlugin:
    module = re.sub(r"[-.]+", "_", name).lower()
    entry = module.removeprefix("ccdfx_")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9._-]*[A-Za-z0-9]", name) or not name.isascii():
        raise ArgumentError("name", "must be one that a package can have", value=name, remedy=_REMEDY)
    if keyword.iskeyword(module) or keyword.iskeyword(entry) or not entry.isidentifier():
        raise ArgumentError("name", "must be one that a module can have", value=name, remedy=_REMEDY)
    if module in sys.stdlib_module_names or module in ("ccdfx", "ccdfx_template", "numpy", "numba", "click"):
        raise ArgumentError("name", "is that of another package", value=name, remedy="give ccdfx-" + entry)
    return NewPlugin(folder, name, module, entry)


def _renamed(text: str, plugin: NewPlugin) -> str:
    """Replace the names of the template by those of the new package."""
    for name in _OBJECTS:
        text = re.sub(rf'(["`]|ccdfx ){name}(["`:])', rf"\g<1>{plugin.entry_point}_{name}\g<2>", text)
    text = text.replace("ccdfx_template", plugin.module).replace("ccdfx-template", plugin.distribution)
    camera = "".join(part.capitalize() for part in plugin.entry_point.split("_"))
    text = text.replace("TemplateCam", f"{camera}Cam").replace("template-cam", f"{plugin.entry_point}-cam")
    text = re.sub(r"\[([^]]+)\]\(\.\./\.\./[^)]*\)", r"\g<1>", text)  # links into the repository of ccdfx
    text = text.replace("./plugins/template", ".").replace("plugins/template", ".")
    text = re.sub(r"^template = ", f"{plugin.entry_point} = ", text, flags=re.MULTILINE)
    text = text.replace('Conformance("template"', f'Conformance("{plugin.entry_point}"')
    text = text.replace('["template"]', f'["{plugin.entry_point}"]').replace(
        '"template" in', f'"{plugin.entry_point}" in'
    )
    return text.replace("test_template", f"test_{plugin.entry_point}")
