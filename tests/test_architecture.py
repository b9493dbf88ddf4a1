"""The house: its rooms, who may import whom, how large things are, how they are named, what importing costs."""

from __future__ import annotations

import ast
import inspect
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import ccdfx

ROOT = Path(__file__).parents[1] / "ccdfx"  # the sources, wherever the package is installed
PLUGINS = ROOT.parent / "plugins"
EVERYBODY = {"errors", "lazy", "records"}
ALLOWED = {
    "errors": set(),
    "lazy": set(),
    "records": {"errors"},
    "kernels": {"errors"},
    "estimators": {"kernels"},
    "photometry": {"kernels", "estimators", "engines"},
    "hookspecs": set(),
    "plugin_calls": set(),
    "registry": {"hookspecs", "plugin_calls"},
    "engines": {"registry"},
    "noise": {"kernels", "estimators", "engines"},
    "scalings": {"kernels", "engines"},
    "operations": {"kernels", "estimators", "photometry", "engines", "noise"},
    "io": {"registry", "kernels", "engines"},
    "pipelines": {"registry", "engines", "operations", "io"},
    "plots": {"registry", "estimators", "photometry", "operations", "scalings"},
    "night": {
        "registry",
        "plugin_calls",
        "engines",
        "estimators",
        "noise",
        "photometry",
        "operations",
        "io",
        "pipelines",
        "plots",
    },
    "demo": {"kernels", "photometry", "noise", "operations", "io", "plots", "night"},
}
"""Of each room what it may import, besides itself, the errors and the records; hooks speak of public names alone."""
SUBROOMS = {
    "kernels": {
        "compile": set(),
        "stack": {"compile"},
        "rules": {"compile", "stack"},
        "image": {"compile"},
        "sources": {"compile", "image"},
        "defects": {"compile", "stack", "image"},
    },
    "operations": {
        "window": set(),
        "expression": set(),
        "headers": set(),
        "pixels": set(),
        "resampling": set(),
        "rejection": set(),
        "calibration": {"pixels"},
        "colour": set(),
        "readouts": {"pixels", "calibration"},
        "registration": {"resampling"},
        "combining": {"colour", "headers", "rejection", "resampling", "registration"},
    },
}
"""Of each room inside a room what it may import of the others."""
FREE = {"cli", "testing", "_builtins", "__init__", "__main__"}
LEAVES = {"cli", "testing", "__main__"}
CROWDED = {"cli"}  # one file a command
MOST_FILES = 16
MOST_LINES, MEDIAN_LINES = 420, 180
FORBIDDEN_NAMES = {"utils", "util", "core", "base", "common", "helpers", "misc", "tools"}
METAPHORS = re.compile(
    r"\b(deaf to|fates?|workshop|shelf|quarrel\w*|meets? itself|are the caller's business|survivors? want)\b",
    re.IGNORECASE,
)


def modules() -> list[Path]:
    found = sorted(ROOT.rglob("*.py"))
    assert len(found) > 150
    return found


