"""Laws of readouts that no header tells: crosstalk between them, and how their signal depends on the true one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ccdfx.errors import ArgumentError
from ccdfx.records.checks import real

_REMEDY = "correct the instrument file"


@dataclass(frozen=True, slots=True)
class Crosstalk:
    """State which part of the signal of each readout is seen in each other one.

    Parameters
    ----------
    readouts : tuple of str
        Their names, in the order of the matrix.
    matrix : tuple of tuple of float
        Row i, column j: the part of the signal of readout j that is seen in readout i; 0 on the diagonal.

    Raises
    ------
    ArgumentError
        The matrix has not a row and a column for each readout, a number on its diagonal, or one of 1 or more.

    Examples
    --------
    >>> Crosstalk(("A", "B"), ((0.0, 1e-4), (2e-4, 0.0))).row("B", ("B", "A"))
    (0.0, 0.0002)
    """

    readouts: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        count = len(self.readouts)
        if count < 2 or len(set(self.readouts)) < count or not all(self.readouts):
            raise ArgumentError(
                "crosstalk.readouts", "must be the different names of two readouts or more", value=self.readouts,
                remedy=_REMEDY,
            )  # fmt: skip
        if len(self.matrix) != count or any(len(row) != count for row in self.matrix):
            raise ArgumentError(
                "crosstalk.matrix", f"must have {count} rows of {count} numbers, one for each readout",
                value=[len(row) for row in self.matrix], remedy=_REMEDY,
            )  # fmt: skip
        for number, row in enumerate(self.matrix):
            for other, part in enumerate(row):
                value = real("crosstalk.matrix", part, remedy=_REMEDY)
                if (value != 0.0 and other == number) or abs(value) >= 1.0:
                    rule = "must have 0 on its diagonal, and parts of a signal elsewhere"
                    raise ArgumentError("crosstalk.matrix", rule, value=value, remedy=_REMEDY)

    def row(self, name: str, names: Sequence[str]) -> tuple[float, ...]:
        """Return the parts of the signals of the readouts `names` that are seen in readout `name`.

        Raises
        ------
        ArgumentError
            The matrix has no row for one of them.
        """
        for one in (name, *names):
            if one not in self.readouts:
                rule = f"must name the readouts of the exposure, {', '.join(names)}"
                raise ArgumentError("crosstalk.readouts", rule, value=self.readouts, remedy=_REMEDY)
        found = self.matrix[self.readouts.index(name)]
        return tuple(found[self.readouts.index(one)] for one in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearityLaw:
    """State how the signal that a readout gives, in ADU above its bias level, depends on the true one.

    Parameters
    ----------
    readout : str
        Its name; empty for all readouts that have no law of their own.
    polynomial : tuple of float
        Coefficients c1, c2, c3... of ``true = c1 x + c2 x**2 + c3 x**3 + ...``; c1 is above 0.
    table : tuple of (float, float)
        Two pairs or more (signal that is given, true signal), both rising, in place of a polynomial.
    limit : float or None
        The largest signal for which this holds.

    Raises
    ------
    ArgumentError
        Neither or both are given, or the true signal does not rise with the one that is given.

    Examples
    --------
    >>> LinearityLaw(polynomial=(1.0, 1e-6), limit=60000.0).readout
    ''
    """

    readout: str = ""
    polynomial: tuple[float, ...] = ()
    table: tuple[tuple[float, float], ...] = ()
    limit: float | None = None

    def __post_init__(self) -> None:
        if bool(self.polynomial) == bool(self.table):
            raise ArgumentError(
                "linearity", "must have either a polynomial or a table", value=(self.polynomial, self.table),
                remedy=_REMEDY,
            )  # fmt: skip
        numbers = (*self.polynomial, *(number for pair in self.table for number in pair))
        for number in numbers:
            real("linearity", number, remedy=_REMEDY)
        if self.limit is not None:
            real("linearity.limit", self.limit, above=0, remedy=_REMEDY)
        pairs = zip(self.table, self.table[1:], strict=False)
        rises = all(a[0] < b[0] and a[1] < b[1] for a, b in pairs) if self.table else self.polynomial[0] > 0
        if not rises or len(self.table) == 1:
            raise ArgumentError(
                "linearity", "must give a true signal that rises with the one that is given",
                value=self.polynomial or self.table, remedy=_REMEDY,
            )  # fmt: skip
