"""Packages with one fault each, made at random: each is one warning that names it, and everything else works."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import ccdfx
from ccdfx import registry
from ccdfx.cli.group import commands
from ccdfx.errors import CcdfxWarning, PluginError

TRIES = 60
ERRORS = ("RuntimeError('out of film')", "BaseException('gone')", "KeyboardInterrupt()", "GeneratorExit()", "SystemExit(3)",
          "Mute()", "UnicodeDecodeError('utf-8', b'x', 0, 1, 'bad')", "RuntimeError('long ' * 20000)", "MemoryError()",
          "RecursionError()", "RuntimeError('\\x1b[2J')", "asyncio.CancelledError()", "StopIteration()")  # fmt: skip
PLACES = {
    "import": "{fault}\n",
    "hook": "@hookimpl\ndef ccdfx_{kind}s():\n    {fault}\n",
    "attribute": "class Odd:\n    @property\n    def ccdfx_{kind}s(self):\n        {fault}\nplugin = Odd()\n",
    "listing": "class Odd:\n    def __dir__(self):\n        {fault}\nplugin = Odd()\n",
    "answer": "class Odd(list):\n    def __iter__(self):\n        {fault}\n@hookimpl\ndef ccdfx_{kind}s():\n    return Odd([1])\n",
    "repr": "class Odd:\n    def __repr__(self):\n        {fault}\n@hookimpl\ndef ccdfx_{kind}s():\n    return Odd()\n",
}  # fmt: skip
HEAD = """
import asyncio
from ccdfx import *
from ccdfx import Command, Engine, Format, hookimpl
class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")
def fail(error):
    raise error
"""
KINDS = ("format", "scaling", "noise_model", "rejection", "step", "instrument", "maker", "engine", "command")
RECORDS = {
    "Format('odd', None, print, print)": "suffixes must be a tuple of text",
    "Format('odd', '.odd', print, print)": "suffixes must be a tuple of text",
    "Format('odd', ('.odd',), None, print)": "recognises must be a function",
    "Format('odd', ('.odd',), print, print, write=3)": "write must be a function or None",
    "Instrument(name='odd', match=None, rules=())": "match must be a tuple of tuples of Condition",
    "Instrument(name='odd', match=((Raises(),),), rules=())": "match must be a tuple of tuples of Condition",
    "Instrument(name='odd', match=(), rules=(('planet', ()),))": "rules must be a tuple of .kind",
    "Instrument(name='odd', match=(), rules=(), exptime='EXPTIME')": "exptime must be a tuple",
    "Instrument(name='odd', match=(), rules=(), overscan=None)": "overscan must be a tuple of Section",
    "Engine('odd', threads=None)": "threads must be a whole number above 0",
    "Engine('odd', map=None)": "map must be a function",
    "Engine('odd', memory=0)": "memory must be a whole number above 0",
    "Scaling('odd', None, print)": "parameters must be a mapping",
    "Scaling('odd', {}, 'log')": "transform must be a function",
    "NoiseModel('odd', {}, None, None)": "sample must be a function",
    "Rejection('odd', print, None, {})": "arrange must be a function",
    "Rejection('odd', print, print, [1])": "parameters must be a mapping",
    "Maker(name='odd', plan=None, make=print)": "plan must be a function",
    "Maker(name='odd', plan=print, make=3)": "make must be a function",
    "Maker(name='../odd', plan=print, make=print)": "name must be small letters, digits and _",
    "Maker(name='odd', plan=print, make=print, tables=('skies',))": "tables must be a tuple of tables of the recipe",
    "Maker(name='odd', plan=print, make=print, planes=0)": "planes must be a whole number above 0",
    "Step('odd', 5)": "function must be a function",
    "Command('odd', None, print)": "help must be text",
    "Command('odd', 'Help.', 'load')": "load must be a function",
}
HOOKS = {"Format": "formats", "Instrument": "instruments", "Maker": "makers", "Engine": "engines", "Scaling": "scalings", "Step": "steps",
         "NoiseModel": "noise_models", "Rejection": "rejections", "Command": "commands"}  # fmt: skip
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package of one module, `ccdfx-odd`, in place of the last one; uninstalled after the test."""
    site = tmp_path / "site"
    info = site / "ccdfx_odd-1.2.3.dist-info"
    info.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(site))

    def add(
        source: str, *, points: bytes = b"[ccdfx]\nccdfx-odd = ccdfx_odd\n", metadata: bytes = b""
    ) -> Path:
        sys.modules.pop("ccdfx_odd", None)
        text = HEAD + source
        (site / "ccdfx_odd.py").write_text(text)
        if "plugin = Odd()" in source:
            points = points.replace(b"= ccdfx_odd", b"= ccdfx_odd:plugin")
        (info / "entry_points.txt").write_bytes(points)
        (info / "METADATA").write_bytes(
            b"Metadata-Version: 2.1\nName: ccdfx-odd\nVersion: 1.2.3\n" + metadata
        )
        sys.path_importer_cache.clear()
        sys.dont_write_bytecode = True  # two sources of one second and size would be the same to Python
        registry.reset()
        return site

    before = sys.dont_write_bytecode
    yield add
    sys.dont_write_bytecode = before
    sys.modules.pop("ccdfx_odd", None)
    monkeypatch.undo()
    registry.reset()


