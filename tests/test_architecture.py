"""The house: who may import whom, how the public page looks, and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ccdfx

ROOT = Path(ccdfx.__file__).parent
EVERYBODY = {"errors", "records"}
ALLOWED = {
    "errors": set(),
    "records": {"errors"},
    "kernels": {"errors"},
    "estimators": {"kernels"},
    "noise": {"kernels", "estimators", "engines"},
    "transfer": {"kernels", "estimators", "noise"},
    "scalings": {"kernels", "engines"},
    "photometry": {"kernels", "estimators"},
    "engines": {"registry"},
    "operations": {"kernels", "estimators", "noise", "scalings", "photometry", "engines"},
    "hookspecs": {"engines", "io", "night", "noise", "operations", "pipelines", "scalings"},
    "registry": {"hookspecs"},
    "io": {"registry"},
    "pipelines": {"registry", "operations", "scalings"},
    "running": {"engines", "io", "pipelines"},
    "recipes": {"registry", "pipelines", "operations", "io"},
    "plots": {"estimators", "operations", "scalings", "photometry", "registry"},
    "night": {
        "engines", "estimators", "io", "noise", "operations", "photometry", "pipelines", "plots", "recipes", "registry",
        "scalings", "transfer",
    },
    "demo": {"estimators", "io", "night", "noise", "operations", "photometry", "plots"},
}  # fmt: skip
FREE = {"cli", "testing", "_builtins", "__init__", "__main__"}
LEAVES = {"cli", "testing", "__main__"}
FORBIDDEN_NAMES = {"utils", "util", "core", "base", "common", "helpers", "misc", "tools"}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """The rooms of ccdfx that a module imports anywhere, inside functions and for type checkers too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("ccdfx.")}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    here = room(path)
    found = imported(path) - {here}
    assert here == "cli" or not found & LEAVES - ({"cli"} if here in ("__main__", "_builtins") else set())
    if here not in FREE:
        everybody = EVERYBODY if here not in ("errors", "records", "kernels") else set()
        assert found <= ALLOWED[here] | everybody, (
            f"new arrows out of {here}: {found - ALLOWED[here] - everybody}"
        )


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_error_has_a_remedy(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
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
    "path",
    sorted((ROOT.parent / "plugins").glob("*/ccdfx_*/*.py")),
    ids=lambda path: "/".join(path.parts[-2:]),
)
def test_a_plugin_uses_public_names_only(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "ccdfx":
            assert {alias.name for alias in node.names} <= set(dir(ccdfx)), ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("ccdfx."), ast.unparse(node)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "ccdfx":
            assert node.attr in dir(ccdfx), ast.unparse(node)


def test_no_module_is_a_bag() -> None:
    assert not [path for path in modules() if path.stem in FORBIDDEN_NAMES]


def test_public_names_exist_are_documented_and_sorted() -> None:
    assert ccdfx.__all__ == sorted(ccdfx.__all__)
    for name in ccdfx.__all__:
        assert getattr(ccdfx, name).__doc__, name


def test_public_functions_take_data_first_and_the_rest_by_keyword() -> None:
    import inspect

    for name in ("select", "trim", "subtract_overscan", "subtract_bias", "subtract_dark", "divide_flat", "calibrate",
                 "combine", "stack", "shift", "align", "statistics", "replace", "offset", "subtract_level", "clip_invalid",
                 "clip_outliers", "clip_sigma", "clip_threshold", "find_invalid", "find_outliers", "find_sigma",
                 "find_threshold", "cutouts", "mask_saturated", "to_electrons", "mask_cosmic_rays",
                 "median_filter"):  # fmt: skip
        first, *rest = inspect.signature(getattr(ccdfx, name)).parameters.values()
        assert first.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in rest), name


def test_importing_ccdfx_loads_nothing_heavy() -> None:
    code = "import ccdfx, ccdfx.cli, sys; print([m for m in sys.argv[1:] if m in sys.modules])"
    heavy = ["numba", "scipy", "matplotlib", "astropy", "jinja2", "rich", "numpy"]
    result = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'combien'"):
        _ = ccdfx.combien  # type: ignore[attr-defined]