def dotted(path: Path) -> str:
    """Name a module from its path below the folder of its package: `ccdfx.io.fits.cards`."""
    package = ROOT if path.is_relative_to(ROOT) else path.parents[0]
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path, known: frozenset[str]) -> set[str]:
    """Return the modules of `known` that a module imports anywhere, in functions and for type checkers too."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else str(node.module) for name in names}
    return {name for name in found if name in known}


@cache
def arrows() -> dict[str, set[str]]:
    """Return what each module of ccdfx imports of it; a public name comes from the page `ccdfx`."""
    known = frozenset(dotted(path) for path in modules())
    return {dotted(path): imported(path, known) - {dotted(path)} for path in modules()}


def packages() -> list[Path]:
    found = sorted(path.parent for path in ROOT.rglob("__init__.py"))
    assert len(found) > 20
    return found


def part_of(module: str, package: str) -> str | None:
    """Return the module or room directly inside a package to which a module belongs; None outside of it."""
    inside = module.removeprefix(package + ".")
    return None if inside == module else inside.split(".")[0]


def between_parts(package: str) -> dict[str, set[str]]:
    """Return the arrows between the modules and rooms directly inside a package."""
    found: dict[str, set[str]] = defaultdict(set)
    for module, targets in arrows().items():
        here = part_of(module, package)
        if here is not None:
            found[here] |= {
                part for target in targets if (part := part_of(target, package)) not in (None, here)
            }
    return dict(found)


def require_no_circle(graph: dict[str, set[str]]) -> None:
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(reversed(error.args[1]))}")


def test_the_tables_name_the_rooms_that_there_are() -> None:
    found = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in modules()}
    assert found == set(ALLOWED) | FREE
    for room, inside in SUBROOMS.items():
        assert set(between_parts(f"ccdfx.{room}")) == set(inside), room


def test_a_room_imports_only_what_it_may() -> None:
    for here, found in between_parts("ccdfx").items():
        assert here == "cli" or not found & LEAVES - ({"cli"} if here in ("__main__", "_builtins") else set())
        if here not in FREE:
            everybody = EVERYBODY if here not in ("errors", "lazy", "records", "kernels") else set()
            assert found <= ALLOWED[here] | everybody, (
                f"new arrows out of {here}: {found - ALLOWED[here] - everybody}"
            )
            assert found >= ALLOWED[here] - EVERYBODY, (
                f"arrows that are gone: {here} to {ALLOWED[here] - found}"
            )


@pytest.mark.parametrize("room", SUBROOMS)
def test_a_room_inside_a_room_imports_only_what_it_may(room: str) -> None:
    assert between_parts(f"ccdfx.{room}") == SUBROOMS[room]


def test_no_module_imports_one_that_imports_it() -> None:
    graph = {module: targets - {"ccdfx"} for module, targets in arrows().items()}
    require_no_circle(graph)


@pytest.mark.parametrize("package", packages(), ids=lambda path: str(path.relative_to(ROOT.parent)))
def test_arrows_inside_a_room_go_one_way(package: Path) -> None:
    name = ".".join(package.relative_to(ROOT.parent).parts)
    graph = between_parts(name)
    if name == "ccdfx":  # what starts everything stands outside of the order
        graph = {here: found - FREE for here, found in graph.items() if here not in FREE}
    require_no_circle(graph)


def plugin_packages() -> list[Path]:
    return sorted(path.parent for path in PLUGINS.glob("*/ccdfx_*/__init__.py"))


@pytest.mark.parametrize("package", plugin_packages(), ids=lambda path: path.name)
def test_a_plugin_has_no_circle_either(package: Path) -> None:
    paths = sorted(package.rglob("*.py"))
    known = frozenset(dotted(path) for path in paths)
    require_no_circle({dotted(path): imported(path, known) - {dotted(path)} for path in paths})


@pytest.mark.parametrize("package", packages(), ids=lambda path: str(path.relative_to(ROOT.parent)))
def test_a_room_is_not_crowded_and_says_what_lives_there(package: Path) -> None:
    files = [path for path in package.glob("*.py") if path.stem not in ("__init__", "__main__", "_builtins")]
    assert package.name in CROWDED or len(files) <= MOST_FILES, sorted(path.stem for path in files)
    text = ast.get_docstring(tree(package / "__init__.py")) or ""
    first = text.split("\n\n")[0]
    assert first.endswith(".") and first.count(". ") == 0, f"{package}: one sentence of what lives there"
    assert package == ROOT or re.search(r"\b(May import|Imports no)\b", text), (
        f"{package}: what it may import"
    )


def test_a_room_says_what_it_may_import() -> None:
    """What the text of a room says it may import is what the tables let it."""
    said = {room: allowed | EVERYBODY - {room} for room, allowed in ALLOWED.items() if (ROOT / room).is_dir()}
    said |= {
        f"{outer}/{room}": allowed for outer, rooms in SUBROOMS.items() for room, allowed in rooms.items()
    }
    names = set(ALLOWED) | {room for rooms in SUBROOMS.values() for room in rooms}
    for room, allowed in said.items():
        path = ROOT / room / "__init__.py"
        text = (ast.get_docstring(tree(path)) or "") if path.exists() else "May import all rooms"
        words = text.partition("May import")[2].partition(".")[0]
        if "all rooms" not in words:
            found = {word for word in re.findall(r"[a-z_]+", words) if word in names}
            assert found - EVERYBODY == allowed - EVERYBODY, f"{room}: {words}"


def test_a_file_holds_one_concept() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in modules() if path.name != "__init__.py"}
    assert not {path: count for path, count in lines.items() if count > MOST_LINES}
    assert statistics.median(lines.values()) < MEDIAN_LINES


def test_no_module_is_a_bag() -> None:
    assert not [path for path in modules() if path.stem in FORBIDDEN_NAMES]


def definitions(kind: type[ast.AST] | tuple[type[ast.AST], ...], below: Path = ROOT) -> dict[str, list[str]]:
    """Return where the public names at the top of modules are defined."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(below.rglob("*.py")):
        for node in tree(path).body:
            if isinstance(node, kind) and not node.name.startswith("_"):  # type: ignore[attr-defined]
                found[node.name].append(str(path.relative_to(ROOT)))  # type: ignore[attr-defined]
    return found


def test_a_class_has_a_name_of_its_own() -> None:
    assert not {name: homes for name, homes in definitions(ast.ClassDef).items() if len(homes) > 1}