def warnings_of(kind: str) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert registry.records(kind) and registry.records(kind)
    assert all(item.category is CcdfxWarning for item in caught)
    return [str(item.message) for item in caught]


def assert_named(told: list[str], words: str = "") -> None:
    assert len(told) == 1 and "ccdfx-odd" in told[0] and words in told[0], told
    assert len(told[0]) < 600 and told[0].isprintable()


@pytest.mark.quick
def test_whatever_a_plugin_raises_is_one_warning(install: Install) -> None:
    rng = random.Random(8)
    for number in range(TRIES):
        place, kind, error = rng.choice([*PLACES]), rng.choice(KINDS), rng.choice(ERRORS)
        install(PLACES[place].format(fault=f"fail({error})", kind=kind))
        try:
            assert_named(warnings_of(kind))
            report = next(item for item in registry.plugins() if "ccdfx-odd" in item.name)
            assert report.problem and len(report.problem) < 600 and not report.provides
        except BaseException as failure:
            failure.add_note(f"try {number}: {error} in {place} of {kind}")
            raise


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_checks_its_fields(install: Install, record: str) -> None:
    hook = HOOKS[record.partition("(")[0]]
    install(
        f"class Raises:\n    def holds(self, header):\n        1 / 0\n@hookimpl\ndef ccdfx_{hook}():\n    return [{record}]\n"
    )
    told = warnings_of(hook.removesuffix("s"))
    assert_named(told)
    assert RECORDS[record] in told[0].replace("(kind", ".kind")


def test_a_record_keeps_a_copy_of_the_options() -> None:
    options = {"low": 3.0}
    made = (
        ccdfx.Rejection("odd", print, print, options),
        ccdfx.Scaling("odd", options, np.abs),
        ccdfx.NoiseModel("odd", options, None, np.abs),
        ccdfx.Step("odd", np.abs, options),
        ccdfx.Engine("odd", parameters=options),
    )
    options["low"] = 4.0
    for record in made:
        kept = record.options if isinstance(record, ccdfx.Step) else record.parameters
        assert kept["low"] == 3.0
        with pytest.raises(TypeError):
            kept["low"] = 0  # type: ignore[index]


def test_a_plugin_cannot_change_what_the_registry_lists(install: Install) -> None:
    install(
        "from ccdfx import registry\nfound = [Command('greet', 'Hello.', print)]\n"
        "@hookimpl\ndef ccdfx_commands():\n    return found\n"
    )
    before = tuple(registry.records("command"))
    assert "greet" in before
    sys.modules["ccdfx_odd"].found.clear()
    assert tuple(registry.records("command")) == before
    install("from ccdfx import registry\nregistry._KINDS.clear()\n")
    assert_named(warnings_of("command"), "AttributeError")
    install("from ccdfx import registry\nregistry.records('scaling').clear()\n")
    assert_named(warnings_of("scaling"), "cannot be asked while plugins are imported")


