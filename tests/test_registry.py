"""Looking up records by kind and name; plugins that go wrong are in tests/plugins."""

from __future__ import annotations

import pytest

from ccdfx import UnknownNameError, registry
from ccdfx.noise import NoiseModel
from ccdfx.scalings import Scaling


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch):
    """The registry without any installed plugin."""
    monkeypatch.setenv("CCDFX_PLUGINS", "none")
    registry.reset()
    yield
    monkeypatch.undo()
    registry.reset()


@pytest.mark.quick
@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_kind_has_built_in_records_under_their_own_names(alone, kind: str) -> None:
    found = registry.records(kind)
    assert found and all(record.name == name for name, record in found.items())
    for name, record in found.items():
        assert registry.lookup(kind, name) is record
    with pytest.raises(TypeError):
        found["new"] = None  # type: ignore[index]


@pytest.mark.quick
def test_without_plugins_only_ccdfx_reports_and_it_is_sound(alone) -> None:
    (report,) = registry.plugins()
    assert (report.name, report.version, report.problem) == ("ccdfx", registry.version(), None)
    assert report.provides == {kind: tuple(registry.records(kind)) for kind in registry.KINDS}


def test_built_in_records_come_first(alone) -> None:
    first = {kind: tuple(registry.records(kind)) for kind in registry.KINDS}
    assert first and all(first.values())
    registry.reset()
    for kind, names in first.items():
        assert tuple(registry.records(kind))[: len(names)] == names


@pytest.mark.parametrize("kind", ["scalings", "", None, 5, ["scaling"]])
def test_an_unknown_kind_lists_the_known_ones(kind: object) -> None:
    with pytest.raises(UnknownNameError, match=r"kind: must be one of: format, scaling, .*command"):
        registry.records(kind)  # type: ignore[arg-type]


@pytest.mark.quick
@pytest.mark.parametrize("name", ["asin", "", None, 5, ["asinh"]])
def test_an_unknown_name_lists_the_known_ones(name: object) -> None:
    with pytest.raises(UnknownNameError, match=r"scaling: must be one of: asinh, .*exp, .*sqrt"):
        registry.lookup("scaling", name)  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="noise model: must be one of: ccd, "):
        registry.lookup("noise_model", name)  # type: ignore[arg-type]


def test_a_near_name_is_offered() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'asinh'"):
        registry.lookup("scaling", "asihn")
    with pytest.raises(UnknownNameError, match="did you mean 'scaling'"):
        registry.records("scalings")


@pytest.mark.quick
def test_records_with_options_are_configured_by_name() -> None:
    scaling, model = registry.lookup("scaling", "asinh"), registry.lookup("noise_model", "ccd")
    assert isinstance(scaling, Scaling) and scaling.configure(softening=5.0).parameters["softening"] == 5.0
    assert isinstance(model, NoiseModel) and model.configure(gain=2.0).parameters["gain"] == 2.0
