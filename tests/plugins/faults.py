"""How a faulty object is caught."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from ccdfx.testing import ConformanceError, laws_of


def caught(
    check: Callable[..., None], record: Any, law: str, seconds: float = 0.5, examples: int = 10
) -> ConformanceError:
    """The failure of one law; the others are left out, so that each fault meets the law that is named after it.

    `seconds` also limits how long a failing example is made smaller.
    """
    kind = check.__name__.removeprefix("check_")
    others = [other for other in laws_of(kind) if other != law]
    with pytest.raises(ConformanceError) as failure:
        check(record, without=others, examples=examples, seconds=seconds)
    assert failure.value.law == law
    assert str(failure.value).startswith(
        f"{kind.replace('_', ' ')} {record.name!r}: breaks the law {law!r}: "
    )
    return failure.value


def assert_words(error: ConformanceError, words: str) -> None:
    assert re.search(words, str(error), re.DOTALL), str(error)
