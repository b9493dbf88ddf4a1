"""Products and their graph: what the key is computed of, order, and parts of a graph."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx.night.cameras.camera_noise import CameraNoise
from ccdfx.night.graph.keys import digest
from ccdfx.night.graph.product import Graph
from ccdfx.night.settings.reading import load_night_recipe

from .conftest import product

RAW = {"a.fits": "1" * 64, "b.fits": "2" * 64}


@st.composite
def graphs(draw):
    """Graphs of up to nine products, each of which needs some of those before it."""
    files = [f"{number}.fits" for number in range(draw(st.integers(1, 9)))]
    found = [
        product(file, *draw(st.sets(st.sampled_from(files[:i]))) if i else ()) for i, file in enumerate(files)
    ]
    return Graph.of(draw(st.permutations(found)))


@pytest.mark.quick
def test_a_key_holds_maker_versions_options_and_inputs():
    one = product("c.fits", "b.fits", raw=("a.fits",))
    parts = one.key_parts({"b.fits": "key of b"}, RAW)
    assert (parts["maker"], parts["raw"], parts["inputs"]) == (
        "sum",
        {"a.fits": "1" * 64},
        {"b.fits": "key of b"},
    )
    assert parts["versions"]["ccdfx"] and set(parts["options"]["recipe"]) == {"combine"}
    assert one.key_parts({"b.fits": "key of b"}, RAW) == parts

    def key(other):
        return digest(other.key_parts({"b.fits": "key of b"}, RAW))

    def chosen(**tables):
        return replace(one, settings=replace(one.settings, recipe=load_night_recipe(tables)))

    assert key(chosen(combine={"average": "median"})) != key(one)
    assert key(chosen(flat={"good": 0.9})) == key(one), "it does not depend on the flats"
    noise = CameraNoise(gain=2.0)
    assert key(replace(one, settings=replace(one.settings, noise=noise))) != key(one)
    assert key(replace(one, settings=replace(one.settings, contents={"own": "5"}))) != key(one)
    assert key(product("c.fits", "b.fits", raw=("a.fits",), value=2.0)) != key(one)
    assert key(replace(one, memory=99)) == key(one), "memory does not show in the bytes"
    assert one.key_parts({"b.fits": "x"}, {})["raw"] == {"a.fits": None}, "a frame that cannot be read"


@given(graphs())
def test_each_product_comes_after_those_that_it_needs(graph):
    order = graph.order
    assert sorted(order) == sorted(graph.products)
    for file, needs in graph.edges.items():
        assert all(order.index(need) < order.index(file) for need in needs)


@given(graphs(), st.data())
def test_a_part_of_a_graph_has_all_that_it_needs_and_no_more(graph, data):
    wanted = data.draw(st.sets(st.sampled_from(sorted(graph.products))))
    part = graph.only(lambda one: one.file in wanted)
    assert wanted <= set(part.products)
    assert all(set(one.needs) <= set(part.products) for one in part.products.values())
    needed = {need for one in part.products.values() for need in one.needs}
    assert set(part.products) == wanted | needed
    assert list(part.products) == [file for file in graph.products if file in part.products]


def test_products_of_a_kind():
    graph = Graph.of([product("a.fits"), replace(product("b.fits"), kind="bias")])
    assert [one.file for one in graph.of_kind("bias", "dark")] == ["b.fits"]