def constants(path: Path) -> set[str]:
    """Return the names in capitals that a module defines for others."""
    return {
        name.id
        for node in tree(path).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        for name in ast.walk(target)
        if isinstance(name, ast.Name) and name.id.isupper() and not name.id.startswith("_")
    }


def test_a_constant_of_the_kernels_has_one_home() -> None:
    """A wrong import of an equal name would compile and give wrong numbers."""
    homes: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "kernels").rglob("*.py")):
        for name in constants(path):
            homes[name].append(path.stem)
    assert len(homes) > 80
    assert not {name: found for name, found in homes.items() if len(found) > 1}


def documented(path: Path) -> list[tuple[str, int, str]]:
    """Return name, line and docstring of the functions and methods that have one, but for properties."""
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef) and (text := ast.get_docstring(node)):
            decorators = {ast.unparse(item).split(".")[-1] for item in node.decorator_list}
            if not decorators & {"property", "cached_property", "hookspec"}:
                found.append((node.name, node.lineno, text))
    return found


def sources() -> list[Path]:
    return modules() + sorted(PLUGINS.glob("*/ccdfx_*/**/*.py"))


def test_the_first_sentence_of_a_function_begins_with_a_verb() -> None:
    verbs = set((Path(__file__).parent / "verbs.txt").read_text(encoding="utf-8").split())
    wrong = [
        f"{path.relative_to(ROOT.parent)}:{line} {name}: {text.splitlines()[0]}"
        for path in sources()
        for name, line, text in documented(path)
        if text.split()[0].strip(",.:;") not in verbs
    ]
    assert not wrong, "not a verb of tests/verbs.txt:\n" + "\n".join(wrong)


def test_the_first_sentence_of_a_module_says_what_it_holds() -> None:
    verbs = set((Path(__file__).parent / "verbs.txt").read_text(encoding="utf-8").split())
    for path in sources():
        text = ast.get_docstring(tree(path)) or ""
        assert text, path
        assert text.split()[0] not in verbs, path


def test_docstrings_and_comments_have_no_metaphors() -> None:
    wrong = [
        f"{path.relative_to(ROOT.parent)}:{number}: {line.strip()}"
        for path in sources()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if METAPHORS.search(line)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_error_has_a_remedy(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if (
            isinstance(node, ast.Raise)
            and isinstance(node.exc, ast.Call)
            and isinstance(node.exc.func, ast.Name)
        ):
            kind = getattr(ccdfx, node.exc.func.id, None)
            own = isinstance(kind, type) and issubclass(kind, ccdfx.CcdfxError)
            # A FormatError has a remedy of its own; a check that failed has none.
            if own and kind not in (ccdfx.FormatError, ccdfx.CheckFailedError):
                words = {keyword.arg for keyword in node.exc.keywords}
                assert "remedy" in words, f"{path}:{node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize(
    "path", sorted(PLUGINS.glob("*/ccdfx_*/*.py")), ids=lambda path: "/".join(path.parts[-2:])
)
def test_a_plugin_uses_public_names_only(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module == "ccdfx":
            assert {alias.name for alias in node.names} <= set(dir(ccdfx)), ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("ccdfx."), ast.unparse(node)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "ccdfx":
            assert node.attr in dir(ccdfx), ast.unparse(node)


def test_public_names_exist_are_documented_and_sorted() -> None:
    assert ccdfx.__all__ == sorted(ccdfx.__all__)
    for name in ccdfx.__all__:
        assert getattr(ccdfx, name).__doc__, name


SEVERAL_PLACES = {
    "aperture_photometry": 2,
    "ccd_noise": 3,
    "centroid": 4,
    "fit_noise": 2,
    "grid": 2,
    "outcomes": 2,
    "reduce_night": 2,
    "run": 2,
    "uniform_noise": 3,
    "update": 2,
    "windowed": 3,
    "write": 2,
    "write_recipe": 2,
}
"""Public functions that take more than the data by position, and how many."""


def test_public_functions_take_data_first_and_the_rest_by_keyword() -> None:
    functions = [name for name in ccdfx.__all__ if inspect.isfunction(getattr(ccdfx, name))]
    assert len(functions) > 90
    for name in functions:
        found = inspect.signature(getattr(ccdfx, name)).parameters.values()
        by_place = [p for p in found if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        assert len(by_place) <= SEVERAL_PLACES.get(name, 1), (name, [p.name for p in by_place])


def test_importing_ccdfx_loads_nothing_heavy() -> None:
    code = "import ccdfx, ccdfx.cli, sys; print([m for m in sys.argv[1:] if m in sys.modules])"
    heavy = ["numba", "scipy", "matplotlib", "astropy", "jinja2", "rich", "numpy"]
    result = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'combien'"):
        _ = ccdfx.combien  # type: ignore[attr-defined]
