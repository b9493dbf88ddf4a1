"""Why a product is made, in words an observer understands; files of others are refused."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from ccdfx.errors import OutputExistsError
from ccdfx.io import write
from ccdfx.night.graph.record import facts_path, read_record, write_record
from ccdfx.night.graph.state import key_of, refuse_foreign, refuse_foreign_facts, why_make
from ccdfx.records.image import Image


@pytest.fixture
def made(toys):
    """A product of one raw frame and one other product, as it was made; and a function that says why it is made again."""
    one = toys.product("c.fits", "b.fits", raw=("a.fits",))
    toys.run(toys.product("b.fits"), one, raw_keys={"a.fits": "1"})
    record = read_record(toys.output, "c.fits")

    def why(raw=None, keys=None, other=one):
        inputs = {"b.fits": record.parts["inputs"]["b.fits"], **(keys or {})}
        parts = other.key_parts(inputs, {"a.fits": "1", **(raw or {})})
        return why_make(other, parts, read_record(toys.output, "c.fits"), toys.output)

    return toys, one, record, why


@pytest.mark.quick
def test_each_reason_has_its_words(made):
    toys, one, record, why = made
    assert why() is None and key_of(toys.output / "c.fits") == record.key
    assert why(raw={"a.fits": "2"}) == "input changed: a.fits"
    assert why(keys={"b.fits": "2"}) == "input changed: b.fits"
    more = toys.product("c.fits", "b.fits", "d.fits", raw=("a.fits", "e.fits"))
    assert why(raw={"e.fits": "3"}, keys={"d.fits": "4"}, other=more) == "new input: d.fits, e.fits" or why(
        raw={"e.fits": "3"}, keys={"d.fits": "4"}, other=more
    ) == ("new input: e.fits, d.fits")
    assert why(other=toys.product("c.fits", "b.fits")) == "input gone: a.fits"
    assert why(other=toys.product("c.fits", "b.fits", raw=("a.fits",), value=3.0)) == (
        "option changed: how its frames are used"
    )
    from ccdfx.night.settings.reading import load_night_recipe

    recipe = load_night_recipe({"combine": {"average": "median"}})
    assert why(other=replace(one, settings=replace(one.settings, recipe=recipe))) == "option changed: combine"
    assert why(other=replace(one, maker="other")) == "made by another version"
    older = replace(record, key="0", parts={**record.parts, "versions": {"ccdfx": "0.0"}})
    write_record(toys.output, older)
    assert why() == "made by another version"
    write_record(toys.output, replace(record, key="0"))
    assert why() == "its record changed"


def test_a_product_whose_file_is_not_that_of_its_record_is_made_again(made):
    toys, _, record, why = made
    path = toys.output / "c.fits"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert why() == "its file changed"
    path.write_bytes(b"x" * len(whole))
    assert why() == "its file changed"
    path.write_bytes(whole.replace(record.key.encode(), b"0" * 64))
    assert why() == "its file changed", "one with another key"
    path.unlink()
    assert why() == "missing"
    path.write_bytes(whole)
    assert why() is None
    facts_path(toys.output, "c.fits").unlink()
    assert why() == "missing"


def test_stars_that_are_not_those_of_the_record_are_measured_again(made):
    toys, _, record, why = made
    stars = facts_path(toys.output, "c.fits", ".npy")
    stars.write_bytes(b"123")
    write_record(toys.output, replace(record, stars=3))
    assert why() is None
    stars.write_bytes(b"12")
    assert why() == "its facts changed"
    stars.unlink()
    assert why() == "its facts changed"


def test_what_could_not_be_made_is_tried_again_only_if_something_changed(made):
    toys, _, record, why = made
    (toys.output / "c.fits").unlink()
    write_record(toys.output, replace(record, lost="no frame is usable", size=None))
    assert why() is None
    assert why(raw={"a.fits": "2"}) == "input changed: a.fits"


@pytest.mark.quick
def test_files_of_others_are_refused_and_own_ones_are_not(made):
    toys, *_ = made
    refuse_foreign(toys.output, ["c.fits", "b.fits", "absent.fits"])
    facts_path(toys.output, "c.fits").unlink()
    refuse_foreign(toys.output, ["c.fits"])  # it has a key
    write(Image(toys.output.stat().st_size * [[1.0]]), toys.output / "mine.fits")
    (toys.output / "text.fits").write_text("mine")
    for names, words in ((["mine.fits"], "for this night;"), (["text.fits", "mine.fits"], "so were 1 more")):
        with pytest.raises(OutputExistsError, match=words):
            refuse_foreign(toys.output, names)
    assert key_of(toys.output / "text.fits") is key_of(toys.output / "absent.fits") is None


def test_files_in_the_place_of_folders_are_refused(tmp_path):
    (tmp_path / "masters").mkdir()
    refuse_foreign(tmp_path, ["masters/bias.fits"])
    for name in ("facts", "calibrated", "facts/masters"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
        with pytest.raises(OutputExistsError, match=f"{name}: is where a folder of the night would be"):
            refuse_foreign(tmp_path, ["masters/bias.fits", "calibrated/a.fits"])
        (tmp_path / name).unlink()
    os.mkfifo(tmp_path / "night.json")  # which nobody waits for
    with pytest.raises(OutputExistsError, match=r"night\.json"):
        refuse_foreign_facts(tmp_path / "night.json", tmp_path / "report.html", tmp_path / "night.csv")


@pytest.mark.parametrize("text", ["mine", "{}", "[1]", '{"frames": []}', '{"complete": true}'])
def test_facts_and_reports_of_others_are_refused(tmp_path, text):
    from ccdfx.night.report.page import write_report
    from ccdfx.night.summary import begin_facts

    facts, report, table = (tmp_path / name for name in ("night.json", "report.html", "night.csv"))
    refuse_foreign_facts(facts, report, table)
    begin_facts(facts, tmp_path)
    write_report({}, tmp_path)
    refuse_foreign_facts(facts, report, table)
    for path in (table, report, facts):
        path.write_text(text)
        with pytest.raises(OutputExistsError, match=path.name):
            refuse_foreign_facts(facts, report, table)
