"""The noise of a camera that is measured once: kept for its key alone, and only where its frames stayed."""

from __future__ import annotations

import pytest

from ccdfx.night.cameras import once
from ccdfx.night.cameras.camera_noise import CameraNoise


@pytest.mark.quick
def test_it_is_kept_for_its_key_where_it_is_sound(monkeypatch):
    monkeypatch.setattr(once, "_known", once.OrderedDict())
    monkeypatch.setattr(once, "_MOST", 2)
    numbers, said = iter(range(1, 100)), []

    def measure(warn):
        warn("noted")
        return CameraNoise(gain=float(next(numbers)))

    def gain(key, sound=True):
        return once.measured_once(key, measure, said.append, is_sound=lambda: sound).gain

    assert [gain(None), gain(None), gain("a", sound=False), gain("a"), gain("a")] == [1, 2, 3, 4, 4]
    assert [gain("b"), gain("c"), gain("b"), gain("a")] == [5, 6, 5, 7]  # the oldest of three went
    assert said == ["noted"] * 9
