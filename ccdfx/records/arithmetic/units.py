"""Units of the results of arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ccdfx.errors import ArgumentError, MismatchError
from ccdfx.records.compatibility import unit_name


def unit_of_sum(one: str | None, two: str | None) -> str | None:
    """Return the unit of a sum or difference, that of either; an unknown unit matches.

    >>> unit_of_sum("adu", "counts"), unit_of_sum(None, "electron")
    ('adu', 'electron')
    """
    if one and two and unit_name(one) != unit_name(two):
        raise MismatchError(
            "the second image", f"must be in the unit {one!r} of the first", value=two,
            remedy="convert one with to_electrons",
        )  # fmt: skip
    return one or two


def unit_of_product(one: str | None, two: str | None) -> str | None:
    """Return the unit of a product; None, an unknown unit or a number, changes nothing.

    >>> unit_of_product("adu", None), unit_of_product("adu", "adu"), unit_of_product("electron", "1 / s")
    ('adu', 'adu2', 'electron / s')
    """
    return _computed(lambda: _unit(one) * _unit(two), one, two) if one and two else one or two


def unit_of_ratio(one: str | None, two: str | None) -> str | None:
    """Return the unit of a ratio; None for a ratio of equal units.

    >>> unit_of_ratio("adu", "counts"), unit_of_ratio("adu", "s"), unit_of_ratio("adu", None)
    (None, 'adu s-1', 'adu')
    """
    if one and two and unit_name(one) == unit_name(two):
        return None
    if not one or not two:
        return one or unit_of_power(two, -1)
    return _computed(lambda: _unit(one) / _unit(two), one, two)


def unit_of_power(unit: str | None, power: float) -> str | None:
    """Return the unit of a power with a number as exponent.

    >>> unit_of_power("adu", 2), unit_of_power("adu2", 0.5), unit_of_power("adu", 0)
    ('adu2', 'adu', None)
    """
    return unit if not unit or power == 1 else _computed(lambda: _unit(unit) ** power, unit)


def _computed(compute: Callable[[], Any], *units: str | None) -> str | None:
    try:
        return _text(compute())
    except (ValueError, TypeError):  # of a unit that astropy does not recognise
        raise ArgumentError(
            "unit", "must be one that astropy knows, to be multiplied", value=" and ".join(map(str, units)),
            remedy="name another in BUNIT, or none, with replace(unit=...)",
        ) from None  # fmt: skip


def _unit(text: str | None) -> Any:
    from ccdfx.records.exchange.ccddata import astropy_unit

    return astropy_unit(unit_name(str(text)))


def _text(unit: Any) -> str | None:
    """Return a unit as FITS writes it, or as astropy does where FITS cannot; None for no unit."""
    try:
        return str(unit.to_string("fits")).strip() or None
    except ValueError:
        return str(unit).strip() or None
