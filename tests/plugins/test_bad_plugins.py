"""Plugins that are wrong in every way we know: each is caught with words that name it, and the rest works."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import ccdfx
from ccdfx import registry
from ccdfx.cli.group import commands
from ccdfx.errors import CcdfxWarning, PluginError, UnknownNameError

GOOD = """
from ccdfx import Command, hookimpl

@hookimpl
def ccdfx_commands():
    import click
    greet = click.Command("greet", callback=lambda: click.echo("hello"))
    return [Command("greet", "Say hello.", lambda: greet)]
"""
Install = Callable[..., str]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution of one module by name and source; uninstalled after the test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = set()

    def add(name: str, source: str, *, version: str = "1.2.3") -> str:
        module = name.replace("-", "_")
        modules.add(module)
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[ccdfx]\n{name} = {module}\n")
        registry.reset()
        return name

    registry.reset()
    yield add
    for module in modules:
        sys.modules.pop(module, None)
    monkeypatch.undo()
    registry.reset()


def report(name: str) -> registry.PluginReport:
    return next(item for item in registry.plugins() if item.name == name)


def run(*arguments: str):
    return CliRunner().invoke(commands, list(arguments))


def test_a_good_plugin_is_found_listed_and_used(install: Install) -> None:
    install("ccdfx-good", GOOD)
    assert report("ccdfx-good") == registry.PluginReport("ccdfx-good", "1.2.3", {"command": ("greet",)}, None)
    assert run("greet").output == "hello\n"
    assert "greet" in run("--help").output and "Say hello." in run("--help").output


BROKEN = {
    "import": ("import a_module_that_does_not_exist", "ModuleNotFoundError: No module named 'a_module_that"),
    "syntax": ("def broken(:", "SyntaxError"),
    "raises": (
        "from ccdfx import hookimpl\n@hookimpl\ndef ccdfx_commands():\n    raise RuntimeError('out of film')",
        "ccdfx_commands raised RuntimeError: out of film",
    ),
    "not a list": (
        "from ccdfx import hookimpl\n@hookimpl\ndef ccdfx_commands():\n    return 'greet'",
        "ccdfx_commands must return a list of Command records, it returned 'greet'",
    ),
    "wrong record": (
        "from ccdfx import hookimpl\n@hookimpl\ndef ccdfx_commands():\n    return [('greet', 'Say hello.')]",
        "ccdfx_commands must return a list of Command records",
    ),
    "exits": ("import sys\nsys.exit(3)", "SystemExit: 3"),
    "exits in a hook": (
        "from ccdfx import hookimpl\n@hookimpl\ndef ccdfx_commands():\n    raise SystemExit(3)",
        "ccdfx_commands raised SystemExit: 3",
    ),
    "nameless": (
        "from ccdfx import Command, hookimpl\n@hookimpl\ndef ccdfx_commands():\n    return [Command(None, 'x', print)]",
        "ccdfx_commands raised ArgumentTypeError: Command: name must be text that is not blank",
    ),
    "shows nothing": (
        "from ccdfx import hookimpl\nclass Odd:\n    __repr__ = None\n@hookimpl\ndef ccdfx_commands():\n    return Odd()",
        "ccdfx_commands must return a list of Command records, it returned a Odd",
    ),
    "nothing": (
        "from ccdfx import hookimpl\n@hookimpl\ndef ccdfx_commands():\n    pass",
        "ccdfx_commands must return a list of Command records, it returned None",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_plugin_is_one_warning_and_the_rest_works(install: Install, fault: str) -> None:
    source, words = BROKEN[fault]
    install("ccdfx-good", GOOD)
    bad = install("ccdfx-bad", source)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = registry.records("command")
        registry.records("command")
        registry.records("command")
    assert "greet" in found and "scan" in found
    assert [item.category for item in caught] == [CcdfxWarning]
    assert bad in str(caught[0].message) and words in str(caught[0].message)
    assert words in str(report(bad).problem) and report("ccdfx-good").problem is None


@pytest.mark.parametrize("fault", BROKEN)
def test_the_list_of_plugins_names_the_broken_one_and_why(install: Install, fault: str) -> None:
    source, words = BROKEN[fault]
    bad = install("ccdfx-bad", source)
    result = run("plugins")
    assert result.exit_code == 0
    assert f"{bad} 1.2.3\n  broken: " in result.stdout and words in result.stdout
    assert "broken" in result.stderr and "broken" not in run("plugins", "-q").stderr
    entry = next(item for item in json.loads(run("plugins", "--json").stdout) if item["name"] == bad)
    assert entry["version"] == "1.2.3" and words in entry["problem"]


def test_two_plugins_that_claim_one_name_are_both_named(install: Install) -> None:
    install("ccdfx-good", GOOD)
    install("ccdfx-twin", GOOD)
    with pytest.raises(PluginError, match=r"command 'greet'.*two plugins, ccdfx-good and ccdfx-twin"):
        registry.records("command")


def test_a_plugin_cannot_take_a_built_in_name(install: Install) -> None:
    install("ccdfx-thief", GOOD.replace('"greet"', '"scan"'))
    with pytest.raises(PluginError, match=r"command 'scan'.*ccdfx and ccdfx-thief"):
        registry.records("command")
    assert "ccdfx-thief" in str(report("ccdfx-thief").problem)


def test_a_name_clash_leaves_the_built_in_commands_alone(install: Install) -> None:
    install("ccdfx-good", GOOD)
    install("ccdfx-twin", GOOD)
    shown = run("--help")
    assert shown.exit_code == 0 and "scan" in shown.stdout
    assert "ccdfx-good" in shown.stderr and "ccdfx-twin" in shown.stderr
    listed = run("plugins")
    assert listed.exit_code == 0 and "two plugins, ccdfx-good and ccdfx-twin" in listed.stdout
    refused = run("greet")
    assert refused.exit_code == 1 and "two plugins" in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.parametrize("marker", ["@hookimpl\n", ""])
def test_a_misspelt_hook_is_named_with_the_right_spelling(install: Install, marker: str) -> None:
    bad = install("ccdfx-bad", f"from ccdfx import hookimpl\n{marker}def ccdfx_comands():\n    return []")
    with pytest.raises(PluginError, match=r"ccdfx-bad.*'ccdfx_comands'.*did you mean 'ccdfx_commands'"):
        registry.records("command")
    assert "ccdfx_comands" in str(report(bad).problem)


def test_a_command_that_cannot_be_loaded_is_one_line(install: Install) -> None:
    install("ccdfx-bad", GOOD.replace("lambda: greet", "lambda: 1 / 0"))
    result = run("greet")
    assert result.exit_code == 1
    assert result.stderr.startswith("ccdfx: error: command 'greet': its plugin raised ZeroDivisionError")


def test_a_command_that_is_no_click_command_is_one_line(install: Install) -> None:
    install("ccdfx-bad", 'from ccdfx import Command, hookimpl\n@hookimpl\ndef ccdfx_commands():\n'
            '    return [Command("greet", "Say hello.", lambda: print)]')  # fmt: skip
    result = run("greet")
    assert result.exit_code == 1 and "must return a click command" in result.stderr


def test_text_of_a_plugin_cannot_steer_the_terminal(install: Install) -> None:
    install("ccdfx-bad", "raise RuntimeError('\\x1b[2J\\x1b]0;owned\\x07')")
    listed = run("plugins").output
    assert "\\x1b[2J" in listed and "\x1b" not in listed


def test_the_help_of_a_plugin_cannot_steer_the_terminal(install: Install) -> None:
    install("ccdfx-help", GOOD.replace("Say hello.", "Say \\x1b[31mhello."))
    shown = run("--help").output
    assert "\\x1b[31mhello" in shown and "\x1b" not in shown


CLUMSY = """
from ccdfx import Format, Rejection, hookimpl

