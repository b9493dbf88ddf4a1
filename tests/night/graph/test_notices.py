"""Warnings go to the product in whose making they were issued, also where several are made at once."""

from __future__ import annotations

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from ccdfx.engines import current_engine, engine
from ccdfx.errors import CcdfxWarning
from ccdfx.night.graph.notices import collect_warnings


def warn(text):
    warnings.warn(text, CcdfxWarning, stacklevel=2)


@pytest.mark.quick
def test_each_thread_has_its_own_warnings():
    barrier = threading.Barrier(4)

    def work(name):
        said: list[str] = []
        with collect_warnings(said.append):
            barrier.wait()
            for number in range(20):
                warn(f"{name} {number % 2}")
            barrier.wait()
        return said

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, "abcd"))
    assert found == [[f"{name} {number % 2}" for number in range(20)] for name in "abcd"], "repeated ones too"


@pytest.mark.quick
def test_threads_of_the_engine_warn_for_the_product_that_they_compute():
    said: list[str] = []
    with engine("threads", threads=4), collect_warnings(said.append):
        list(current_engine().map(warn, [f"tile {number}" for number in range(12)]))
    assert sorted(said) == sorted(f"tile {number}" for number in range(12))


@pytest.mark.quick
def test_other_threads_that_hide_warnings_hide_none():
    """Blocks of `catch_warnings` that overlap leave the filters of one of them behind."""
    said: list[str] = []
    inside, left = threading.Barrier(3), threading.Event()

    def ignoring(waits):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            inside.wait()
            if waits:
                left.wait(10)
        left.set()

    with collect_warnings(said.append):
        threads = [threading.Thread(target=ignoring, args=(waits,)) for waits in (False, True)]
        for thread in threads:
            thread.start()
        inside.wait()
        warn("during")
        for thread in threads:
            thread.join()
        warn("after")
    assert said == ["during", "after"]


def test_blocks_in_blocks():
    outer: list[str] = []
    inner: list[str] = []
    with collect_warnings(outer.append):
        warn("1")
        with collect_warnings(inner.append):
            warn("2")
        warn("3")
    assert (outer, inner) == (["1", "3"], ["2"])


def test_other_warnings_are_shown_and_all_is_as_before_at_the_end():
    before = warnings.warn, warnings.showwarning, list(warnings.filters)
    said: list[str] = []
    with pytest.warns(DeprecationWarning, match="old"), collect_warnings(said.append):
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        warn("mine")
        warnings.warn(CcdfxWarning("an object"), stacklevel=1)
    assert said == ["mine", "an object"]
    with pytest.raises(ZeroDivisionError), collect_warnings(said.append):
        raise ZeroDivisionError
    assert (warnings.warn, warnings.showwarning, list(warnings.filters)) == before
    with pytest.warns(CcdfxWarning, match="outside"):
        warn("outside")
    assert said == ["mine", "an object"]