@pytest.mark.filterwarnings("ignore::ccdfx.errors.CcdfxWarning")
@pytest.mark.parametrize("damage", ["points", "metadata"])
def test_damaged_metadata_are_one_warning(install: Install, damage: str) -> None:
    broken = {"points": b"[ccdfx]\nccdfx-odd = ccdfx_odd \xff\xfe\n", "metadata": b"Author: \xff\xfe\n"}
    site = install("", **{damage: broken[damage]})
    for kind in ("scaling", "command"):
        told = warnings_of(kind)
        assert len(told) == 1 and "odd" in told[0] and "metadata are damaged: UnicodeDecodeError" in told[0]
        registry.reset()
    assert CliRunner().invoke(commands, ["--help"]).exit_code == 0
    assert site.exists() and "damaged" in CliRunner().invoke(commands, ["plugins"]).stdout


def test_what_a_plugin_prints_is_not_data(install: Install, tmp_path: Path) -> None:
    site = install(
        "from ccdfx.io.source import ImageSource\nprint('importing')\n"
        "def look(file, hdu):\n    print('looking')\n    return ImageSource(Image([[1.0, 2.0]]))\n"
        "@hookimpl\ndef ccdfx_formats():\n    print('asked')\n    return [Format('odd', ('.odd',), lambda first: False, look)]\n"
    )
    frame = tmp_path / "frame.odd"
    frame.write_bytes(b"odd")
    script = f"import sys; sys.path.insert(0, {str(site)!r}); sys.argv = ['ccdfx', 'stats', '--json', {str(frame)!r}]; from ccdfx.cli import main; main()"
    done = subprocess.run([sys.executable, "-B", "-c", script], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)[0]["mean"] == 1.5
    assert all(word in done.stderr for word in ("importing", "asked", "looking"))


COMMAND = """
def work():
    fail({error})
@hookimpl
def ccdfx_commands():
    import click
    return [Command("greet", "Hello.", lambda: click.Command("greet", callback=work))]
"""


@pytest.mark.parametrize("error", ["RuntimeError('out of film')", "Mute()", "RuntimeError('long ' * 20000)"])
def test_what_a_command_raises_is_one_line(install: Install, error: str) -> None:
    install(COMMAND.format(error=error))
    done = CliRunner().invoke(commands, ["greet"])
    assert done.exit_code == 1 and done.stderr.startswith("ccdfx: error: command 'greet': its plugin raised ")
    assert done.stderr.count("\n") == 1 and len(done.stderr) < 600


MAPS = {
    "too few": ("list(map(function, tiles))[:-1]", "must return one result for each tile"),
    "too many": ("[*map(function, tiles), 1]", "must return one result for each tile"),
    "early": ("[function(next(tiles))]", "must return one result for each tile"),
    "raises": ("fail(ValueError('no cluster'))", "raised ValueError: no cluster"),
    "none": ("None", "raised TypeError"),
}


@pytest.mark.parametrize("fault", MAPS)
def test_an_engine_that_loses_tiles_is_named(install: Install, fault: str) -> None:
    body, words = MAPS[fault]
    install(
        f"def work(function, tiles):\n    tiles = iter(tiles)\n    return {body}\n"
        "@hookimpl\ndef ccdfx_engines():\n    return [Engine('odd', work, shares_memory=True)]\n"
    )
    frames = [np.full((1024, 1024), float(value), "f4") for value in range(3)]
    with ccdfx.engine("odd"), pytest.raises(PluginError, match=f"engine 'odd': {words}"):
        ccdfx.combine(frames)


def test_an_interrupt_of_the_user_ends_the_import_of_a_plugin(install: Install) -> None:
    site = install("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time\ntime.sleep(5)\n")
    script = f"import sys; sys.path.insert(0, {str(site)!r}); from ccdfx import registry; registry.records('scaling')"
    before = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    done = subprocess.run(
        [sys.executable, "-B", "-c", before + script], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0 and "KeyboardInterrupt" in done.stderr


def test_what_one_thread_prints_goes_to_stderr_and_what_others_print_does_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from threading import Barrier, Thread

    from ccdfx.plugin_calls import call_plugin

    before, meet = sys.stdout, Barrier(3, timeout=20)

    def inside() -> None:
        for _ in range(50):
            meet.wait()
            call_plugin(lambda: print("plugin"))

    threads = [Thread(target=inside) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        meet.wait()
        print("result")
    for thread in threads:
        thread.join()
    assert sys.stdout is before
    printed = capsys.readouterr()
    assert printed.out == "result\n" * 50 and printed.err.count("plugin") == 100
