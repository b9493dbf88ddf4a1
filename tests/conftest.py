"""Fixtures that every test may use."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# The first example of a test may compile kernels, so no deadline; one seed on CI, so that a failure can be repeated.
settings.register_profile(
    "ccdfx",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ccdfx")

_SHARED = Path(os.environ.get("CCDFX_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real frames and reference vectors; the test is skipped where it is absent."""
    if not (_SHARED / "data").is_dir():
        pytest.skip(f"no real frames at {_SHARED} (set CCDFX_SHARED to their folder)")
    return _SHARED


@pytest.fixture(scope="session", autouse=True)
def _nights_fit_their_schema() -> Iterator[None]:
    """Let no test write a night.json that its schema does not describe."""
    jsonschema = pytest.importorskip("jsonschema")

    from ccdfx.night import run, summary

    schema = summary.night_schema()
    checks = {
        name: jsonschema.Draft202012Validator({**schema, "oneOf": [{"$ref": f"#/$defs/{name}"}]})
        for name in ("night", "begun")
    }
    write = summary.write_facts

    def write_checked(facts: Mapping[str, Any], path: Path, *, overwrite: bool) -> Path:
        check = checks["night" if facts.get("complete") else "begun"]
        wrong = list(check.iter_errors(json.loads(summary.json_text(facts))))
        assert not wrong, [
            (list(error.absolute_path), error.message) for one in wrong for error in one.context or [one]
        ]
        return write(facts, path, overwrite=overwrite)

    with pytest.MonkeyPatch.context() as patch:
        for module in (run, summary):
            patch.setattr(module, "write_facts", write_checked)
        yield


@pytest.fixture
def without_variance_factors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the variance of a stack as the sums over the values kept give it, to compare it with them."""
    monkeypatch.setattr("ccdfx.operations.combining.combine.with_variance_factors", lambda job: job)


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the examples of the modules as quick, which stand outside of this folder."""
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            item.add_marker(pytest.mark.quick)
