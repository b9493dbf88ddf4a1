"""Making a graph: in order, only what is missing or stale, within the memory, and the same for any number of threads."""

from __future__ import annotations

import errno
import threading
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccdfx.engines import engine
from ccdfx.errors import FileError
from ccdfx.io import atomic
from ccdfx.night.graph.execute import plan_of_work
from ccdfx.night.graph.product import Graph
from ccdfx.night.graph.record import read_record

from .conftest import Toys, Value, make_sum, product


def chain(**options):
    """A bias, a dark and a flat that need it, and a frame that needs all."""
    return [
        product("bias.fits", **options),
        product("dark.fits", "bias.fits"),
        product("flat.fits", "bias.fits"),
        product("frame.fits", "bias.fits", "dark.fits", "flat.fits"),
    ]


def without_times(records):
    return {file: replace(record, seconds=None) for file, record in records.items()}


@pytest.mark.quick
def test_a_graph_is_made_once_in_its_order(toys):
    records = toys.run(*reversed(chain()))
    order = toys.busy.order
    assert order[0] == "bias.fits" and order[-1] == "frame.fits" and len(order) == 4
    assert records["frame.fits"].facts["total"] == 1 + 1 + 2 + 2
    assert list(records) == ["frame.fits", "flat.fits", "dark.fits", "bias.fits"], "the order of the plan"
    before = toys.bytes()
    times = {path: path.stat().st_mtime_ns for path in toys.output.rglob("*") if path.is_file()}
    assert toys.run(*chain()) == {
        file: records[file] for file in ("bias.fits", "dark.fits", "flat.fits", "frame.fits")
    }
    assert toys.busy.order == [] and set(toys.states().values()) == {"current"}
    assert times == {path: path.stat().st_mtime_ns for path in toys.output.rglob("*") if path.is_file()}
    toys.run(*chain(), again=True)
    assert len(toys.busy.order) == 4 and toys.bytes() == before
    assert {event.reason for event in toys.events} == {"asked for"}


@pytest.mark.quick
def test_what_depends_on_a_change_is_made_again_and_nothing_else(toys):
    toys.run(*chain())
    changed = chain()
    changed[1] = product("dark.fits", "bias.fits", value=7.0)
    toys.run(*changed)
    reasons = {event.file: (event.state, event.reason) for event in toys.events}
    assert reasons == {
        "bias.fits": ("current", ""),
        "dark.fits": ("made", "option changed: how its frames are used"),
        "flat.fits": ("current", ""),
        "frame.fits": ("made", "input changed: dark.fits"),
    }
    (toys.output / "flat.fits").unlink()
    toys.run(*changed)
    made = {event.file for event in toys.events if event.state == "made"}
    assert made == {"flat.fits"}, "the same bytes again, so the frame is still right"


@pytest.mark.quick
def test_a_lost_product_loses_what_depends_on_it_and_nothing_else(toys):
    other = [product("x.fits"), product("y.fits", "x.fits")]
    failing = chain()
    failing[1] = product("dark.fits", "bias.fits", fails=True)
    records = toys.run(*failing, *other)
    lost = {"dark.fits", "frame.fits"}
    assert {file for file, state in toys.states().items() if state == "lost"} == lost
    assert {file for file, record in records.items() if record.lost is not None} == lost
    assert "fails" in records["dark.fits"].lost and "'dark.fits'" in records["frame.fits"].lost
    assert set(toys.bytes()) == {"bias.fits", "flat.fits", "x.fits", "y.fits"}
    toys.run(*failing, *other)
    assert toys.busy.order == [], "it would fail again"
    toys.run(*chain(), *other)
    assert sorted(toys.busy.order) == ["dark.fits", "frame.fits"]


def test_events_count_to_the_end(toys):
    frames = [product(f"{i}.fits", raw=("a.fits",) * (i + 1)) for i in range(4)]
    toys.run(*frames, replace(product("sum.fits", *(f"{i}.fits" for i in range(4))), kind="combined"))
    assert [event.done for event in toys.events] == [1, 2, 3, 4, 5]
    work = [event.work_done for event in toys.events]
    assert work == sorted(work) and work[-1] == 1 + 2 + 3 + 4 + 4
    assert {(event.total, event.work) for event in toys.events} == {(5, work[-1])}


@pytest.mark.parametrize(("budget", "most"), [(1, 1), (100, 1), (201, 2), (350, 3)])
def test_products_in_the_making_keep_within_the_memory(toys, budget, most):
    frames = [product(f"{i}.fits", memory=100, seconds=0.01) for i in range(8)]
    with engine("threads", threads=4):
        toys.run(*frames, memory=budget)
    assert max(map(len, toys.busy.seen)) <= most
    assert len(toys.busy.order) == 8, "one that needs more than there is runs alone"


def test_a_large_one_waits_until_it_is_alone(toys):
    frames = [product(f"{i}.fits", memory=10, seconds=0.02) for i in range(3)]
    with engine("threads", threads=4):
        toys.run(*frames, product("large.fits", memory=1000), memory=50)
    (large,) = (seen for seen in toys.busy.seen if "large.fits" in seen)
    assert large == {"large.fits"}


