"""Makers of plugins: what they may plan, and what a fault of theirs costs: one product, and never the night."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from ccdfx import Image, Made, Maker, NightRecipe, Plan, Planned, read, reduce_night, registry
from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.night.makers import MAKERS, product_graph
from ccdfx.night.products.further import place_refusal, plan_further
from ccdfx.night.verify import remade_night, verify_whole_night


@dataclass(frozen=True)
class Order:
    """What the maker of these tests makes: the mean of its inputs, or one of the faults below."""

    inputs: tuple[str, ...] = ()
    fault: str = ""


def make_mean(order: Order, context) -> Made:
    if order.fault:
        return FAULTS[order.fault][0](context)
    levels = [float(read(context.path(file)).array.mean()) for file in order.inputs]
    context.warn("the mean is robust against nothing")
    print("of interest to nobody")
    image = Image(np.full((4, 5), np.mean(levels), np.float32), {"OBJECT": "mean"})
    return Made(image=image, facts={"level": np.float32(np.mean(levels)), "file": "elsewhere"})


def fail(error: BaseException):
    def call(context) -> Made:
        raise error

    return call


FAULTS = {
    "raises": (fail(ValueError("out of film")), "raised ValueError: out of film"),
    "refuses": (fail(ArgumentError("film", "must be there", remedy="buy one")), "film: must be there; buy one"),
    "exits": (fail(SystemExit(3)), "raised SystemExit: 3"),
    "interrupts": (fail(KeyboardInterrupt()), "raised KeyboardInterrupt"),
    "takes_all": (fail(MemoryError("of 1 EiB")), "raised MemoryError: of 1 EiB"),
    "gives_none": (lambda context: None, "must return a Made, it returned a NoneType"),
    "gives_facts": (lambda context: Made(facts={"a": 1}), "gave no image for mean/gives_facts.fits"),
    "gives_text": (lambda context: Made(image="an image"), "image must be an Image or None"),
    "complex": (lambda context: Made(image=Image(np.ones((2, 2), complex))), "must hold real numbers"),
    "others_fault": (lambda context: Made(image=Image([[1.0]]), failed={"b0.fits": "no"}), "speaks of b0.fits"),
    "gives_up": (lambda context: Made(lost="no star is bright enough"), "no star is bright enough"),
    "odd_facts": (lambda context: Made(image=Image([[1.0]]), facts={"a": np.ones(3)}), "raised ValueError"),
}  # fmt: skip


def mean(file: str = "mean/mean.fits", **fields) -> Planned:
    return Planned(**{"file": file, "kind": "mean", "record": Order(), **fields})


def maker(*planned: Planned, name: str = "mean") -> Maker:
    return Maker(name=name, plan=lambda night, recipe: planned, make=make_mean)


def plan_of(*makers: Maker, plan: Plan | None = None):
    """Return what is accepted and what is said."""
    found = plan_further(makers, plan or Plan(), NightRecipe(), ())
    return [item.file for _, items in found.planned for item in items], found.notes


@pytest.mark.quick
@pytest.mark.parametrize(
    "file",
    ["/etc/passwd.fits", "../a.fits", "mean/../a.fits", "mean/../../a.fits", "a.fits", "mean/b/a.fits", "facts/a.fits",
     "other/a.fits", "mean\\a.fits", "mean/.a.fits", "mean/", "mean/..", "mean//a.fits", "MEAN/a.fits", "C:/a.fits", "mean/a\n.fits",
     "mean/C:a.fits", "mean/a.tiff", "mean/a", "mean/a.json", "mean/a\\..\\b.fits"],
)  # fmt: skip
def test_a_file_elsewhere_is_refused(file: str) -> None:
    accepted, (note,) = plan_of(maker(mean(file)))
    assert accepted == [] and "planned by the maker mean of a plugin, is refused: it must be" in note
    assert note.isprintable()


@pytest.mark.quick
def test_a_maker_has_the_folders_of_products_and_its_own() -> None:
    files = ["masters/a.fits", "calibrated/a.fits", "combined/a.fits", "mean/a.fits"]
    assert plan_of(maker(*map(mean, files))) == (files, ())
    assert place_refusal("mean/a.json", "mean", has_image=False) is None
    for reserved in ("facts", "camera"):
        assert place_refusal(f"{reserved}/a.fits", reserved) is not None


@pytest.mark.quick
def test_a_place_is_taken_once() -> None:
    own = (mean("masters/bias.fits"),)
    twice = [mean("masters/Bias.fits"), mean("mean/a.fits"), mean("mean/a.json", has_image=False)]
    found = plan_further([maker(*twice)], Plan(), NightRecipe(), own)
    assert [item.file for _, items in found.planned for item in items] == ["mean/a.fits"]
    assert [note.split(",")[0] for note in found.notes] == ["masters/Bias.fits", "mean/a.json"]
    assert all(note.endswith("another product has its place") for note in found.notes)


@pytest.mark.quick
def test_what_is_not_planned_cannot_be_needed() -> None:
    chain = [
        mean("mean/c.fits", needs=("mean/b.fits",)),  # before what it needs
        mean("mean/b.fits", needs=("mean/a.fits",)),
        mean("mean/a.fits"),
        mean("mean/e.fits", needs=("mean/d.fits",)),
        mean("mean/d.fits", needs=("masters/no.fits",)),
        mean("mean/loop.fits", needs=("mean/loop.fits",)),
    ]
    accepted, notes = plan_of(maker(*chain))
    assert accepted == ["mean/c.fits", "mean/b.fits", "mean/a.fits"]
    assert [note.split(",")[0] for note in notes] == ["mean/e.fits", "mean/d.fits", "mean/loop.fits"]
    assert "it needs masters/no.fits, which is not planned" in notes[1]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "calibrated"}, "products of the kind calibrated are those of ccdfx"),
        ({"record": object()}, "no key can be computed of its record: ArgumentTypeError"),
    ],
)
def test_a_product_that_cannot_be_is_refused(fields: dict, words: str) -> None:
    accepted, (note,) = plan_of(maker(mean(**fields), mean("mean/good.fits")))
    assert accepted == ["mean/good.fits"] and words in note


def explode(night, recipe):
    yield mean()
    raise SystemExit("out of film")


@pytest.mark.quick
@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (explode, "its plan raised SystemExit: out of film"),
        (lambda night, recipe: None, "its plan raised TypeError"),
        (lambda night, recipe: ["mean/a.fits"], "its plan must give Planned records, it gave 'mean/a.fits'"),
        (lambda night, recipe: [mean(needs=["list"])], "needs must be a tuple of text"),
        (lambda night, recipe: [mean(raw=("a.fits",))], "raw must be a tuple of Frame"),
        (lambda night, recipe: [mean("")], "file must be text that is not empty"),
    ],
)
def test_a_plan_that_fails_leaves_the_maker_out(plan, words: str) -> None:
    accepted, (note,) = plan_of(Maker(name="bad", plan=plan, make=make_mean), maker(mean()))
    assert accepted == ["mean/mean.fits"]
    assert note.startswith("the maker bad of a plugin makes nothing") and words in note


@pytest.mark.quick
def test_frames_of_another_night_are_refused(camera) -> None:
    from ccdfx import scan

    camera.biases(1)
    (frame,) = scan(camera.folder)
    accepted, (note,) = plan_of(maker(mean(raw=(frame,))))
    assert accepted == [] and "b0.fits is no raw frame of this night" in note
    plan = Plan(left_out=((frame, "is not needed"),))
    assert plan_of(maker(mean(raw=(frame,))), plan=plan) == (["mean/mean.fits"], ())


@pytest.mark.quick
def test_fields_are_checked_where_they_are_made() -> None:
    with pytest.raises(ArgumentTypeError, match="Maker 'Bad Name': name must be small letters"):
        maker(name="Bad Name")
    with pytest.raises(ArgumentTypeError, match=r"Planned 'a\.fits': has_image must be True or False"):
        mean("a.fits", has_image=1)
    with pytest.raises(ArgumentTypeError, match="Made: warnings must be a tuple of text"):
        Made(warnings="text")


@pytest.mark.quick
def test_the_built_in_makers_come_by_the_hook() -> None:
    assert [*registry.records("maker").values()][: len(MAKERS)] == [*MAKERS]
    assert product_graph(Plan(), NightRecipe(), {}).products == {}


@pytest.fixture
def provide(monkeypatch: pytest.MonkeyPatch):
    """Provide makers as plugins do."""
    records = registry.records

    def add(*makers: Maker) -> None:
        own = {one.name: one for one in MAKERS} | {one.name: one for one in makers}
        monkeypatch.setattr(registry, "records", lambda kind: own if kind == "maker" else records(kind))

    return add


def plan_means(night, recipe):
    """Plan the mean of the calibrated frames, a product of that, and one of each fault."""
    files = tuple(item.file for item in night.science)
    if files:
        setup = night.science[0].setup
        yield mean(record=Order(files), needs=files, setup=setup)
        yield mean("mean/again.fits", record=Order(("mean/mean.fits",)), needs=("mean/mean.fits",))
        yield mean("../escape.fits")
        for fault in FAULTS if recipe.select.fwhm else ():
            yield mean(f"mean/{fault}.fits", kind="fault", record=Order(fault=fault))


MEAN = Maker(name="mean", plan=plan_means, make=make_mean)


def means(camera, out: Path, **options):
    return reduce_night(
        camera.folder, out, recipe={"combine": {"use": False}, "bad_pixels": {"use": False}}, **options
    )


def test_products_of_a_plugin_are_made_kept_and_made_again(camera, out, provide, capsys) -> None:
    camera.night()
    provide(MEAN, Maker(name="broken", plan=explode, make=make_mean))
    dry = means(camera, out, dry_run=True)
    assert dry.made["mean/mean.fits"] == "missing" and not out.exists()
    night = means(camera, out, told=lambda event: print(event.file))
    printed = capsys.readouterr()
    assert "mean/again.fits" in printed.out.splitlines() and "nobody" not in printed.out
    assert printed.err.count("of interest to nobody") == 2
    assert night.status == 0
    for warnings in (dry.plan.warnings, night.facts["warnings"]):
        assert sum("../escape.fits" in text for text in warnings) == 1
        assert sum("maker broken of a plugin makes nothing" in text for text in warnings) == 1
    facts = night.facts["products"]["mean"]
    assert [one["file"] for one in facts] == ["mean/mean.fits", "mean/again.fits"]
    assert facts == json.loads((out / "night.json").read_text())["products"]["mean"]
    levels = [read(path).array.mean() for path in sorted((out / "calibrated").glob("*.fits"))]
    assert facts[0]["level"] == pytest.approx(np.mean(levels), rel=1e-6)
    assert "the mean is robust against nothing" in night.facts["warnings"]
    header = read(out / "mean/mean.fits").header
    assert header["PRODUCT"] == "mean" and header["IMCMB001"] == "calibrated/s0.fits"
    assert header["IMKEY001"] == read(out / "calibrated/s0.fits").header["CCDFXKEY"]
    page = (out / "report.html").read_text()
    assert 'id="further-1"' in page and "mean/again.fits" in page and page.count("data:image/png") >= 2
    again = means(camera, out)
    assert not any(again.made.values())
    assert {one.file for one in verify_whole_night(out) if one.problem} == set()
    assert {one.file: one.problem for one in remade_night(out)}["mean/again.fits"] is None
    (camera.folder / "s2.fits").unlink()
    fewer = means(camera, out)
    assert fewer.made["mean/mean.fits"] == "input gone: calibrated/s2.fits"
    only = means(camera, out, only="masters", overwrite=True)
    assert "mean/mean.fits" not in only.made


def test_a_fault_loses_its_product_and_nothing_else(camera, out, provide) -> None:
    camera.night()
    provide(replace(MEAN, tables=("select",)))
    recipe = {"combine": {"use": False}, "bad_pixels": {"use": False}, "select": {"fwhm": {"most": 99.0}}}
    night = reduce_night(camera.folder, out, recipe=recipe)
    assert night.status == 1 and night.facts["complete"] and len(night.facts["calibrated"]) == 3
    assert len(night.facts["products"]["mean"]) == 2 and night.facts["products"]["fault"] == []
    lost = {one["file"]: one["problem"] for one in night.facts["lost"]}
    assert lost.keys() == {f"mean/{fault}.fits" for fault in FAULTS}
    for fault, (_, words) in FAULTS.items():
        assert words in lost[f"mean/{fault}.fits"], fault
        assert not (out / f"mean/{fault}.fits").exists()
    again = reduce_night(camera.folder, out, recipe=recipe)
    assert not any(again.made.values()) and again.facts["lost"] == night.facts["lost"]
