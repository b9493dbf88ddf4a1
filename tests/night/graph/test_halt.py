"""What is being made is given up where that is asked for, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.night.graph.halt import Halted, halt_if_asked, halted_source, halting
from ccdfx.records.image import Image


@pytest.mark.quick
def test_a_source_is_read_until_a_halt_is_asked_for():
    image = Image(np.arange(12.0).reshape(3, 4))
    assert halted_source(image) is image
    asked = [False]
    with halting(lambda: asked[0]):
        source = halted_source(image)
        assert source.shape == image.shape and source.select(None) is not None
        assert np.array_equal(source.select_planes(None).array, image.array)
        asked[0] = True
        with pytest.raises(Halted):
            source.select_planes(None)
        with pytest.raises(Halted):
            halt_if_asked()
    halt_if_asked()
