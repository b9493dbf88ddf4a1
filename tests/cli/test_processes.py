"""The command line as a process: streams, signals, pipes, terminals."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import ccdfx

CCDFX = [sys.executable, "-m", "ccdfx"]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.quick
def test_streams_and_statuses(process, frames: list[Path]) -> None:
    done = process("stats", "--json", frames[0], "absent.fits")
    assert done.returncode == 1
    assert json.loads(done.stdout)[0]["mean"] == 100
    assert done.stderr.startswith("ccdfx: error: absent.fits") and "Traceback" not in done.stderr
    assert process("stats").returncode == 2
    assert process("--version").stdout == f"ccdfx {ccdfx.__version__}\n"


def test_no_colour_and_no_bars_away_from_a_terminal(process, night: Path, tmp_path: Path) -> None:
    done = process("reduce", night, "-o", tmp_path / "out", FORCE_COLOR="1")
    assert done.returncode == 0 and "\x1b" not in done.stdout + done.stderr


def test_names_that_the_terminal_cannot_show(process, frames: list[Path], tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"M51 \xe9 \xc3\xa9.fits")
    odd.write_bytes(frames[0].read_bytes())
    done = process("info", odd, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0 and "Traceback" not in done.stderr and "M51 " in done.stdout


def test_the_plan_in_plain_signs(process, night: Path, tmp_path: Path) -> None:
    done = process(
        "reduce", night, "-o", tmp_path / "out", "--dry-run", PYTHONIOENCODING="ascii", PYTHONUTF8="0"
    )
    assert "|-- masters/bias.fits: 4 bias frames" in done.stdout and "\\u" not in done.stdout


def test_a_reader_that_leaves_is_no_error(frames: list[Path]) -> None:
    command = [*CCDFX, "info", "--header", *map(str, frames * 200)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout and running.stderr
        assert running.stdout.readline()
        running.stdout.close()
        said = running.stderr.read()
    assert running.returncode == 141 and said == ""


def test_a_full_disk_is_one_line(frames: list[Path]) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*CCDFX, "stats", str(frames[0])], check=False, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode != 0 and "No space left" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("stats", "--help")])
def test_help_on_a_full_disk_is_one_line(words: tuple[str, ...]) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run([*CCDFX, *words], check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "No space left" in done.stderr and done.stderr.count("\n") == 1


def test_no_stdout_at_all_is_no_traceback(frames: list[Path]) -> None:
    command = [*CCDFX, "stats", str(frames[0])]
    done = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *command], check=False, stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == 0 and done.stderr == ""


@pytest.fixture(scope="module")
def long_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many science frames that a signal after the first comes long before the end."""
    from ccdfx.demo.simulate import simulate_night

    directory = tmp_path_factory.mktemp("long-night")
    simulate_night(directory, shape=(256, 256), filters=("V",), counts=(3, 2, 3, 25))
    return directory


@pytest.fixture
def signals_as_usual():
    """A shell that started the tests in the background had its children ignore an interrupt."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("signals_as_usual")
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_leaves_no_partial_file_and_no_traceback(
    long_night: Path, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    output = tmp_path / "out"
    command = [*CCDFX, "reduce", "-v", str(long_night), "-o", str(output)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr
        for line in running.stderr:
            if re.match(r"\d+/\d+ calibrated", line):
                running.send_signal(number)
                break
        said = running.stderr.read()
    assert running.returncode == status
    assert "Traceback" not in said and "Error" not in said
    assert said.endswith(f"ccdfx: ended by {number.name}\n") and said.count("ended by") == 1
    written = [path for path in output.rglob("*") if path.is_file()]
    assert not [path for path in written if path.name.startswith(".")]
    assert json.loads((output / "night.json").read_text())["complete"] is False
    assert output / "masters" / "bias.fits" in written
    for path in written:
        if path.suffix == ".fits":
            ccdfx.read(path)  # whole, with a checksum that agrees


def on_a_terminal(command: list[str], **environment: str) -> tuple[int, str, str]:
    """Run with stderr on a terminal: the status, stdout, and what the terminal got."""
    master, slave = pty.openpty()
    settings = {**os.environ, "TERM": "xterm-256color", **environment}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=slave, text=True, env=settings) as running:
        os.close(slave)
        shown = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # Linux says so when the last writer has closed
                break
            if not part:
                break
            shown += part
        assert running.stdout
        out = running.stdout.read()
    os.close(master)
    return running.returncode, out, shown.decode("utf-8", "replace")


def test_a_terminal_sees_the_plan_and_a_bar(night: Path, tmp_path: Path) -> None:
    command = [*CCDFX, "reduce", str(night), "-o", str(tmp_path / "out")]
    status, out, shown = on_a_terminal(command, COLUMNS="100", NO_COLOR="", PYTHONUTF8="1")
    assert status == 0 and out == ""
    assert "└── " in shown and "━" in shown and COLOUR.search(shown)
    assert "frames used" in shown


def test_a_quiet_terminal_sees_nothing(night: Path, tmp_path: Path) -> None:
    status, out, shown = on_a_terminal([*CCDFX, "reduce", str(night), "-o", str(tmp_path / "out"), "-q"])
    assert (status, out, shown) == (0, "", "")


def test_no_color_is_honoured(night: Path, tmp_path: Path) -> None:
    command = [*CCDFX, "reduce", str(night), "-o", str(tmp_path / "out")]
    status, _, shown = on_a_terminal(command, COLUMNS="100", NO_COLOR="1", PYTHONUTF8="1")
    codes = {code for found in COLOUR.findall(shown) for code in found[2:-1].split(";")}
    assert status == 0 and not any(code.startswith(("3", "4", "9")) and len(code) > 1 for code in codes)


@pytest.mark.parametrize("setting", [{"TERM": "dumb"}, {}])
def test_quiet_or_dumb_terminals_get_no_bar(
    frames: list[Path], tmp_path: Path, setting: dict[str, str]
) -> None:
    quiet = [] if setting else ["-q"]
    command = [*CCDFX, "combine", *map(str, frames), "-o", str(tmp_path / "out.fits"), *quiet]
    status, _, shown = on_a_terminal(command, **setting)
    assert status == 0 and "\x1b" not in shown
