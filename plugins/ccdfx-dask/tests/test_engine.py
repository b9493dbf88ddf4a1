"""The engine on processes of their own: found by name, the same bytes as here, and on the command line."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import ccdfx
from ccdfx import registry
from ccdfx.testing import check_engine, laws_of

FIELDS = ("value", "variance", "count", "rejected_low", "rejected_high", "flags", "exposure")


def assert_same_stack(got: ccdfx.Stack, expected: ccdfx.Stack) -> None:
    for field in FIELDS:
        assert getattr(got, field).tobytes() == getattr(expected, field).tobytes(), field
    assert got.header == expected.header


def test_the_plugin_is_found_and_gives_an_engine() -> None:
    report = next(item for item in registry.plugins() if "ccdfx-dask" in item.name)
    assert report.problem is None and dict(report.provides) == {"engine": ("dask",)}


def test_looking_it_up_does_not_load_dask(tmp_path: Path) -> None:
    code = "import sys; from ccdfx import registry; registry.lookup('engine', 'dask'); print('distributed' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_the_engine_can_be_pickled_before_it_is_open() -> None:
    engine = registry.lookup("engine", "dask").configure(retries=1)
    assert pickle.loads(pickle.dumps(engine)).parameters == engine.parameters
    assert engine.parameters["retries"] == 1


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"scheduler": 8786}, ccdfx.ArgumentTypeError),
        ({"scheduler": "tcp://a:1", "workers": 2}, ccdfx.ArgumentError),
        ({"workers": 0}, ccdfx.ArgumentError),
        ({"workers": True}, ccdfx.ArgumentTypeError),
        ({"retries": -1}, ccdfx.ArgumentError),
        ({"sent": 1.5}, ccdfx.ArgumentTypeError),
        ({"timeout": 0}, ccdfx.ArgumentError),
        ({"timeout": float("nan")}, ccdfx.ArgumentError),
        ({"timeout": float("inf")}, ccdfx.ArgumentError),
        ({"direct": 1}, ccdfx.ArgumentTypeError),
        ({"adress": "tcp://a:1"}, ccdfx.ArgumentTypeError),
    ],
)
def test_nonsense_is_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error), ccdfx.engine("dask", **options):
        pass


# dask keeps connections for the next time, some more or less of them.
@pytest.mark.parametrize("law", sorted(set(laws_of("engine")) - {"nothing is left behind"}))
def test_it_obeys_the_laws_of_engines(dask: ccdfx.Engine, law: str) -> None:
    check_engine(dask, without=[other for other in laws_of("engine") if other != law], examples=5)


def test_results_come_in_order_and_from_other_processes(dask: ccdfx.Engine) -> None:
    def slow_first(tile: int) -> tuple[int, int]:
        time.sleep(0.1 if tile == 0 else 0.0)
        return tile, os.getpid()

    results = list(dask.map(slow_first, range(30)))
    assert [tile for tile, _ in results] == list(range(30))
    processes = {process for _, process in results}
    assert len(processes) == 2 and os.getpid() not in processes


def test_few_tiles_are_in_flight_and_the_rest_is_drawn_as_they_finish(dask: ccdfx.Engine) -> None:
    drawn = []

    def tiles() -> Iterator[int]:
        for number in range(60):
            drawn.append(number)
            yield number

    results = dask.map(abs, tiles())
    assert next(results) == 0
    assert len(drawn) <= 2 * 3 * dask.threads
    assert list(results) == list(range(1, 60))
    assert list(dask.map(abs, [])) == []


def test_leaving_early_drops_the_rest(dask: ccdfx.Engine, tmp_path: Path) -> None:
    def slow(tile: int) -> int:
        (tmp_path / str(tile)).touch()
        time.sleep(0.05)
        return tile

    results = dask.map(slow, range(1000))
    assert next(results) == 0
    results.close()
    time.sleep(0.3)
    assert len(list(tmp_path.iterdir())) < 20


def python_rule(grow: float = 1.5) -> ccdfx.Rejection:
    """A rule in plain Python that reads headers; neither it nor its functions have a name elsewhere."""

    def arrange(parameters: Any, facts: ccdfx.StackFacts) -> ccdfx.Arrangement:
        limit = 40 * facts.headers[0]["GAIN"]
        return ccdfx.Arrangement(select=lambda values: abs(values - 1000) > limit)

    return ccdfx.Rejection("mine", python_rule, arrange, {"grow": grow})


RULES = {
    "default": {},
    "of the detector, by keyword": {"reject": ccdfx.ccd_clip(gain="GAIN", readnoise=4.0)},
    "line by line": {"reject": ccdfx.average_sigma_clip()},
    "in Python, growing into neighbours": {"reject": python_rule()},
    "none, a median": {"reject": None, "average": ccdfx.median()},
    "scaled and displaced": {"scale": "median", "offsets": [(number * 1.5, number) for number in range(9)]},
    "an average in Python": {"average": lambda values: np.ma.mean(values, axis=0) + 1},
}


@pytest.mark.parametrize("options", RULES.values(), ids=RULES)
def test_the_same_bytes_as_in_this_process(
    dask: ccdfx.Engine, sources: list[Any], options: dict[str, Any]
) -> None:
    with ccdfx.engine("threads"):
        expected = ccdfx.stack(sources, **options)
    with ccdfx.engine(dask):
        got = ccdfx.stack(sources, **options)
    for field in FIELDS:
        mine, theirs = getattr(got, field), getattr(expected, field)
        assert (mine is None and theirs is None) or mine.tobytes() == theirs.tobytes(), field


def test_rules_of_plugins_are_found_on_the_workers(dask: ccdfx.Engine, sources: list[Any]) -> None:
    if "drop_brightest" not in registry.records("rejection"):
        pytest.skip("needs plugins/template")
    rule = registry.lookup("rejection", "drop_brightest").configure(count=2)
    expected = ccdfx.stack(sources, reject=rule)
    with ccdfx.engine(dask):
        assert_same_stack(ccdfx.stack(sources, reject=rule), expected)


def test_processes_of_this_machine_come_and_go(sources: list[Any]) -> None:
    import psutil

    expected = ccdfx.stack(sources)
    with ccdfx.engine("dask", workers=1) as engine:
        assert engine.threads == 1
        (process,) = engine.map(lambda tile: os.getpid(), [0])
        assert_same_stack(ccdfx.stack(sources), expected)
    assert not psutil.pid_exists(process)


def run(*arguments: object) -> Any:
    from ccdfx.cli.group import commands

    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


def test_combine_on_a_cluster(cluster: Any, files: list[Path], tmp_path: Path) -> None:
    assert run("combine", *files, "-o", tmp_path / "here.fits").exit_code == 0
    there = ("--engine", "dask", "--scheduler", cluster.scheduler_address, "--memory", 1)
    result = run("combine", *files, "-o", tmp_path / "there.fits", *there, "-v")
    assert result.exit_code == 0, result.stderr
    assert "/" in result.stderr and "tiles" in result.stderr
    assert (tmp_path / "here.fits").read_bytes() == (tmp_path / "there.fits").read_bytes()


def test_aligned_frames_are_not_for_a_cluster(files: list[Path], tmp_path: Path) -> None:
    result = run("combine", *files, "-o", tmp_path / "there.fits", "--engine", "dask", "--align")
    assert result.exit_code == 2 and "--align" in result.stderr


def test_a_scheduler_that_is_not_there_is_one_line(files: list[Path], tmp_path: Path) -> None:
    there = ("--engine", "dask:timeout=0.5", "--scheduler", "tcp://127.0.0.1:9")
    result = run("combine", *files, "-o", tmp_path / "there.fits", *there)
    assert (
        result.exit_code == 1
        and "does not answer" in result.stderr
        and not (tmp_path / "there.fits").exists()
    )


@pytest.mark.slow
def test_a_night_on_a_cluster(cluster: Any, tmp_path: Path) -> None:
    from ccdfx.demo.run import run_demo

    run_demo(tmp_path / "demo", check=False)
    night, here, there = tmp_path / "demo" / "night", tmp_path / "demo" / "reduced", tmp_path / "there"
    result = run("reduce", night, "-o", there, "--engine", "dask", "--scheduler", cluster.scheduler_address)
    assert result.exit_code == 0, result.stderr
    products = sorted(path.relative_to(here) for path in here.rglob("*.fits"))
    assert len(products) > 10
    for product in products:
        assert (here / product).read_bytes() == (there / product).read_bytes(), product
