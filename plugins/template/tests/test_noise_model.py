"""The noise model: its samples have its variance."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx
from ccdfx import registry


def test_noise_has_the_variance_that_it_claims() -> None:
    model = registry.lookup("noise_model", "digitisation").configure(bit=4.0)
    image = np.zeros((200, 200))
    assert ccdfx.variance_of(image, model=model)[0, 0] == pytest.approx(16 / 12)
    drawn = ccdfx.add_noise(image, model=model, rng=1).array
    assert drawn.var() == pytest.approx(16 / 12, rel=0.03)
    with pytest.raises(ccdfx.ArgumentError, match="bit"):
        model.configure(bit=-1.0)
