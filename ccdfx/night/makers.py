"""The makers of a night: how each kind of product is planned and made; a new kind is one module and one entry.

Those of plugins follow the built-in ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from ccdfx import registry
from ccdfx.night.graph.product import Graph, Product, Settings
from ccdfx.night.graph.record import Record
from ccdfx.night.grouping.colours import pattern_of
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.plan import Plan, SciencePlan
from ccdfx.night.products.bad_pixels import make_bad_pixels, plan_bad_pixels
from ccdfx.night.products.by_colour.mosaics import make_mosaic
from ccdfx.night.products.by_colour.planes import make_colour
from ccdfx.night.products.by_detector.levels import with_other_detectors
from ccdfx.night.products.by_detector.mosaic import make_detector_mosaic, plan_detector_mosaics
from ccdfx.night.products.calibrated import make_calibrated
from ccdfx.night.products.camera import Camera, camera_of, make_camera, plan_cameras, with_cameras
from ccdfx.night.products.coadd import make_combined
from ccdfx.night.products.effects import make_effects, plan_effects
from ccdfx.night.products.further import plan_further
from ccdfx.night.products.masters import make_master
from ccdfx.night.products.planned import Maker, Planned
from ccdfx.night.products.taken import make_taken, plan_taken
from ccdfx.night.settings.choices import NightRecipe

_PREPARING = ("read", "overscan")


def _masters(kind: str, plan: Plan, recipe: NightRecipe) -> Iterable[Planned]:
    for item in plan.masters:
        if item.kind != kind:
            continue
        if kind == "flat" and recipe.flat.normalise == "mosaic":
            item = with_other_detectors(item, plan.masters)
        uses = [use for one in (item, *item.beside) for use in one.inputs]
        raw = tuple(use.frame for use in uses)
        needs = tuple(dict.fromkeys(name for use in uses for name in use.masters))
        yield Planned(file=item.file, kind=item.kind, record=item, setup=item.setup, raw=raw, needs=needs)


def _bad_pixels(plan: Plan, recipe: NightRecipe) -> Iterable[Planned]:
    for item in plan_bad_pixels(plan, recipe):
        masters = [file for files in item.masters.values() for file in files]
        masters += [name for use in item.uses for name in use.masters]
        yield Planned(
            file=item.file,
            kind="bad_pixels",
            record=item,
            setup=item.setup,
            raw=tuple(use.frame for use in item.uses),
            needs=tuple(dict.fromkeys(masters)),
        )


def _calibrated(plan: Plan, recipe: NightRecipe) -> Iterable[Planned]:
    yield from _science([item for item in plan.science if pattern_of(item.setup) is None], plan, recipe)


def _mosaics(plan: Plan, recipe: NightRecipe) -> Iterable[Planned]:
    yield from _science([item for item in plan.science if pattern_of(item.setup) is not None], plan, recipe)


def _science(items: Iterable[SciencePlan], plan: Plan, recipe: NightRecipe) -> Iterable[Planned]:
    maps = {item.setup: item.file for item in plan_bad_pixels(plan, recipe)}
    for item in items:
        file = maps.get(item.setup)
        needs = (*item.use.masters, *((file,) if file else ()))
        yield Planned(
            file=item.file,
            kind="calibrated",
            record=replace(item, bad_pixels=file),
            setup=item.setup,
            raw=(item.use.frame,),
            needs=needs,
        )


def _colours(plan: Plan, recipe: NightRecipe) -> Iterable[Planned]:
    for item in plan.colours:
        yield Planned(
            file=item.file,
            kind="calibrated",
            record=item,
            setup=item.setup,
            raw=(item.use.frame,),
            needs=(item.mosaic,),
        )


def _combined(plan: Plan, recipe: NightRecipe) -> Iterable[Planned]:
    for item in plan.combined:
        yield Planned(file=item.file, kind="combined", record=item, setup=item.setup, needs=item.needs)


CAMERA = Maker(
    name="camera",
    plan=plan_cameras,
    make=make_camera,
    tables=(*_PREPARING, "noise", "flat"),
    planes=16,
)
MAKERS = (
    Maker(name="taken", plan=plan_taken, make=make_taken, tables=(*_PREPARING, "flat")),
    *(
        Maker(
            name=kind,
            plan=partial(_masters, kind),
            make=make_master,
            tables=(*_PREPARING, kind, "masters"),
            planes=44,
        )
        for kind in ("bias", "dark", "flat")
    ),
    Maker(
        name="bad_pixels",
        plan=_bad_pixels,
        make=make_bad_pixels,
        tables=(*_PREPARING, "science", "bad_pixels"),
        planes=52,
    ),
    Maker(
        name="calibrated",
        plan=_calibrated,
        make=make_calibrated,
        tables=(*_PREPARING, "science", "cosmic_rays"),
        planes=20,
    ),
    Maker(
        name="mosaics",
        plan=_mosaics,
        make=make_mosaic,
        tables=(*_PREPARING, "science", "cosmic_rays"),
        planes=30,
    ),
    Maker(name="colours", plan=_colours, make=make_colour, tables=("science",), planes=24),
    Maker(
        name="combined",
        plan=_combined,
        make=make_combined,
        tables=(*_PREPARING, "science", "select", "combine"),
        planes=36,
    ),
    Maker(
        name="mosaic",
        plan=plan_detector_mosaics,
        make=make_detector_mosaic,
        tables=("combine",),
        planes=160,  # of one detector: they are several
    ),
    Maker(name="effects", plan=plan_effects, make=make_effects, tables=()),
)


def camera_graph(plan: Plan, recipe: NightRecipe) -> Graph:
    """Plan the measurements that are made before the products are planned."""
    return Graph.of(_products(CAMERA, CAMERA.plan(plan, recipe), recipe, {}))


def cameras_of(plan: Plan, recipe: NightRecipe, measured: Mapping[str, Record]) -> dict[Setup, Camera]:
    """Return what was measured of the camera of each setup."""
    products = camera_graph(plan, recipe).products.values()
    return {product.plan.setup: camera_of(measured[product.file]) for product in products}


def refused_setups(cameras: Mapping[Setup, Camera]) -> list[Setup]:
    """Return the setups of which nothing can be made."""
    return [setup for setup, camera in cameras.items() if camera.refused is not None]


def product_graph(
    plan: Plan,
    recipe: NightRecipe,
    cameras: Mapping[Setup, Camera],
    *,
    further: Iterable[Maker] | None = None,
) -> Graph:
    """Plan all products of a night, with the saturation and noise that were measured.

    `further` makers follow the built-in ones, by default those of the installed plugins. What they plan and cannot be
    is left out, as the notes of the graph say.

    Raises
    ------
    PluginError
        Two plugins provide makers of one name, or a plugin implements a hook that does not exist.
    """
    night = with_cameras(plan, cameras)
    own = [(maker, tuple(maker.plan(night, recipe))) for maker in MAKERS]
    if further is None:
        further = [maker for maker in registry.records("maker").values() if maker not in MAKERS]
    others = plan_further(further, night, recipe, [item for _, planned in own for item in planned])
    found = []
    for maker, items in (*own, *others.planned):
        found += _products(maker, items, recipe, cameras)
    return Graph.of(found, others.notes)


def _products(
    maker: Maker, planned: Iterable[Planned], recipe: NightRecipe, cameras: Mapping[Setup, Camera]
) -> list[Product]:
    """Return the products that a maker plans, with the settings that it is told."""
    contents = _contents(recipe)
    named = {name: digest for name, digest in contents.items() if name.split(".")[0] in maker.tables}
    chosen = recipe.only(maker.tables)
    found = []
    for item in planned:
        camera = cameras.get(item.setup) if item.setup else None
        settings = Settings(
            recipe=chosen,
            tables=maker.tables,
            contents=named,
            **({} if camera is None else {"noise": camera.noise}),
        )
        rows, columns = item.setup.shape if item.setup else (0, 0)
        found.append(
            Product(
                file=item.file,
                kind=item.kind,
                maker=maker.name,
                make=maker.make,
                plan=item.record,
                settings=settings,
                raw=item.raw,
                needs=item.needs,
                memory=maker.planes * rows * columns,
                has_image=item.has_image,
            )
        )
    return found


def _contents(recipe: NightRecipe) -> dict[str, str | None]:
    """Return the SHA-256 of the files that a recipe names."""
    from pathlib import Path

    from ccdfx.io.provenance import file_sha256

    files = {"science.steps": recipe.science.steps, "bad_pixels.file": recipe.bad_pixels.file}
    return {name: file_sha256(Path(file)) for name, file in files.items() if file is not None}
