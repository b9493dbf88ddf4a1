"""`ccdfx plugins new` writes a package that installs, works beside others, and obeys the laws."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from itertools import combinations
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import ccdfx
from ccdfx import registry
from ccdfx.cli.group import commands
from ccdfx.cli.template import template_folder, write_plugin
from ccdfx.registry import KINDS, hook_of

ROOT = Path(__file__).parents[2]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


def installed(folder: Path, site: Path) -> dict[str, str]:
    """The environment of a process that finds the package as pip would have installed it into `site`."""
    with (folder / "pyproject.toml").open("rb") as stream:
        project = tomllib.load(stream)["project"]
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = "".join(f"{name} = {module}\n" for name, module in project["entry-points"]["ccdfx"].items())
    (info / "entry_points.txt").write_text(f"[ccdfx]\n{points}")
    (name,) = project["entry-points"]["ccdfx"]
    path = os.pathsep.join(map(str, (site, folder, ROOT)))
    return {**os.environ, "PYTHONPATH": path, "CCDFX_PLUGINS": name}


def python(environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.quick
def test_the_new_package_has_names_of_its_own(tmp_path: Path) -> None:
    result = run("plugins", "new", "ccdfx-my-camera", tmp_path / "here")
    assert result.exit_code == 0 and result.stdout.strip() == str(tmp_path / "here")
    assert "ccdfx plugins" in result.stderr and "my_camera" in result.stderr
    folder = tmp_path / "here"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert {"pyproject.toml", "ccdfx_my_camera/__init__.py", "tests/test_my_camera.py"} <= names
    assert not any("template" in name or "__pycache__" in name for name in names)
    for path in folder.rglob("*.*"):
        assert path.is_dir() or "ccdfx_template" not in path.read_text(), path
    with (folder / "pyproject.toml").open("rb") as stream:
        project = tomllib.load(stream)["project"]
    assert project["name"] == "ccdfx-my-camera"
    assert project["entry-points"]["ccdfx"] == {"my_camera": "ccdfx_my_camera"}


def test_it_is_found_with_names_of_its_own_and_works(tmp_path: Path) -> None:
    folder = write_plugin("ccdfx-mycam", tmp_path / "ccdfx-mycam").folder
    environment = installed(folder, tmp_path / "site")
    listed = python(environment, "-m", "ccdfx", "plugins").stdout
    assert "mycam (ccdfx-mycam) 0.1.0" in listed and "broken" not in listed
    for line in (
        "format: mycam_pgm",
        "step: mycam_flip",
        "instrument: mycam-cam",
        "maker: mycam_sky_frame",
        "command: mycam_brightest",
    ):
        assert line in listed
    # beside another of the same make, and beside the template where that is installed
    other = write_plugin("ccdfx-other", tmp_path / "ccdfx-other").folder
    second = installed(other, tmp_path / "site")
    template = [entry.name for entry in entry_points(group="ccdfx", name="template")]
    both = {**environment, "CCDFX_PLUGINS": ",".join(["mycam", "other", *template])}
    both["PYTHONPATH"] += os.pathsep + second["PYTHONPATH"]
    listed = python(both, "-m", "ccdfx", "plugins").stdout
    assert "mycam_flip" in listed and "other_flip" in listed and "broken" not in listed


@pytest.mark.quick
@pytest.mark.parametrize(
    "kinds", [*combinations(KINDS, 1), ("scaling", "step"), ("command", "maker"), KINDS], ids="-".join
)
def test_kinds_that_are_chosen_are_written_and_nothing_else(kinds: tuple[str, ...], tmp_path: Path) -> None:
    folder = tmp_path / "ccdfx-mine"
    assert run("plugins", "new", "ccdfx-mine", folder, "--kind", ",".join(kinds)).exit_code == 0
    tests = {path.name for path in folder.glob("tests/*.py")}
    assert tests == {"test_conformance.py", "test_mine.py", *(f"test_{kind}.py" for kind in kinds)}
    assert len([*folder.glob("ccdfx_mine/*")]) == 1 + len(kinds)
    code = (folder / "ccdfx_mine" / "__init__.py").read_text()
    assert re.findall(r"^def (ccdfx_\w+)", code, re.MULTILINE) == [
        hook_of(kind) for kind in KINDS if kind in kinds
    ]
    names = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    found = [
        alias.name
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    unused = {name for name in found if name not in names and name != "annotations" and name[0].isupper()}
    assert not unused, unused
    for path in folder.rglob("*"):  # no word of another kind
        text = path.read_text() if path.is_file() else ""
        for kind in set(KINDS) - set(kinds):
            assert f'"{kind}": (' not in text and f"def {hook_of(kind)}" not in text
    listed = {
        line.split(" | ")[0][2:] for line in (folder / "README.md").read_text().splitlines() if "` | " in line
    }
    assert listed == {kind.replace("_", " ") for kind in kinds}


def test_a_kind_that_is_not_there_is_refused(tmp_path: Path) -> None:
    result = run("plugins", "new", "ccdfx-mine", tmp_path / "new", "--kind", "scaling,steps")
    assert result.exit_code == 1 and "did you mean 'step'?" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_its_tests_and_the_laws_pass(tmp_path: Path) -> None:
    folder = write_plugin("ccdfx-mycam", tmp_path / "ccdfx-mycam").folder
    result = python(
        installed(folder, tmp_path / "site"), "-m", "pytest", "-q", "-p", "ccdfx.testing.pytest_plugin",
        "-p", "no:cacheprovider", "--rootdir", folder, folder,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-3000:]
    assert "passed" in result.stdout and int(result.stdout.split(" passed")[0].split()[-1]) > 90


@pytest.mark.slow
def test_pip_installs_it_and_the_wheel_of_ccdfx_has_the_template(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    site = tmp_path / "site"
    pip = ["-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", site]
    wheel = python(dict(os.environ), *pip, ROOT)
    assert wheel.returncode == 0, wheel.stderr
    environment = {**os.environ, "PYTHONPATH": str(site), "CCDFX_PLUGINS": "mycam"}
    made = python(environment, "-P", "-m", "ccdfx", "plugins", "new", "ccdfx-mycam", tmp_path / "new")
    assert made.returncode == 0, made.stderr
    where = python(environment, "-P", "-c", "from ccdfx.cli.template import template_folder as f; print(f())")
    assert Path(where.stdout.strip()) == site / "ccdfx" / "plugin_template"
    package = python(dict(os.environ), *pip, tmp_path / "new")
    assert package.returncode == 0, package.stderr
    listed = python(environment, "-P", "-m", "ccdfx", "plugins").stdout
    assert "mycam (ccdfx-mycam) 0.1.0" in listed and "mycam_flip" in listed and "broken" not in listed


@pytest.mark.quick
@pytest.mark.parametrize("name", ["", "9lives", "a b", "../evil", "x/y", "class", "ccdfx-class", "json", "ccdfx",
                                  "numpy", "-x", "x-", "ccdfx-2", "Ünï", "ccdfx-template", "a\nb"])  # fmt: skip
def test_a_name_that_no_package_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ccdfx.ArgumentError, match="name"):
        write_plugin(name, tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_an_existing_directory_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    result = run("plugins", "new", "ccdfx-mycam", tmp_path / "new")
    assert result.exit_code == 4 and "already exists" in result.stderr
    assert not list((tmp_path / "new").iterdir())


def test_a_directory_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("plugins", "new", "ccdfx-mycam", tmp_path / "file" / "new")
    assert result.exit_code == 1 and "cannot be written" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_template_is_that_of_the_repository() -> None:
    assert template_folder() == ROOT / "plugins" / "template"


def test_the_list_is_what_it_was_without_a_subcommand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCDFX_PLUGINS", "none")
    registry.reset()
    try:
        result = run("plugins")
        assert result.exit_code == 0 and result.stdout.startswith(
            f"ccdfx {ccdfx.__version__}\n  format: fits, npz"
        )
        assert "template" not in result.stdout
    finally:
        monkeypatch.undo()
        registry.reset()
