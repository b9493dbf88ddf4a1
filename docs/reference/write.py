"""Writes the lists of the reference, the page of cameras and the stubs of the public names: python docs/reference/write.py

One page for each group of public names, from which the site takes the docstrings; the tests compare pages and stubs with
what this would write.
"""

from __future__ import annotations

import inspect
import json
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
OPENING = """Every public name, by subject. The site ([how to build it](../development.md#the-site)) shows the docstring of
each: shapes, units, what becomes of flags and variances, errors, formula and source, examples. `help(ccdfx.combine)` and
the editor show the same text."""
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


def related(function: Any) -> list[str]:
    """Return the names in the section "See Also" of a docstring."""
    lines = (inspect.getdoc(function) or "").splitlines()
    if "See Also" not in lines:
        return []
    return [name.strip() for name in lines[lines.index("See Also") + 2].split(",")]


def require_related() -> None:
    """Refuse names in "See Also" that are not public or are the function itself."""
    for name in ccdfx.__all__:
        wrong = [one for one in related(getattr(ccdfx, name)) if one not in ccdfx.__all__ or one == name]
        if wrong:
            raise SystemExit(f"{name}: See Also names what is not public, or itself: {', '.join(wrong)}")


def listed(names: list[str], package: str) -> str:
    """Make the table of names of a page, from which the site makes a page for each name."""
    return (
        f"```{{eval-rst}}\n.. currentmodule:: {package}\n\n.. autosummary::\n   :toctree: api\n\n"
        + "".join(f"   {name}\n" for name in names)
        + "```\n"
    )


def public(home: Any) -> list[str]:
    """The functions and classes that a package shows."""
    return [name for name in home.__all__ if callable(getattr(home, name))]


def written() -> dict[str, str]:
    """The text of every page by its file name."""
    names: dict[str, list[str]] = {page: [] for page in PAGES}
    for name in ccdfx.__all__:
        names[page_of(ccdfx._HOME[name])].append(name)
    pages = {f"{page}.md": f"# {PAGES[page][0]}\n\n{listed(found, 'ccdfx')}" for page, found in names.items()}
    lines = [f"- [{title}]({page}.md)" for page, (title, _) in PAGES.items()]
    for package, title in PACKAGES.items():
        home = import_module(f"ccdfx.{package}")
        found = [name for name in sorted(public(home)) if name not in ccdfx.__all__]
        lines.append(f"- [{title}]({package}.md): `ccdfx.{package}`")
        pages[f"{package}.md"] = (
            f"# {title}\n\nThese names are in `ccdfx.{package}`.\n\n{listed(found, f'ccdfx.{package}')}"
        )
    pages["night_json.md"] = night_json()
    lines.append("- [night.json](night_json.md): every key of the facts of a night, and their JSON schema")
    contents = "".join(f"{page.removesuffix('.md')}\n" for page in pages)
    text = "\n".join(lines)
    pages["index.md"] = (
        f"# Reference\n\n{OPENING}\n\n{text}\n\n{ACCEPTED}\n\n```{{toctree}}\n:hidden:\n\n{contents}```\n"
    )
    return pages


NIGHT_JSON = """# night.json

Written by docs/reference/write.py from the JSON schema (draft 2020-12), which is part of the package: `ccdfx.night.night_schema()`
returns it, and it is below. Values that are not known are null. Files of products are relative to the output,
raw frames to `directory`. While a run goes on, `complete` is false, and only `directory` is there beside it.

"""


def night_json() -> str:
    """The page of the keys of night.json, from its schema."""
    definitions = ccdfx.night.night_schema()["$defs"]
    text = NIGHT_JSON
    for name, one in definitions.items():
        if "properties" in one and name != "begun":
            text += f"## {name}\n\n" + (
                f"{one['description'].capitalize()}.\n\n" if "description" in one else ""
            )
            text += "| key | type | what |\n|---|---|---|\n"
            for key, part in one["properties"].items():
                text += f"| `{key}`{'' if key in one['required'] else ' (not always)'} | {_kind(part)} | {part.get('description', '')} |\n"
            text += "\n"
    return (
        text + "## schema\n\n```{literalinclude} ../../ccdfx/night/night.schema.json\n:language: json\n```\n"
    )


def _kind(part: dict[str, Any]) -> str:
    """The type of a part of a schema in words."""
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return "numbers by name" if name == "flags" else f"[{name}](#{name})"
    if "enum" in part or "const" in part:
        return " or ".join(json.dumps(value) for value in part.get("enum", [part.get("const")]))
    kinds = part.get("type", "any")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    words = [
        f"array of {_kind(part['items'])}" if kind == "array" and "items" in part else kind for kind in kinds
    ]
    if "object" in kinds and "properties" in part:
        words = [f"object with {', '.join(f'`{key}`' for key in part['properties'])}"]
    return " or ".join(words)


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


