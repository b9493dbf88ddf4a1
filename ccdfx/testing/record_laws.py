"""Laws of records with options, whatever their kind."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import Any

from ccdfx.errors import CcdfxError, printable
from ccdfx.testing.laws import Trial, require


def it_can_be_pickled(record: Any, trial: Trial) -> None:
    try:
        copy = pickle.loads(pickle.dumps(record))
    except Exception as error:  # the object may raise anything
        require(False, f"{type(error).__name__}: {printable(error)} (use functions of a module, no lambda)")
    else:
        require(type(copy) is type(record) and copy.name == record.name, f"its copy is {copy!r}")


def require_refusals(options: Mapping[str, Any], use: Callable[[dict[str, Any]], object]) -> None:
    """Break the law under test unless `use` raises a CcdfxError for every invalid value of an option."""
    for name, value in options.items():
        for nonsense in _nonsense(value):
            said = f"{name}={nonsense!r}"
            try:
                use({name: nonsense})
            except CcdfxError:
                continue
            except Exception as error:
                raised = f"{type(error).__name__}: {printable(error)}"
                require(False, f"{said} raised {raised}, which is no CcdfxError")
            require(False, f"{said} was taken without a word")


def _nonsense(value: Any) -> tuple[Any, ...]:
    if isinstance(value, bool) or value is None:
        return ()
    if isinstance(value, int | float):
        return ("nonsense", float("nan"), [])
    return ("no such choice",) if isinstance(value, str) else ()
