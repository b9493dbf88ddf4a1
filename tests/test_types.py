"""Types of the public names: what a user's type checker sees, and that it can name what it sees."""

from __future__ import annotations

import ast
import doctest
import inspect
import os
import subprocess
import sys
import typing
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import ccdfx

CONFIGURATION = """
[mypy]
follow_imports = silent
ignore_missing_imports = True
allow_redefinition_new = True
local_partial_types = True
disable_error_code = var-annotated
[mypy-numba.*,matplotlib.*,scipy.*,hypothesis.*,pytest.*]
follow_imports = skip
follow_imports_for_stubs = True
"""
"""Pages use one name for several things, so that may be redefined; large packages are skipped, to be fast."""

CORRECT = """
# mypy: disallow-untyped-defs, disallow-untyped-calls, warn-return-any
from pathlib import Path

import numpy as np

import ccdfx
from ccdfx import Image, NoiseFit, NoiseModel
from ccdfx.night import DarkChoice, Setup


def reduced(folder: Path, bias: Image, flat: ccdfx.Master, fit: NoiseFit) -> list[Image]:
    clean = ccdfx.pipeline(
        ccdfx.step("subtract_overscan", overscan="[513:544,1:512]"),
        ccdfx.step("subtract_bias", bias=bias),
        ccdfx.step(ccdfx.divide_flat, flat=flat),
    )
    return [clean(ccdfx.read(path)) for path in sorted(folder.glob("*.fits"))]


def counted(image: Image) -> int:
    return 0 if image.mask is None else sum(ccdfx.flag_counts(image.mask).values())


def measured(flats: list[Image], biases: list[np.ndarray]) -> tuple[float, NoiseModel]:
    fit = ccdfx.fit_noise(flats, biases)
    return fit.gain_error / fit.gain, fit.model


frames = [Image(np.zeros((4, 5)), {"EXPTIME": 3.0}), Image([[1, 2], [3, 4]], range=(0, 2, 0, 2))]
frames += [Image((4, 5)), Image.filled((4, 5), 3.0)]
masked = Image(frames[0].array, frames[0].header.to_astropy(), mask=frames[0].array > 2, variance=[[1.0]])
exptime: float = frames[0].exptime or 0.0
combined: Image = ccdfx.combine(frames, reject=ccdfx.sigma_clip(low=2, high=3), scale="median", zero=[1, 2])
combined = ccdfx.combine(ccdfx.open_frames(["a.fits", Path("b.fits")]), average=np.median)
maps: ccdfx.Stack = ccdfx.stack(frames, average=ccdfx.median(), offsets=[(0, 0), (1, 2)])
low: np.ndarray = maps.rejected_low
path: Path = ccdfx.write(frames, "c.fits", overwrite=True)
extensions: list[Image] = ccdfx.read("c.fits", hdu="all")
window: Image = ccdfx.read(Path("c.fits"), hdu="SCI", section=ccdfx.Range(0, 1, 0, 1))
with open("c.fits", "rb") as file:
    window = ccdfx.read(file)
with ccdfx.open_source("c.fits") as source:
    window = source.select("[1:2,1:2]")
statistics: ccdfx.Statistics = ccdfx.statistics(np.ma.MaskedArray(np.zeros((3, 3))), section=(1, 1, 1))
level: float = ccdfx.sky_level(maps) + ccdfx.local_noise(window.to_ccddata())
bad = ccdfx.find_sigma([[1.0, 2.0], [3.0, 4.0]], low=5)
window = ccdfx.replace(window, where=bad, by="median", flag=ccdfx.Flag.OUTLIER)
window = ccdfx.add_noise(window, model=ccdfx.ccd_noise(gain=1.6, readnoise=5), rng=np.random.default_rng(1))
window = ccdfx.scale(window, scaling=ccdfx.scalings.asinh())
window = ccdfx.warp(window, transform=ccdfx.measure_shift(window, reference=combined))
x, y = ccdfx.centroid(window, 10.0, 12.0, 4.0)
place: ccdfx.plots.Place = ccdfx.plots.look_at(window, x=x, y=y)
profile: ccdfx.plots.Profile | None = place.profile
pipe = ccdfx.step("trim", section="[1:2,1:2]") | ccdfx.gather("combine", by="FILTER", scale="median")
for image in ccdfx.run(pipe, ["a.fits", "b.fits"]):
    ccdfx.write(image, "d.fits")
recipe = ccdfx.NightRecipe(dark=DarkChoice(scale=True))
night: ccdfx.Night = ccdfx.reduce_night("night", Path("out"), recipe=recipe, planned=print)
setups: tuple[Setup, ...] = night.plan.setups
kinds = {frame.kind: frame.gain.value for frame in ccdfx.scan("night") if frame.gain}
"""

