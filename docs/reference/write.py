"""Writes the reference from the docstrings and the stubs of the public names: python docs/reference/write.py

One page a group of public names; the tests compare pages and stubs with what this would write.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import ccdfx

FOLDER = Path(__file__).parent
PACKAGES = {
    "plots": "Plots",
    "scalings": "Kinds of scalings",
    "night": "Parts of nights",
    "testing": "Testing plugins",
}
"""Packages with names of their own besides those of `ccdfx`."""
ACCEPTED = """In signatures, `ImageLike` is an Image, a record that holds one (`Master`, `Stack`), a 2-D array or
list of rows, a masked array or a CCDData; `HeaderLike` is what `Header` accepts, `RangeLike` what `Range.of`
accepts; `FileLike` is a path, the content of a file as bytes, or a binary file object."""
PAGES = {
    "records": ("Records", ("records", "hookspecs")),
    "files": ("Files", ("io",)),
    "statistics": ("Statistics, noise, scalings, photometry", ("estimators", "noise", "scalings", "photometry")),
    "operations": ("Operations", ("operations",)),
    "combining": ("Combining", ("operations.combining", "operations.rejection")),
    "pipelines": ("Pipelines, engines, nights", ("pipelines", "engines", "night", "plots")),
    "errors": ("Errors", ("errors",)),
}  # fmt: skip


def page_of(home: str) -> str:
    """The page of a module: that which names it or the innermost of its rooms."""
    parts = home.split(".")
    rooms = [".".join(parts[:depth]) for depth in range(len(parts), 0, -1)]
    return next(page for room in rooms for page, (_, homes) in PAGES.items() if room in homes)


def entry(name: str, home: Any = ccdfx) -> str:
    """One public name: how it is called, and its docstring."""
    thing: Any = getattr(home, name)
    text = inspect.getdoc(thing) or ""
    if inspect.isclass(thing) and text.startswith(f"{name}("):  # what a dataclass without words would have
        text = ""
    try:
        signature = re.sub(r" at 0x[0-9a-f]+", "", str(inspect.signature(thing)))
    except (TypeError, ValueError):
        signature = ""
    if inspect.isclass(thing) and issubclass(thing, Exception):
        signature = ""
    return f"## {name}\n\n```text\n{name}{signature}\n```\n\n```text\n{text}\n```\n"


def public(home: Any) -> list[str]:
    """The functions and classes that a package shows."""
    return [name for name in home.__all__ if callable(getattr(home, name))]


def written() -> dict[str, str]:
    """The text of every page by its file name."""
    names: dict[str, list[str]] = {page: [] for page in PAGES}
    for name in ccdfx.__all__:
        names[page_of(ccdfx._HOME[name])].append(name)
    pages = {}
    for page, found in names.items():
        title = PAGES[page][0]
        links = ", ".join(f"[{name}](#{name.lower()})" for name in found)
        pages[f"{page}.md"] = f"# {title}\n\n{links}\n\n" + "\n".join(entry(name) for name in found)
    lines = [f"- [{title}]({page}.md): {', '.join(names[page])}" for page, (title, _) in PAGES.items()]
    for package, title in PACKAGES.items():
        home = import_module(f"ccdfx.{package}")
        found = [name for name in sorted(public(home)) if name not in ccdfx.__all__]
        lines.append(f"- [{title}]({package}.md), in `ccdfx.{package}`: {', '.join(found)}")
        entries = "\n".join(entry(name, home) for name in found)
        pages[f"{package}.md"] = f"# {title}\n\nThese names are in `ccdfx.{package}`.\n\n{entries}"
    text = "\n".join(lines)
    pages["index.md"] = f"# Reference\n\nEvery public name, from its docstring.\n\n{text}\n\n{ACCEPTED}\n"
    return pages


def stubs() -> dict[Path, str]:
    """The stubs of the packages that import their names when they are first used, by the path of the file.

    Type checkers and editors read these: they cannot see what a module imports in `__getattr__`.
    """
    return {
        Path(home.__file__).with_suffix(".pyi"): stub(home) for home in (ccdfx, ccdfx.night, ccdfx.testing)
    }


def stub(home: Any) -> str:
    """The stub of one package: each public name from its home."""
    homes = [(f"{home.__name__}.{module}", names) for module, names in sorted(home._HOMES.items())]
    if home is ccdfx:
        homes.insert(0, (home.__name__, home._PACKAGES))
    lines = [f"from {module} import {name} as {name}" for module, names in homes for name in sorted(names)]
    lines += ["", *(["__version__: str"] if home is ccdfx else []), "__all__ = ["]
    lines += [*(f'    "{name}",' for name in home.__all__), "]"]
    return "# Written by docs/reference/write.py from the table in __init__.py.\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    for name, text in written().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    for path, text in stubs().items():
        path.write_text(text, encoding="utf-8")
