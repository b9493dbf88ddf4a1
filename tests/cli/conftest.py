"""What the tests of the command line share: a way to run it, and a few small frames."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import ccdfx
from ccdfx.cli import TABLE, load
from ccdfx.cli.group import commands


@pytest.fixture(scope="session", autouse=True)
def _every_command_is_loaded() -> None:
    """Options take their defaults from the library as they are loaded: before a test replaces a function of it."""
    for name in TABLE:
        load(name)


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run the command line in this process; stdout and stderr are kept apart."""
    return lambda *arguments: CliRunner().invoke(commands, [str(argument) for argument in arguments])


@pytest.fixture
def process() -> Callable[..., subprocess.CompletedProcess]:
    """Run the command line in a process of its own."""

    def start(*arguments: object, **environment: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "ccdfx", *map(str, arguments)]
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            timeout=300,
        )

    return start


@pytest.fixture
def frames(tmp_path: Path) -> list[Path]:
    """Five 60 x 40 frames of level 100, 110, ... with one hot value in the third."""
    paths = []
    for number in range(5):
        array = np.full((40, 60), 100 + 10 * number, np.uint16)
        if number == 2:
            array[7, 9] = 60000
        header = {"OBJECT": "M 51", "EXPTIME": 30.0, "FILTER": "V"}
        paths.append(ccdfx.write(ccdfx.Image(array, header), tmp_path / f"frame{number}.fits"))
    return paths


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of raw frames of a small simulated night; tests only read it."""
    from ccdfx.demo.simulate import simulate_night

    directory = tmp_path_factory.mktemp("night")
    simulate_night(directory, shape=(128, 160), filters=("V",), counts=(4, 2, 3, 2))
    return directory


@pytest.fixture(scope="session")
def reduced(night: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of that night, reduced once; tests only read it."""
    output = tmp_path_factory.mktemp("reduced") / "out"
    assert ccdfx.reduce_night(night, output).status == 0
    return output


@pytest.fixture
def output(reduced: Path, tmp_path: Path) -> Path:
    """A copy of that output, of the test's own."""
    return Path(shutil.copytree(reduced, tmp_path / "out"))