def clumsy(*anything, **more):
    raise KeyError("film")

@hookimpl
def ccdfx_formats():
    return [Format("clumsy", (".clumsy",), lambda first: False, clumsy, clumsy)]

@hookimpl
def ccdfx_rejections():
    return [rule()]

def rule():
    return Rejection("clumsy", rule, clumsy, {})
"""


def test_what_the_objects_of_a_plugin_raise_at_work_is_one_line(install: Install, tmp_path: Path) -> None:
    install("ccdfx-clumsy", CLUMSY)
    frame = str(ccdfx.write([[1.0, 2.0]], tmp_path / "frame.fits"))
    for words, told in (
        (("convert", frame, "-o", str(tmp_path / "o.clumsy")), "o.clumsy: cannot be written as clumsy: KeyError"),
        (("combine", frame, frame, "-o", str(tmp_path / "o.fits"), "--reject", "clumsy"),
         "rejection 'clumsy': its plugin raised KeyError"),
    ):  # fmt: skip
        result = run(*words)
        assert result.exit_code == 1 and told in result.stderr and result.stderr.count("\n") == 1
        assert isinstance(result.exception, SystemExit)
    assert not list(tmp_path.glob("*o.*"))


def test_a_rule_that_raises_costs_a_night_its_products_alone(install: Install, tmp_path: Path) -> None:
    from ccdfx.demo.simulate import simulate_night

    install("ccdfx-clumsy", CLUMSY)
    simulate_night(tmp_path / "raw", shape=(128, 160), filters=("V",), counts=(3, 2, 2, 1))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[dark]\nreject = "clumsy"\n')
    result = run("reduce", str(tmp_path / "raw"), "-o", str(tmp_path / "out"), "--recipe", str(recipe), "-q")
    assert result.exit_code == 1 and "rejection 'clumsy': its plugin raised KeyError: 'film'" in result.stderr
    facts = json.loads((tmp_path / "out" / "night.json").read_text())
    assert facts["lost"] and {lost["file"].split("_")[0] for lost in facts["lost"]} == {"masters/dark"}
    assert {made["kind"] for made in facts["masters"]} == {"bias", "flat"} and facts["calibrated"]


def test_an_unknown_name_lists_the_known_ones(install: Install) -> None:
    with pytest.raises(UnknownNameError, match=r"must be one of: .*scan") as caught:
        registry.lookup("command", "scam")
    assert "did you mean 'scan'" in str(caught.value)


def test_only_the_wanted_plugins_are_loaded(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("ccdfx-good", GOOD)
    install("ccdfx-twin", GOOD)
    monkeypatch.setenv("CCDFX_PLUGINS", "ccdfx-twin")
    registry.reset()
    assert "greet" in registry.records("command")


def test_a_wanted_plugin_that_is_not_installed_is_an_error(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("ccdfx-good", GOOD)
    for text, unknown, remedy in (
        ("ccdfx-godo", "ccdfx-godo", "did you mean 'ccdfx-good'?"),
        ("ccdfx-good, xyz", "xyz", "name these, or none for no plugin"),
        ("none,ccdfx-good", "none", "name these, or none for no plugin"),
    ):
        monkeypatch.setenv("CCDFX_PLUGINS", text)
        registry.reset()
        for ask in (registry.plugins, lambda: registry.records("scaling")):
            with pytest.raises(UnknownNameError) as caught:
                ask()
            told = str(caught.value)
            assert told.startswith("environment variable CCDFX_PLUGINS: must name installed plugins: ")
            assert "ccdfx-good" in told and f"(got {unknown!r})" in told and told.endswith(remedy)
        for command in (("plugins",), ("greet",)):
            result = run(*command)
            assert result.exit_code == 1 and "CCDFX_PLUGINS" in result.stderr
        assert run("--help").exit_code == 0 and "CCDFX_PLUGINS" in run("--help").stderr


@pytest.mark.parametrize("text", ["", " , ", " ccdfx-good , "])
def test_blanks_among_the_wanted_plugins_do_not_matter(
    install: Install, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    install("ccdfx-good", GOOD)
    monkeypatch.setenv("CCDFX_PLUGINS", text)
    registry.reset()
    assert "greet" in everything()["command"]


def everything() -> dict[str, tuple[str, ...]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CcdfxWarning)
        return {kind: tuple(registry.records(kind)) for kind in registry.KINDS}


def test_removing_a_plugin_removes_its_names_and_nothing_else(install: Install, tmp_path: Path) -> None:
    registry.reset()
    before = everything()
    install("ccdfx-good", GOOD)
    grown = everything()
    assert {kind: set(grown[kind]) - set(before[kind]) for kind in before if grown[kind] != before[kind]} == {
        "command": {"greet"}
    }
    for path in tmp_path.glob("ccdfx_good*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    registry.reset()
    assert everything() == before
    assert not any(item.name == "ccdfx-good" for item in registry.plugins())


@pytest.mark.parametrize("source", [GOOD, "raise RuntimeError('out of film')"], ids=["sound", "broken"])
def test_none_leaves_the_core_alone(install: Install, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    install("ccdfx-good", source)
    monkeypatch.setenv("CCDFX_PLUGINS", "none")
    registry.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(registry.records(kind) for kind in registry.KINDS)
    assert [item.name for item in registry.plugins()] == ["ccdfx"]
    assert "greet" not in run("--help").output and run("plugins").stdout.startswith("ccdfx ")
    assert run("greet").exit_code == 2
