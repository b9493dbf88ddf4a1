"""Whole products of a night are made by the workers: the same bytes, and what a death of one costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ccdfx
from ccdfx.night.graph.execute import execute
from ccdfx.night.graph.product import Graph, Product, Settings
from ccdfx.night.graph.record import Made
from ccdfx.night.settings.choices import NightRecipe


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """Raw frames of a small simulated night, and the products that this process makes of them."""
    from ccdfx.demo.simulate import simulate_night

    folder = tmp_path_factory.mktemp("night")
    simulate_night(folder / "raw", shape=(128, 160), filters=("V",), counts=(4, 2, 3, 2))
    assert ccdfx.reduce_night(folder / "raw", folder / "out").status == 0
    return folder / "raw", products(folder / "out")


def products(output: Path) -> dict[str, bytes]:
    """Return the bytes of the products of a night, and of the pictures and stars beside them."""
    found = [*output.glob("*/*.fits"), *output.glob("facts/*/*.png"), *output.glob("facts/*/*.npy")]
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in found}


def test_a_cluster_makes_the_same_night(
    dask: ccdfx.Engine, night: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    raw, expected = night
    with ccdfx.engine(dask):
        made = ccdfx.reduce_night(raw, tmp_path / "out")
        assert made.status == 0, made.facts["warnings"]
        again = ccdfx.reduce_night(raw, tmp_path / "out")
    assert set(again.made.values()) == {None}
    got = products(tmp_path / "out")
    assert sorted(got) == sorted(expected) and len(got) > 10
    assert [name for name in got if got[name] != expected[name]] == []
    assert {again.made[file] for file in again.made} == {None}
    here = ccdfx.reduce_night(raw, tmp_path / "out")  # what workers made is current here too
    assert set(here.made.values()) == {None}


def test_the_command_makes_the_same_night(
    cluster: Any, night: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    raw, expected = night
    words = ["reduce", str(raw), "-o", str(tmp_path / "out"), "--engine", "dask"]
    ended = subprocess.run(
        [sys.executable, "-m", "ccdfx", *words, "--scheduler", cluster.scheduler_address],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    assert products(tmp_path / "out") == expected


def toy(file: str, make: Any, *needs: str) -> Product:
    settings = Settings(recipe=NightRecipe())
    return Product(file=file, kind="toy", maker="toy", make=make, plan=None, settings=settings, needs=needs)


def plain(plan: object, context: Any) -> Made:
    """Make an image of the number of products that it is made of, if all are there."""
    missing = [need for need in context.product.needs if not context.is_made(need)]
    if missing:
        raise ccdfx.ArgumentError("input", f"is lost: {missing}", remedy="none")
    return Made(image=ccdfx.Image(np.full((4, 5), len(context.product.needs), np.float32)))


def test_a_worker_that_dies_once_costs_nothing(dask: ccdfx.Engine, tmp_path: Path) -> None:
    here = os.getpid()

    def deadly(plan: object, context: Any) -> Made:
        killed = context.output / "killed"
        if not killed.exists() and os.getpid() != here:
            killed.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(plan, context)

    files = [f"masters/{number}.fits" for number in range(4)]
    graph = Graph.of([toy(files[0], deadly), *(toy(file, plain) for file in files[1:]),
                      toy("combined/all.fits", plain, *files)])  # fmt: skip
    with ccdfx.engine(dask):
        records = execute(graph, tmp_path, {})
    assert int((tmp_path / "killed").read_text()) != here
    assert {record.lost for record in records.values()} == {None}
    assert (ccdfx.read(tmp_path / "combined/all.fits").array == 4).all()


def test_a_product_that_ends_its_workers_is_lost_alone_until_the_next_run(
    cluster: Any, dask: ccdfx.Engine, tmp_path: Path
) -> None:
    def deadly(plan: object, context: Any) -> Made:
        if not (context.output / "mended").exists():
            os._exit(7)
        return plain(plan, context)

    graph = Graph.of([toy("masters/good.fits", plain),
                      toy("masters/deadly.fits", deadly, "masters/good.fits"),
                      toy("combined/all.fits", plain, "masters/deadly.fits", "masters/good.fits")])  # fmt: skip
    allowed = cluster.scheduler.allowed_failures
    cluster.scheduler.allowed_failures = 1
    try:
        with ccdfx.engine(dask):
            records = execute(graph, tmp_path, {})
            assert records["masters/good.fits"].lost is None
            assert records["masters/deadly.fits"].lost and records["combined/all.fits"].lost
            (tmp_path / "mended").touch()
            events: list[Any] = []
            records = execute(graph, tmp_path, {}, told=events.append)
    finally:
        cluster.scheduler.allowed_failures = allowed
    assert records["masters/deadly.fits"].lost is None
    states = {event.file: event.state for event in events}
    assert states["masters/good.fits"] == "current" and states["masters/deadly.fits"] == "made"
    assert states["combined/all.fits"] == "made"