CAMERAS = """# Cameras

Written by docs/reference/write.py from the instrument files, which are in `ccdfx/night/instruments/descriptions`.

The headers of these cameras and programs are read as they come; `ccdfx scan` shows which description matched, and what each
frame is. Any other camera needs [an instrument file](instruments.md). A camera takes precedence over a program, and a program over a
convention: a frame of N.I.N.A. is read as such where its camera is not in the list.

Facts that were not found are left out of a description. Gain and read noise are then measured from pairs of frames (and compared
with the header where it has them), the saturation is found in the frames, and a frame of unknown kind is an error that names it. Readouts that are not in one image are read by the sections in their headers.

"""
_PROGRAMS = """
PixInsight and AstroImageJ keep the header of the program that took a frame, so that raw frames which they saved are read as
those of that program. What they calibrated or stacked, as what MaxIm DL, Siril, ASTAP, the ASIAIR and the Seestar did, is
refused as reduced before (`--again` takes it as raw). FireCapture is not in the list: what its FITS headers hold is not
published, and a wrong description would be worse than none.

ARCSAT (Apache Point 0.5 m) is read by `sbig`, Palomar's 60-inch camera by `obstype`, as are Magellan (EXPTYPE), Subaru (DATA-TYP),
the TNG (OBS-TYPE) and OSIRIS of the GTC, each where a frame is read through one amplifier or has sections for each.

## CMOS cameras

- A gain in e-/ADU is EGAIN where it is there, and measured from pairs of flats otherwise; it is compared with EGAIN, so that frames
  which a program binned to means (four times the EGAIN of a pixel) are not taken for sums (EGAIN itself).
- Values of 12 or 14 bits in the upper ones of 16 are all multiples of 16 or 4: the level of saturation is found from them, from
  BITDEPTH, or from values that pile up.
- Without an overscan, the level without light is that of the bias frames, or of darks of the same exposure: a night needs
  either biases, or darks of its science frames and of its flats (dark flats). Without dark flats the dark nearest in exposure is
  subtracted from the flats, with a warning: its dark current is of another time, but a flat that keeps its level would be wrong.
  Where nothing tells the level, frames are left out; `level` of `[bias]` in the recipe states it.
- Gain setting, offset, read mode, row order, binning and window must agree, or frames are not applied to one another.

## What is read of a header

- the kind, by the first rule of the file that holds, also of several keywords together;
- the exposure: seconds; "0,5", "300 s", "250 ms" and "5 min", and the unit in the comment of the card, are understood;
- when it began: DATE-OBS, with the time of day of another card where it has none (TIME-OBS, UTSTART, UT and others), also
  as DD/MM/YY of the twentieth century, DD/MM/YYYY and YYYY/MM/DD (02/03/24 is not taken as a date, with a remark), and the
  night, from noon to noon, which is the same before and after midnight (`ccdfx reduce --where "night = 2024-03-02"`);
- the filter, of all wheels through which the light goes; an empty slot is none;
- gain and read noise in electrons, also "2.0 e/ADU": EGAIN takes precedence over GAIN; a GAIN that is a setting of the camera is not used, with a warning;
- settings that must agree (gain setting, offset, read mode, row order, binning, window), saturation, temperature;
- sections: what is exposed, and the overscan.
"""


def cameras() -> str:
    """The page of the cameras that are known, from their instrument files."""
    from ccdfx.night.instruments.known import builtin_instruments

    known = builtin_instruments()
    groups = {
        "Observatories": [one for one in known if not one.generic],
        "Programs and conventions": [one for one in known if one.generic],
    }
    text = CAMERAS
    for title, instruments in groups.items():
        text += (
            f"## {title}\n\n| name | for | recognised by | kind by | filter | gain, read noise | overscan |\n"
        )
        text += "|---|---|---|---|---|---|---|\n" + "".join(map(_camera_row, instruments)) + "\n"
    text += _PROGRAMS.lstrip() + "\n## Where the facts are from\n\n"
    folder = Path(ccdfx.__file__).parent / "night" / "instruments" / "descriptions"
    for one in known:
        lines = (folder / f"{one.name}.toml").read_text(encoding="utf-8").splitlines()
        head = " ".join(line.removeprefix("# ") for line in lines[: _first_key(lines)])
        text += f"- `{one.name}`: {head}\n" if head else ""
    return text


def _first_key(lines: list[str]) -> int:
    return next(i for i, line in enumerate(lines) if not line.startswith("#"))


def _camera_row(instrument: Any) -> str:
    groups = [" and ".join(map(_condition, group)) for group in instrument.match]
    kinds = dict.fromkeys(item.keyword for _, when in instrument.rules for item in when)
    filters = (" + ".join(one) if isinstance(one, tuple) else one for one in instrument.filter)
    numbers = [", ".join(map(str, one)) or "measured" for one in (instrument.gain, instrument.readnoise)]
    cells = [
        f"`{instrument.name}`", instrument.description, "; or ".join(groups), ", ".join(kinds), ", ".join(filters),
        "; ".join(dict.fromkeys(numbers)), "yes" if instrument.overscan else "none",
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |\n"


def _condition(item: Any) -> str:
    tests = item.test if isinstance(item.test, tuple) else (item.test,)
    words = {True: "present", False: "absent"}
    values = " or ".join(words[one] if isinstance(one, bool) else f"`{one}`" for one in tests)
    return f"{item.keyword} {values}"


if __name__ == "__main__":
    require_related()
    (FOLDER.parent / "cameras.md").write_text(cameras(), encoding="utf-8")
    for name, text in written().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    for path, text in stubs().items():
        path.write_text(text, encoding="utf-8")
