"""Products of the makers of plugins: planned where they may be, and made so that a fault costs one product alone."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from ccdfx.errors import CcdfxError, PluginError, cause_of, printable
from ccdfx.night.graph.context import Context, is_lack
from ccdfx.night.graph.keys import digest
from ccdfx.night.graph.record import Made
from ccdfx.night.plan import Plan
from ccdfx.night.products.planned import Maker, Planned
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.night.summary import plain_values
from ccdfx.night.words import listed
from ccdfx.plugin_calls import call_plugin, shown, stdout_to_stderr

FOLDERS = ("masters", "calibrated", "combined")
"""Folders in which every maker may plan products; besides, it has one that is named as the maker."""
_RESERVED = ("facts", "camera")  # folders of ccdfx alone
KINDS = frozenset({"bias", "dark", "flat", "bad_pixels", "calibrated", "combined", "effects", "camera"})
"""Kinds of products that only ccdfx makes, since their facts have fields of their own."""


@dataclass(frozen=True, slots=True)
class Further:
    """The products that plugins plan, by maker, and in words what was refused."""

    planned: tuple[tuple[Maker, tuple[Planned, ...]], ...]
    notes: tuple[str, ...]


def plan_further(makers: Iterable[Maker], plan: Plan, recipe: NightRecipe, own: Iterable[Planned]) -> Further:
    """Plan the products of the makers of plugins, and refuse those that cannot be.

    A maker whose plan raises, or gives anything but `Planned`, is left out. A product is refused that would be outside
    of its folders or in the place of another, has a kind of ccdfx, raw frames of another night, a record of which
    no key can be computed, or needs what is not planned, directly or through others.

    Parameters
    ----------
    makers : iterable of Maker
    plan : Plan
    recipe : NightRecipe
    own : iterable of Planned
        The products of ccdfx itself.
    """
    makers, own = tuple(makers), tuple(own)
    if not makers:
        return Further((), ())
    places = {_place(item.file) for item in own}
    frames = _frames_of(plan)
    notes: list[str] = []
    accepted: list[tuple[Maker, Planned]] = []
    for maker in makers:
        answer, problem = call_plugin(lambda maker=maker: [*maker.plan(plan, recipe)])  # type: ignore[misc]
        others = [] if problem else [item for item in answer if not isinstance(item, Planned)]
        if problem or others:
            why = f"raised {problem}" if problem else f"must give Planned records, it gave {shown(others[0])}"
            notes.append(f"the maker {maker.name} of a plugin makes nothing: its plan {why}")
            continue
        for item in answer:
            rule = _refusal(item, maker, places, frames)
            if rule is None:
                places.add(_place(item.file))
                accepted.append((maker, item))
            else:
                notes.append(_refused(maker, item, rule))
    known = {item.file for item in own}
    left = accepted
    while ready := [(maker, item) for maker, item in left if known.issuperset(item.needs)]:
        known |= {item.file for _, item in ready}
        left = [one for one in left if one[1].file not in known]
    for maker, item in left:
        unplanned = [file for file in item.needs if file not in known]
        notes.append(_refused(maker, item, f"it needs {listed(unplanned)}, which is not planned"))
    by_maker: dict[str, tuple[Maker, list[Planned]]] = {}
    for maker, item in accepted:
        if item.file in known:
            by_maker.setdefault(maker.name, (replace(maker, make=GuardedMake(maker)), []))[1].append(item)
    return Further(tuple((maker, tuple(items)) for maker, items in by_maker.values()), tuple(notes))


def _refused(maker: Maker, item: Planned, rule: str) -> str:
    return f"{printable(item.file)}, planned by the maker {maker.name} of a plugin, is refused: {rule}"


def _place(file: str) -> str:
    """Return what the facts of a product are named after, the same for files that a disk may take for one."""
    return str(PurePosixPath(file).with_suffix("")).casefold() if PurePosixPath(file).name else ""


def _frames_of(plan: Plan) -> set[str]:
    found = {frame.file for setup in plan.setups for frame in plan.frames_of(setup)}
    return found | {frame.file for frame, _ in plan.left_out}


def _refusal(item: Planned, maker: Maker, places: set[str], frames: set[str]) -> str | None:
    """Return why a product cannot be planned; None if it can."""
    rule = place_refusal(item.file, maker.name, has_image=item.has_image)
    if rule is not None:
        return rule
    if item.kind in KINDS:
        return f"products of the kind {item.kind} are those of ccdfx"
    if _place(item.file) in places:
        return "another product has its place"
    strange = [frame.file for frame in item.raw if frame.file not in frames]
    if strange:
        return f"{listed(strange)} is no raw frame of this night"
    _, problem = call_plugin(lambda: digest(item.record))
    return None if problem is None else f"no key can be computed of its record: {problem}"


def place_refusal(file: str, maker: str, *, has_image: bool = True) -> str | None:
    """Return why a product of a maker may not have this file; None if it may.

    >>> place_refusal("sky/V.fits", "sky"), place_refusal("masters/sky_V.fits", "sky")
    (None, None)
    >>> place_refusal("../sky/V.fits", "sky")
    'it must be a plain file in masters, calibrated, combined or sky'
    >>> place_refusal("sky/V.tiff", "sky")
    'it must be named .fits'
    """
    folders = (*FOLDERS, *(() if maker in _RESERVED else (maker,)))
    parts = file.split("/")
    plain = len(parts) == 2 and parts[0] in folders and not parts[1].startswith(".")
    if not plain or "\\" in file or ":" in file or not file.isprintable():
        return f"it must be a plain file in {', '.join(folders[:-1])} or {folders[-1]}"
    suffix = ".fits" if has_image else ".json"
    return None if PurePosixPath(file).suffix == suffix else f"it must be named {suffix}"


@dataclass(frozen=True, slots=True)
class GuardedMake:
    """Makes what the maker of a plugin makes, and loses the product where that raises or returns anything else.

    Its products have their inputs in the header, and their file among their facts, as those of ccdfx.
    """

    maker: Maker

    def __call__(self, record: Any, context: Context) -> Made:
        try:
            with stdout_to_stderr():
                return _completed(self.maker.make(record, context), context)
        except CcdfxError:
            raise
        except BaseException as error:
            if _is_of_the_machine(error):
                raise
            # Without its cause: for lack of memory, a plugin that asks for too much would stop the night.
            raise PluginError(
                f"maker {self.maker.name!r}",
                f"raised {cause_of(error)}",
                remedy="tell the author of its plugin",
            ) from None


def _is_of_the_machine(error: BaseException) -> bool:
    """Return whether an error is an interrupt of the user, or that the disk is full, and so no fault of a plugin."""
    if isinstance(error, KeyboardInterrupt):
        return threading.current_thread() is threading.main_thread()
    return isinstance(error, OSError) and is_lack(error)


def _completed(made: Any, context: Context) -> Made:
    """Return what a maker has made with its inputs in the header; raise unless it is what was planned."""
    product = context.product
    if not isinstance(made, Made):
        raise _wrong(product.maker, f"must return a Made, it returned a {type(made).__name__}")
    if made.lost is not None:
        return replace(made, image=None)
    if product.has_image != (made.image is not None):
        raise _wrong(product.maker, f"gave {'no' if product.has_image else 'an'} image for {product.file}")
    names = {frame.file for frame in product.raw}
    strange = sorted({*made.failed, *made.used} - names)
    if strange:
        raise _wrong(product.maker, f"speaks of {listed(strange)}, which is no raw frame of {product.file}")
    known = {"file": product.file, "kind": product.kind}
    facts = {**known, **plain_values(made.facts or {}), **known}
    image = made.image
    if image is not None:
        image = image.replace(header=_with_inputs(image.header, context))
    return replace(made, image=image, facts=facts)


def _with_inputs(header: Any, context: Context) -> Any:
    """Return the header with the names of the inputs: products with their keys, and raw frames with their SHA-256."""
    from ccdfx.io.provenance import with_provenance

    product = context.product
    raw = [frame.file for frame in product.raw]
    if not product.needs:
        return with_provenance(header, product.kind, context.raw_digests(raw))
    inputs = [*context.keys(product.needs), *context.raw_digests(raw)]
    return with_provenance(header, product.kind, inputs, digest="IMKEY")


def _wrong(maker: str, rule: str) -> PluginError:
    return PluginError(f"maker {maker!r}", rule, remedy="tell the author of its plugin")
