"""TOML of users that is hostile: huge numbers, deep nesting, long keys, devices, pipes, rubbish; each is refused in time."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import ccdfx
from ccdfx import CcdfxError
from ccdfx.errors import FormatError
from ccdfx.io.text import DEEPEST, LARGEST, parse_toml, read_text, read_toml
from ccdfx.night.instruments.file import read_instrument
from ccdfx.night.settings.reading import load_night_recipe

TRIES = 400
SECONDS = 5.0
"""For one text, on a busy machine; without the limits they take minutes."""

RECIPE = '[dark]\nscale = true\ntolerance = 0.02\nreject = { name = "sigma_clip", low = 3 }\n[select.fwhm]\nmost = 4.5\n'
CAMERA = """name = "mine"
match = [{ INSTRUME = "My *", DETSIZE = true }]
rules = [{ kind = "bias", when = { EXPTIME = "< 0.1" } }, { kind = "science", when = { IMAGETYP = ["light*", 1] } }]
[detector]
gain = ["GAIN", 2.5]
[sections]
overscan = "[1:4,1:8]"
[[bad_pixels]]
columns = [1, 2]
"""
STEPS = '[[step]]\nuse = "mask_saturated"\nsaturation = 60000\n'
READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "night": (RECIPE, lambda text: load_night_recipe(parse_toml(text, "recipe"))),
    "instrument": (CAMERA, read_instrument),
    "steps": (STEPS, lambda text: ccdfx.read_recipe(text + "\n")),
}
HOSTILE = {
    "digits": "a = " + "9" * 5000,
    "integer": "a = 1" + "0" * 400,
    "lists": "a = " + "[" * 5000,
    "shallow lists": "a = " + "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
    "tables": "a = " + "{ a = " * 900 + "1" + " }" * 900,
    "key": ".".join("a" * 100_000) + " = 1",
    "quoted key": ' . '.join(['"a"', "'b'"] * 50_000) + " = 1",
    "header": "[" + ".".join("a" * 100_000) + "]",
    "size": "#" * (LARGEST + 1),
}  # fmt: skip


@pytest.mark.parametrize("fault", HOSTILE)
@pytest.mark.parametrize("reader", READERS)
def test_hostile_text_is_refused_in_time(reader: str, fault: str) -> None:
    start = time.perf_counter()
    with pytest.raises(FormatError):
        READERS[reader][1](HOSTILE[fault] + "\n")
    assert time.perf_counter() - start < SECONDS


@pytest.mark.parametrize("key", ["detector.gain", "sections.data", "bad_pixels.columns"])
def test_a_number_that_no_float_holds_is_refused_by_its_key(key: str) -> None:
    with pytest.raises(FormatError, match=rf"{key}.*integer of at most 64 bits"):
        read_instrument(f"name = 'a'\n{key} = [1, {'9' * 400}]\n")


def test_deep_and_large_within_the_limits_are_read() -> None:
    deep = parse_toml("a = " + "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1), "text")
    assert deep and parse_toml("a = -9223372036854775808", "text") == {"a": -(1 << 63)}
    long_text = parse_toml("a = '" + "a" * 500_000 + "'\n", "text")
    assert len(long_text["a"]) == 500_000


PIECES = ("[", "]", "[[", "{", "}", '"', "'''", "=", "\n", ".", ",", "1e400", "-inf", "nan", "0x" + "f" * 400,
          "9" * 40, "true", "a.b", "\\u0000", "\x1b[2J", "é", "1979-05-27T07:32:00Z", "#", "name", "use", "[step]")  # fmt: skip


def mutated(text: str, rng: random.Random) -> str:
    """Replace, insert, repeat or remove a few pieces of a text."""
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice((0, 0, 1, 5, 20)))
        new = rng.choice((*PIECES, text[start:end] * 3, "", chr(rng.randrange(32, 127))))
        text = text[:start] + new + text[end:]
    return text


@pytest.mark.filterwarnings("ignore::ccdfx.errors.CcdfxWarning")
@pytest.mark.parametrize("reader", READERS)
def test_mutated_text_is_read_or_refused_with_a_typed_error(reader: str) -> None:
    sound, read = READERS[reader]
    read(sound)
    rng = random.Random(10)
    refused = 0
    for number in range(TRIES):
        text = mutated(sound, rng)
        try:
            read(text)
        except CcdfxError as error:
            refused += 1
            assert "\x1b" not in str(error)
        except Exception as error:
            error.add_note(f"text {number}: {text!r}")
            raise
    assert TRIES // 4 < refused < TRIES


def endless(folder: Path) -> dict[str, Path]:
    pipe = folder / "pipe.toml"
    os.mkfifo(pipe)
    return {"pipe": pipe, "folder": folder, "device": Path("/dev/zero")}


@pytest.mark.skipif(
    not os.path.exists("/dev/zero") or not hasattr(os, "mkfifo"),
    reason="this system has no /dev/zero or pipes",
)
def test_devices_pipes_and_folders_are_refused_at_once(tmp_path: Path) -> None:
    for kind, path in endless(tmp_path).items():
        for read in (read_text, read_toml, ccdfx.read_recipe, load_night_recipe, ccdfx.load_instrument):
            with pytest.raises(CcdfxError, match=f"must be a regular file, and it is a .*{kind}"):
                read(path)
        recipe = tmp_path / "recipe.toml"
        recipe.write_text(f'[science]\nsteps = "{path}"\n')
        (tmp_path / "raw").mkdir(exist_ok=True)
        frame = str(ccdfx.write([[1.0, 2.0]], tmp_path / "raw" / "frame.fits", overwrite=True))
        for words in (
            ("reduce", str(tmp_path / "raw"), "-o", str(tmp_path / "out"), "--recipe", str(recipe)),
            ("combine", frame, "-o", str(tmp_path / "out.fits"), "--offsets", str(path)),
            ("combine", frame, "-o", str(tmp_path / "out.fits"), "--recipe", str(path)),
        ):  # fmt: skip
            from ccdfx.cli.group import commands

            done = CliRunner().invoke(commands, words)
            assert done.exit_code in (1, 2) and isinstance(done.exception, SystemExit), done.output
            told = re.sub(r"\s+", " ", done.output)
            assert "regular file" in told or "is a directory" in told, done.output
