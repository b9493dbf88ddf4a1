"""Plugins that were right in small examples and wrong elsewhere: the kit finds each by the law named beside it.

The tables are in `wrong_steps.py`, `wrong_scalings.py`, ...; what the kit cannot find is in docs/conformance.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from faults import caught
from wrong_engines import ENGINES
from wrong_formats import FORMATS
from wrong_makers import MAKERS, maker_of
from wrong_rejections import REJECTIONS, drops_by, far
from wrong_scalings import GOOD, MODEL, MODELS, SCALINGS
from wrong_steps import STEPS, doubled

from ccdfx import Engine, Rejection, Step
from ccdfx.testing import (
    check_engine,
    check_format,
    check_maker,
    check_noise_model,
    check_rejection,
    check_scaling,
    check_step,
    laws_of,
)

TABLE: dict[str, tuple[Callable[..., None], Any, str]] = {
    **{f"step {one.__name__}": (check_step, Step("bad", one), law) for one, law in STEPS.items()},
    **{f"scaling {name}": (check_scaling, *row) for name, row in SCALINGS.items()},
    **{f"noise {name}": (check_noise_model, *row) for name, row in MODELS.items()},
    **{f"format {name}": (check_format, *row) for name, row in FORMATS.items()},
    **{f"rejection {one.__name__}": (check_rejection, drops_by(one), law) for one, law in REJECTIONS.items()},
    **{f"engine {one.__name__}": (check_engine, Engine("bad", map=one), law) for one, law in ENGINES.items()},
    **{f"maker {one.__name__}": (check_maker, maker_of(one), law) for one, law in MAKERS.items()},
}


@pytest.mark.parametrize("name", TABLE)
def test_a_subtle_fault_is_found_by_the_law_of_its_name(name: str) -> None:
    check, record, law = TABLE[name]
    caught(check, record, law, seconds=0.3, examples=3)


@pytest.mark.quick
def test_what_the_wrong_ones_were_made_of_is_right() -> None:
    check_step(Step("good", doubled), examples=3)
    check_scaling(GOOD, examples=3)
    check_noise_model(MODEL, examples=3)


def test_the_rule_that_the_wrong_ones_were_made_of_is_right() -> None:
    rule: Rejection = drops_by(far)
    for law in set(REJECTIONS.values()):
        others = [other for other in laws_of("rejection") if other != law]
        check_rejection(rule, examples=2, seconds=5, without=others)
