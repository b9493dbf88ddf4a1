"""Laws of makers of products of a night."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ccdfx.io.provenance import file_sha256
from ccdfx.night.graph.execute import execute
from ccdfx.night.graph.keys import digest
from ccdfx.night.graph.product import Graph
from ccdfx.night.graph.record import Record
from ccdfx.night.makers import MAKERS, camera_graph, product_graph
from ccdfx.night.plan import Plan
from ccdfx.night.products.camera import camera_of
from ccdfx.night.products.planned import Maker, Planned
from ccdfx.night.run import reduce_night
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.testing.laws import Trial, it_can_be_pickled, require

_COUNTS = (4, 3, 4, 3)  # of bias, dark, flat and science frames
_SHAPE = (128, 128)
_RECIPE = NightRecipe()


def it_plans_nothing_of_an_empty_night(maker: Maker, trial: Trial) -> None:
    planned = [*maker.plan(Plan(), _RECIPE)]
    require(not planned, f"it plans {_shown(planned)} of a night without frames")


def it_plans_the_same_again(maker: Maker, trial: Trial) -> None:
    plan = _reduced(trial).plan
    first, again = ([*maker.plan(plan, _RECIPE)] for _ in range(2))
    require(all(isinstance(item, Planned) for item in first), f"it plans {first!r}, which are no Planned")
    require(digest(first) == digest(again), "it plans other products of the same night, or other records")


def what_it_plans_can_be(maker: Maker, trial: Trial) -> None:
    graph = _reduced(trial).graph(maker)
    require(not graph.notes, "; ".join(graph.notes))
    require(
        any(product.maker == maker.name for product in graph.products.values()),
        "it plans nothing of the night of the trial; give raw or instrument in its options",
    )


def what_it_plans_is_made(maker: Maker, trial: Trial) -> None:
    reduced = _reduced(trial)
    graph = reduced.graph(maker)
    for file, record in reduced.made(graph, maker, trial.folder).items():
        require(record.lost is None, f"{file} is lost: {record.lost}")


def it_makes_the_same_bytes_again(maker: Maker, trial: Trial) -> None:
    reduced = _reduced(trial)
    graph = reduced.graph(maker)
    bytes_of = []
    for name in ("first", "again"):
        records = reduced.made(graph, maker, trial.folder / name)
        facts = {
            file: digest((record.facts, record.warnings, record.lost)) for file, record in records.items()
        }
        bytes_of.append({file: (file_sha256(trial.folder / name / file), facts[file]) for file in records})
    first, again = bytes_of
    require(first == again, f"{_shown([file for file in first if first[file] != again[file]])} has changed")


def it_needs_what_it_reads(maker: Maker, trial: Trial) -> None:
    """Make each product where those that it does not need are absent, and require the same facts and pixels."""
    reduced = _reduced(trial)
    graph = reduced.graph(maker)
    expected = reduced.made(graph, maker, trial.folder / "all")
    found = reduced.made(graph, maker, trial.folder / "needed", hide=True)
    for file, record in expected.items():
        if record.lost is not None:
            continue  # another law
        lost = found[file].lost
        require(lost is None, f"{file} reads what it does not name in needs: {lost}")
        same = digest(found[file].facts) == digest(record.facts) and (
            file_sha256(trial.folder / "all" / file) == file_sha256(trial.folder / "needed" / file)
        )
        require(same, f"{file} is another where the products that it does not name in needs are absent")


def its_inputs_never_change(maker: Maker, trial: Trial) -> None:
    reduced = _reduced(trial)
    graph = reduced.graph(maker)
    before = _digests(reduced.output, reduced.raw)
    reduced.made(graph, maker, trial.folder)
    after = _digests(trial.folder, reduced.raw)
    changed = [file for file in before if before[file] != after.get(file)]
    own = {product.file for product in graph.products.values() if product.maker == maker.name}
    require(not set(changed) - own, f"it has changed {_shown(sorted(set(changed) - own))}")


def it_is_fast(maker: Maker, trial: Trial) -> None:
    reduced = _reduced(trial)
    graph = reduced.graph(maker)
    reduced.made(graph, maker, trial.folder / "first")
    for file, record in reduced.made(graph, maker, trial.folder / "again").items():
        spent = record.seconds or 0.0
        require(spent <= trial.seconds, f"it took {spent:.2g} s for {file}, and may take {trial.seconds:g} s")


LAWS = (
    it_can_be_pickled, it_plans_nothing_of_an_empty_night, it_plans_the_same_again, what_it_plans_can_be,
    what_it_plans_is_made, it_makes_the_same_bytes_again, it_needs_what_it_reads, its_inputs_never_change, it_is_fast,
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Reduced:
    """A night that the built-in makers have reduced: its raw frames, its output, its plan; `folder` removes it.

    `keys` are the SHA-256 of the raw frames by name, `cameras` what was measured of the camera of each setup.
    """

    raw: Path
    output: Path
    plan: Plan
    keys: dict[str, str | None]
    cameras: dict[Any, Any]
    folder: Any

    def graph(self, maker: Maker) -> Graph:
        """Return the graph of all products of ccdfx, and of those of the maker."""
        return product_graph(self.plan, _RECIPE, self.cameras, further=() if maker in MAKERS else (maker,))

    def made(self, graph: Graph, maker: Maker, folder: Path, *, hide: bool = False) -> dict[str, Record]:
        """Return the records of the products of the maker, made in a copy of the output.

        `hide` leaves out the products that none of them needs.
        """
        shutil.copytree(self.output, folder, dirs_exist_ok=True)
        own = graph.only(lambda product: product.maker == maker.name)
        if hide:
            for file in set(graph.products) - set(own.products):
                (folder / file).unlink(missing_ok=True)
                (folder / "facts" / file).with_suffix(".json").unlink(missing_ok=True)
        for file in own.products:
            if own.products[file].maker == maker.name:
                (folder / file).unlink(missing_ok=True)
                (folder / "facts" / file).with_suffix(".json").unlink(missing_ok=True)
        records = execute(own, folder, self.keys)
        return {file: record for file, record in records.items() if own.products[file].maker == maker.name}


def _reduced(trial: Trial) -> _Reduced:
    raw, instrument = trial.options.get("raw"), trial.options.get("instrument")
    return _reduce(None if raw is None else str(raw), instrument)


@cache
def _reduce(raw: str | None, instrument: Any) -> _Reduced:
    """Reduce a night, simulated if none is given, once in this process."""
    from ccdfx.demo.simulate import simulate_night

    folder = TemporaryDirectory(prefix="ccdfx-law-night-")
    output = Path(folder.name) / "out"
    source = Path(raw) if raw is not None else Path(folder.name) / "raw"
    if raw is None:
        simulate_night(source, shape=_SHAPE, filters=("V",), counts=_COUNTS)
    plan = reduce_night(source, output, instrument=instrument).plan
    frames = [frame for setup in plan.setups for frame in plan.frames_of(setup)]
    keys = {frame.file: file_sha256(frame.path) for frame in frames}
    graph = camera_graph(plan, _RECIPE)
    measured = execute(graph, output, keys)
    cameras = {one.plan.setup: camera_of(measured[one.file]) for one in graph.products.values()}
    return _Reduced(source, output, plan, keys, cameras, folder)


def _digests(*folders: Path) -> dict[str, str | None]:
    return {
        path.relative_to(folder).as_posix(): file_sha256(path)
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in (".fits", ".npy")
    }


def _shown(items: Any) -> str:
    """List the first files.

    >>> _shown(["a.fits", "b.fits", "c.fits", "d.fits"])
    'a.fits, b.fits, c.fits, ...'
    """
    names = [str(getattr(item, "file", item)) for item in items]
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
