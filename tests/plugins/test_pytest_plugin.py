"""An author's test run: `ccdfx_conformance` in a module, or the option, makes a test for every law and object."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ccdfx.testing import laws_of

ROOT = Path(__file__).parents[2]
GOOD = """
from ccdfx import Scaling, hookimpl
def transform(x, factor): return x * factor
def inverse(x, factor): return x / factor
def check(factor):
    from ccdfx import ArgumentError
    if not isinstance(factor, float) or not 0 < factor < 1e9:
        raise ArgumentError("factor", "must be positive", value=factor, remedy="give a number")
@hookimpl
def ccdfx_scalings():
    return [Scaling("mine", {"factor": 2.0}, transform, inverse, check=check)]
"""
TURNING = GOOD.replace("x * factor", "abs(x - 20) * factor").replace(
    "transform, inverse, check", "transform, check"
)


@pytest.fixture
def author(tmp_path: Path):
    """Run pytest in a folder in which a plugin of this source is installed."""

    def run(
        source: str, *arguments: str, module: str = "", loaded: bool = True
    ) -> subprocess.CompletedProcess:
        (tmp_path / "mine_plugin.py").write_text(source)
        info = tmp_path / "ccdfx_mine-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ccdfx-mine\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[ccdfx]\nmine = mine_plugin\n")
        tests = tmp_path / "tests"
        tests.mkdir()
        (tests / "pytest.ini").write_text("[pytest]\n")
        if module:
            (tests / "test_mine.py").write_text(module)
        options = ["-p", "ccdfx.testing.pytest_plugin"] if loaded else []
        path = os.pathsep.join(map(str, (tmp_path, ROOT)))
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, *arguments],
            cwd=tests, env={**os.environ, "PYTHONPATH": path, "CCDFX_PLUGINS": "mine"},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    return run


@pytest.mark.quick
def test_a_module_that_names_a_plugin_gets_the_whole_suite(author) -> None:
    result = author(GOOD, "-v", module='ccdfx_conformance = ["mine"]\ndef test_own(): pass\n')
    assert result.returncode == 0, result.stdout
    assert "ccdfx_conformance::plugin[mine]-it_loads PASSED" in result.stdout
    assert (
        "test_mine.py::ccdfx_conformance::scaling[mine]-it_only_rises_or_only_falls PASSED" in result.stdout
    )
    assert "test_mine.py::test_own PASSED" in result.stdout and "16 passed" in result.stdout


def test_the_option_does_without_a_module_and_names_may_be_chosen(author) -> None:
    result = author(GOOD, "--ccdfx-conformance", "ccdfx-mine", "-k", "fast or loads", "-v")
    assert result.returncode == 0, result.stdout
    assert "scaling[mine]-it_is_fast PASSED" in result.stdout and "2 passed" in result.stdout


def test_a_failure_names_law_plugin_and_example_and_no_inside_of_ccdfx(author) -> None:
    result = author(TURNING, module='ccdfx_conformance = ["mine"]\n')
    assert result.returncode == 1
    assert "scaling 'mine': breaks the law 'it only rises or only falls': " in result.stdout
    assert "for example with\n  values = [[" in result.stdout and "laws.py" not in result.stdout
    assert "1 failed" in result.stdout


def test_what_a_plugin_raises_is_shown_where_it_happened(author) -> None:
    result = author(
        GOOD.replace("x * factor", "x * factor * (1 / 0)"), module='ccdfx_conformance = ["mine"]\n'
    )
    assert "it raised ZeroDivisionError, which is no CcdfxError" in result.stdout
    assert "mine_plugin.py:3: in transform" in result.stdout


PROBLEMS = {
    "import": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "wrong return": (GOOD.replace("return [Scaling(", "return (Scaling, ("), "must return a list of Scaling records"),
    "clash": (GOOD.replace('"mine"', '"asinh"'), "scaling 'asinh': is provided by two plugins, ccdfx and mine"),
    "nothing": ("", "it provides nothing"),
}  # fmt: skip


@pytest.mark.parametrize("fault", PROBLEMS)
def test_a_plugin_that_does_not_load_is_one_failure_with_the_reason(author, fault: str) -> None:
    source, words = PROBLEMS[fault]
    if fault == "wrong return":
        source = source.replace("check=check)]", "1))")
    result = author(source, module='ccdfx_conformance = ["mine"]\n')
    assert result.returncode == 1 and "1 failed" in result.stdout and "passed" not in result.stdout, (
        result.stdout
    )
    assert "plugin 'mine': breaks the law 'it loads': " in result.stdout and words in result.stdout


def test_a_plugin_that_is_not_installed_is_named_with_those_that_are(author) -> None:
    result = author(GOOD, "--ccdfx-conformance", "yours")
    assert (
        result.returncode == 1 and "it is not installed; there are: ccdfx, mine (ccdfx-mine)" in result.stdout
    )


def test_the_terms_of_the_author_count(author) -> None:
    module = (
        "from ccdfx.testing import Conformance\n"
        'ccdfx_conformance = [Conformance("mine", without={"mine": ["it only rises or only falls"]}, examples=3)]\n'
    )
    result = author(TURNING, module=module)
    # All laws but one, and that it loads.
    passed = f"{len(laws_of('scaling'))} passed"
    assert result.returncode == 0 and passed in result.stdout, result.stdout


def test_what_is_no_list_is_an_error_that_shows_the_right_form(author) -> None:
    result = author(GOOD, module='ccdfx_conformance = "mine"\n')
    assert (
        result.returncode != 0
        and 'must be a list of names of plugins, such as ["my-plugin"]' in result.stdout
    )


def test_other_peoples_runs_import_nothing_of_it(author) -> None:
    module = (
        "import sys\n"
        "def test_nothing_is_loaded():\n"
        "    heavy = {'ccdfx.testing.conformance', 'ccdfx.registry', 'numba', 'astropy', 'scipy', 'click'}\n"
        "    assert 'ccdfx.testing.pytest_plugin' in sys.modules and not heavy & set(sys.modules)\n"
    )
    result = author(GOOD, module=module)
    assert result.returncode == 0, result.stdout


def test_the_entry_point_has_the_name_of_its_module() -> None:
    import tomllib

    with (ROOT / "pyproject.toml").open("rb") as stream:
        points = tomllib.load(stream)["project"]["entry-points"]["pytest11"]
    assert points == {"ccdfx.testing.pytest_plugin": "ccdfx.testing.pytest_plugin"}