@pytest.mark.parametrize("threads", [1, 2])
def test_a_product_is_made_while_another_waits_for_the_disk(toys, monkeypatch, threads):
    """With memory for one: the image of the other is not in memory any more."""
    begun, sync, waited = threading.Event(), atomic._sync, []

    def slow_sync(path):
        if "1.fits" in path.name:
            waited.append(begun.wait(20))
        sync(path)

    def maker(plan, context):
        if context.product.file == "2.fits":
            begun.set()
        return make_sum(plan, context)

    monkeypatch.setattr(atomic, "_sync", slow_sync)
    frames = [replace(product(f"{i}.fits", memory=100), make=maker) for i in (1, 2)]
    with engine("threads", threads=threads):
        records = toys.run(*frames, memory=1)
    assert waited == [True] and max(map(len, toys.busy.seen)) == 1
    assert set(toys.bytes()) == set(records) == {"1.fits", "2.fits"}


def test_a_full_disk_that_shows_when_a_file_is_synced_ends_the_run(toys, monkeypatch):
    def full(path):
        if "1.fits" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(atomic, "_sync", full)
    with pytest.raises(FileError, match=r"1\.fits: cannot be written: No space left"):
        toys.run(*(product(f"{i}.fits") for i in (1, 2, 3)))
    assert read_record(toys.output, "1.fits") is None and "1.fits" not in toys.bytes()


@pytest.mark.quick
def test_products_are_made_side_by_side(toys):
    frames = [product(f"{i}.fits", seconds=0.05) for i in range(4)]
    with engine("threads", threads=2):
        toys.run(*frames)
    assert max(map(len, toys.busy.seen)) == 2


def test_a_listener_that_raises_ends_the_run_and_the_next_goes_on(toys):
    whole = Toys(toys.output.parent / "whole")
    whole.run(*chain())

    def stop(event):
        if event.file == "dark.fits":
            raise KeyboardInterrupt

    from ccdfx.night.graph.execute import execute

    with pytest.raises(KeyboardInterrupt):
        execute(Graph.of(chain()), toys.output, {}, told=stop)
    assert not (toys.output / "frame.fits").exists()
    toys.run(*chain())
    assert toys.bytes() == whole.bytes() and "bias.fits" not in toys.busy.order


@pytest.mark.quick
def test_the_work_is_foreseen_with_its_reasons(toys):
    def foreseen(products):
        return {one.file: reason for one, reason in plan_of_work(Graph.of(products), toys.output, {})}

    assert set(foreseen(chain()).values()) == {"missing"} and not toys.output.exists()
    toys.run(*chain())
    assert set(foreseen(chain()).values()) == {None}
    changed = [product("bias.fits", value=3.0), *chain()[1:]]
    assert foreseen(changed)["frame.fits"] == "input changed: bias.fits, dark.fits, flat.fits"
    said = foreseen(changed)
    toys.run(*changed)
    assert {event.file: event.reason for event in toys.events} == said


PLANS = st.lists(
    st.tuples(
        st.builds(
            Value,
            st.floats(0, 4, width=16),
            st.sampled_from([False] * 5 + [True]),
            says=st.sampled_from(["", "odd"]),
        ),
        st.sets(st.integers(0, 20), max_size=3),
        st.integers(0, 100),
    ),
    min_size=1,
    max_size=8,
)


def graph_of(plans):
    """Products of drawn values; each needs some of those before it."""
    return [
        replace(
            product(f"{i}.fits", *sorted({f"{need % i}.fits" for need in needs if i}), memory=memory),
            plan=plan,
        )
        for i, (plan, needs, memory) in enumerate(plans)
    ]


@settings(max_examples=15)
@given(PLANS, st.integers(1, 300))
def test_threads_and_memory_do_not_show(tmp_path_factory, plans, memory):
    found = []
    for threads in (1, 2, 8):
        toys = Toys(tmp_path_factory.mktemp("toys"))
        with engine("threads", threads=threads):
            records = toys.run(*graph_of(plans), memory=memory)
        found.append((without_times(records), toys.bytes()))
        assert {file: read_record(toys.output, file) for file in records} == records
        for file, record in records.items():
            said = record.warnings
            assert said == ((f"odd of {file}",) if plans[int(file[:-5])][0].says else ()), "its own warnings"
    assert found[0] == found[1] == found[2]


@settings(max_examples=15)
@given(PLANS, PLANS, st.data())
def test_the_end_is_that_of_one_run_whatever_was_there(tmp_path_factory, before, plans, data):
    """An earlier graph, some of whose files were cut or removed, and then another graph."""
    toys, fresh = (Toys(tmp_path_factory.mktemp(name)) for name in ("toys", "fresh"))
    toys.run(*graph_of(before))
    for path in sorted(path for path in toys.output.rglob("*") if path.is_file()):
        what = data.draw(st.sampled_from(["kept", "kept", "cut", "removed"]))
        if what == "cut":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        elif what == "removed":
            path.unlink()
    records = toys.run(*graph_of(plans))
    wanted = fresh.run(*graph_of(plans))
    assert without_times(records) == without_times(wanted)
    there = toys.bytes()
    assert {name: there[name] for name in fresh.bytes()} == fresh.bytes()
    toys.run(*graph_of(plans))
    assert toys.busy.order == []
