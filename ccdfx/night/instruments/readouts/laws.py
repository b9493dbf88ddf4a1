"""Laws of readouts that no header tells: crosstalk between them, and how their signal depends on the true one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ccdfx.errors import ArgumentError
from ccdfx.operations.readouts.linearity import Linearity
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
    """State how the signal that a readout gives depends on the true one.

    Parameters
    ----------
    linearity : Linearity
    readout : str
        Its name; empty for all readouts that have no law of their own.

    Examples
    --------
    >>> LinearityLaw(linearity=Linearity(polynomial=(1.0, 1e-6), limit=60000.0)).readout
    ''
    """

    linearity: Linearity
    readout: str = ""