MISTAKES = """
import ccdfx

image = ccdfx.read("a.fits")
frames = [image, image]
ccdfx.combine(frames, rejct=ccdfx.sigma_clip())  # wrong: a keyword misspelt
ccdfx.combine(frames, reject="sigma_clip")  # wrong: the name instead of the rule
ccdfx.sigma_clip(low="3")  # wrong: text instead of a number
image.pixels  # wrong: an Image has none
image.mask.sum()  # wrong: there may be no mask
ccdfx.read("a.fits", hdu="all").array  # wrong: a list of images
ccdfx.statistics(ccdfx.read("a.fits", hdu="all"))  # wrong: a list of images
ccdfx.statistics("a.fits")  # wrong: a path instead of an image
ccdfx.fit_noise(frames, frames).readnoise_error_adu  # wrong: misspelt
ccdfx.subtract_bias(image, image)  # wrong: by keyword only
ccdfx.add_variance(image, noise=5.0)  # wrong: a number instead of a model
ccdfx.trim(image, section=image)  # wrong: an image instead of a window
ccdfx.scan("night")[0].exposure  # wrong: it is exptime
ccdfx.reduce_night("night", "out").plan.master  # wrong: it is masters
ccdfx.NightRecipe(darks=None)  # wrong: it is dark
ccdfx.scalings.asinh(softenig=1.0)  # wrong: misspelt
ccdfx.testing.check_scalings("asinh")  # wrong: it is check_scaling
ccdfx.combin(frames)  # wrong: misspelt
"""


def documentation() -> dict[str, str]:
    """Return the examples of each page as a script, without those that show an error."""
    root = Path(__file__).parents[1]
    parser, scripts = doctest.DocTestParser(), {}
    for page in (root / "README.md", *sorted((root / "docs").glob("*.md"))):
        examples = parser.get_examples(page.read_text(encoding="utf-8"))
        # Readers of a page know that there is a mask or a zero point.
        lines = ["# mypy: strict-optional=False\nimport ccdfx\n"]
        lines += [example.source for example in examples if example.exc_msg is None]
        scripts[f"page_{page.stem.lower()}.py"] = "".join(lines)
    return scripts


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[int, str]]:
    """Return what mypy reports of all scripts, by script and line."""
    folder = tmp_path_factory.mktemp("scripts")
    scripts = {"correct.py": CORRECT, "mistakes.py": MISTAKES, **documentation()}
    for name, text in {**scripts, "mypy.ini": CONFIGURATION}.items():
        (folder / name).write_text(text, encoding="utf-8")
    home = Path(ccdfx.__file__).parents[1]  # mypy finds an installed package itself, and refuses its folder
    where = {} if home.name == "site-packages" else {"MYPYPATH": str(home)}
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", "cache", *scripts],
        cwd=folder,
        env={**os.environ, **where},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode in (0, 1), result.stdout + result.stderr
    found: dict[str, dict[int, str]] = {name: {} for name in scripts}
    for line in result.stdout.splitlines()[:-1]:
        name, number, kind, message = line.split(":", 3)
        if kind == " error":
            found[name][int(number)] = message
    return found


def test_mistakes_are_reported_and_nothing_else(reported: dict[str, dict[int, str]]) -> None:
    lines = enumerate(MISTAKES.splitlines(), 1)
    assert reported["mistakes.py"].keys() == {number for number, line in lines if "# wrong" in line}


def test_a_correct_script_is_not_reported(reported: dict[str, dict[int, str]]) -> None:
    assert reported["correct.py"] == {}


def test_the_examples_of_the_documentation_are_not_reported(reported: dict[str, dict[int, str]]) -> None:
    pages = {name: lines for name, lines in reported.items() if name.startswith("page_")}
    assert len(pages) > 12
    assert not {name: lines for name, lines in pages.items() if lines}


PAGES = ("ccdfx", "ccdfx.night", "ccdfx.noise", "ccdfx.plots", "ccdfx.scalings", "ccdfx.testing")
"""The packages whose `__all__` is public."""


def public_names() -> list[tuple[str, Any]]:
    pages = map(import_module, PAGES)
    return [(f"{page.__name__}.{name}", getattr(page, name)) for page in pages for name in page.__all__]


@cache
def namespace(name: str) -> dict[str, Any]:
    """Return the names of a module, with those that it imports for type checkers only."""
    module = sys.modules[name]
    found = dict(vars(module))
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            exec(compile(ast.Module(node.body, []), name, "exec"), found)
    return found


def annotated(thing: Any) -> Iterator[Any]:
    """Yield the annotations of a function, or of the fields and public methods of a class."""
    if inspect.isclass(thing):
        home = namespace(thing.__module__)
        fields = typing.get_type_hints(thing, home) if thing.__module__ != "ccdfx.errors" else {}
        yield from (hint for name, hint in fields.items() if not name.startswith("_"))
        for name, member in vars(thing).items():
            if not name.startswith("_") or name == "__call__":
                yield from annotated(getattr(member, "__func__", getattr(member, "fget", member)))
    elif callable(thing):
        function = inspect.unwrap(thing)
        if isinstance(function, FunctionType) and function.__module__.startswith("ccdfx"):
            yield from typing.get_type_hints(function, namespace(function.__module__)).values()


def classes(hint: Any) -> Iterator[type]:
    """Yield the classes of ccdfx in an annotation."""
    inner = hint if isinstance(hint, list) else typing.get_args(hint)
    for item in inner:
        yield from classes(item)
    if isinstance(hint, type) and not inner and hint.__module__.split(".")[0] == "ccdfx":
        yield hint


def test_what_public_functions_take_and_give_has_a_public_name() -> None:
    names = public_names()
    public = {thing for _, thing in names if inspect.isclass(thing)}
    seen = {(cls, name) for name, thing in names for hint in annotated(thing) for cls in classes(hint)}
    assert len(public) > 80
    assert len({cls for cls, _ in seen}) > 50
    # A protocol only describes what is accepted: users neither get one nor make one.
    hidden = {pair for pair in seen if pair[0] not in public and not getattr(pair[0], "_is_protocol", False)}
    assert not hidden, "\n".join(sorted(f"{cls.__module__}.{cls.__name__}: {name}" for cls, name in hidden))
