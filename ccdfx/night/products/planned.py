"""A maker of products of one kind, and one product as its maker plans it, before it is told its settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.records.checks import COUNT, FUNCTION, YES_OR_NO, check_fields, tuple_of

if TYPE_CHECKING:
    from ccdfx.night.graph.context import Context
    from ccdfx.night.graph.record import Made
    from ccdfx.night.plan import Plan

_TABLES = NightRecipe().tables
_WORD = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A product of a night as its maker plans it.

    Parameters
    ----------
    file : str
        Relative to the output, with forward slashes; a product that is facts alone is named ``.json``.
    kind : str
        Such as "calibrated" or "sky".
    record : Any
        What the maker takes to make it: a frozen dataclass, or other plain values, since they decide its key.
    setup : Setup, optional
        Of its frames; None for the whole night. Its gain and noise are those of this setup.
    raw : tuple of Frame
        Raw frames that it is made of.
    needs : tuple of str
        Files of the products that it is made of. They are made first; what changes them makes it again.
    has_image : bool
        Whether it is an image, or facts alone.

    Raises
    ------
    ArgumentTypeError
        A field is of another type.

    Examples
    --------
    >>> sky = Planned(file="sky/sky_V.fits", kind="sky", record={"filter": "V"}, needs=("calibrated/a.fits",))
    >>> sky.file, sky.has_image
    ('sky/sky_V.fits', True)
    """

    file: str
    kind: str
    record: Any
    setup: Setup | None = None
    raw: tuple[Frame, ...] = ()
    needs: tuple[str, ...] = ()
    has_image: bool = True

    def __post_init__(self) -> None:
        check_fields(
            self,
            file=("text that is not empty", _is_text),
            kind=("text that is not empty", _is_text),
            setup=("a Setup or None", lambda value: value is None or isinstance(value, Setup)),
            raw=tuple_of("Frame", lambda item: isinstance(item, Frame)),
            needs=tuple_of("text", _is_text),
            has_image=YES_OR_NO,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """A maker of products of one kind.

    Parameters
    ----------
    name : str
        Small letters, digits and _; a part of the keys of its products, and the folder of its own.
    plan : callable
        ``plan(night, recipe) -> iterable of Planned`` returns the products (`Planned`) of a night, from its `Plan` and the `NightRecipe`. It
        reads no file, and gives the same for the same plan.
    make : callable
        ``make(record, context) -> Made`` returns what was `Made` of the `record` of a planned product: pure, so that equal
        inputs and options give equal bytes. It is a function of a module, so that other processes find it.
    tables : tuple of str
        The tables of the recipe that it depends on; the others have their defaults when it is called.
    planes : int
        Bytes of memory that it needs for a pixel of a frame.

    Raises
    ------
    ArgumentTypeError
        A field is of another type, or a table is none of the recipe.

    Examples
    --------
    >>> def plan(night, recipe):
    ...     return [Planned(file="counts/frames.json", kind="counts", record=len(night.science), has_image=False)]
    >>> def make(record, context):
    ...     from ccdfx import Made
    ...     return Made(facts={"frames": record})
    >>> Maker(name="counts", plan=plan, make=make).planes
    32
    """

    name: str
    plan: Callable[[Plan, NightRecipe], Iterable[Planned]]
    make: Callable[[Any, Context], Made]
    tables: tuple[str, ...] = ()
    planes: int = 32

    def __post_init__(self) -> None:
        check_fields(
            self,
            name=(
                "small letters, digits and _",
                lambda value: _is_text(value) and bool(_WORD.fullmatch(value)),
            ),
            plan=FUNCTION,
            make=FUNCTION,
            tables=tuple_of(f"tables of the recipe ({', '.join(_TABLES)})", lambda item: item in _TABLES),
            planes=COUNT,
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)
