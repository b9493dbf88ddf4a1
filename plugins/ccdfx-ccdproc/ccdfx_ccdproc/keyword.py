"""Keywords of headers whose values have a unit."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.units import Quantity, Unit


class Keyword:
    """A keyword of a header, with the unit of its value.

    Parameters
    ----------
    name : str
    unit : astropy unit, optional
        Of a value that is a number.
    value : number, Quantity or str, optional
        A number needs the unit; a Quantity brings its own, which takes the place of `unit`.

    Raises
    ------
    ValueError
        A number without a unit, or text with one.

    Examples
    --------
    >>> Keyword("exposure", unit="s").value_from({"exposure": 30})
    <Quantity 30. s>
    """

    def __init__(self, name: str, unit: Any = None, value: Any = None) -> None:
        self._name = name
        self._unit = None if unit is None else Unit(unit)
        self.value = value

    @property
    def name(self) -> str:
        """Return the name in the header."""
        return self._name

    @property
    def unit(self) -> Any:
        """Return the unit of a number; None if there is none."""
        return self._unit

    @property
    def value(self) -> Any:
        """Return the value: None, text, or a Quantity."""
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        if value is None:
            self._value = value
        elif isinstance(value, Quantity):
            self._value, self._unit = value, value.unit
        elif isinstance(value, str):
            if self._unit is not None:
                raise ValueError(f"keyword {self._name}: text {value!r} cannot have the unit {self._unit}")
            self._value = value
        elif self._unit is None:
            raise ValueError(
                f"keyword {self._name}: the number {value} needs a unit; give unit= or a Quantity"
            )
        else:
            self._value = np.asanyarray(value) * self._unit if np.ndim(value) else float(value) * self._unit

    def value_from(self, header: Any) -> Any:
        """Take the value from a header, and return it; a KeyError names a keyword that is not there."""
        self.value = header[self._name]
        return self._value
