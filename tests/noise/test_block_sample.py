"""Samples of frames: which pixels they have, and that noise measured in them is that of the frames, and true."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import Image
from ccdfx.errors import CcdfxError
from ccdfx.kernels.image.blocks import spread_blocks
from ccdfx.noise import add_noise, ccd_noise, fit_noise
from ccdfx.noise.block_sample import block_sample
from ccdfx.records.header import Header

SHAPE = (1650, 1510)  # 51 x 47 = 2397 blocks


@pytest.mark.quick
def test_a_sample_has_the_blocks_that_are_measured_in_their_order():
    array = np.arange(float(np.prod(SHAPE))).reshape(SHAPE)
    image = Image(array, mask=array % 7 == 0, variance=array + 1, header=Header([("GAIN", 2.0)]))
    sample = block_sample(image, blocks=256)
    assert sample.shape == (256, 1024) and sample.header.number("GAIN") == 2.0
    for k, block in enumerate(spread_blocks(SHAPE, 32, 256)):
        y, x = 32 * (block // 47), 32 * (block % 47)
        j, i = 32 * (k // 32), 32 * (k % 32)
        for whole, part in ((image.array, sample.array), (image.mask, sample.mask)):
            np.testing.assert_array_equal(part[j : j + 32, i : i + 32], whole[y : y + 32, x : x + 32])
    np.testing.assert_array_equal(sample.variance, sample.array + 1)


@pytest.mark.parametrize("shape", [(255, 4000), (1024, 2048), (100, 90)])
def test_frames_of_few_or_small_blocks_are_their_own_samples(shape):
    image = Image(np.zeros(shape))
    assert block_sample(image) is image


@pytest.mark.parametrize("blocks", [224, 2080, 300, 512.5])
def test_numbers_of_blocks_that_make_no_frame_are_refused(blocks):
    with pytest.raises(CcdfxError, match="blocks"):
        block_sample(np.zeros((64, 64)), blocks=blocks)


@pytest.mark.parametrize("blocks", [2048, 512])
def test_noise_of_samples_is_that_of_frames_and_true(blocks):
    rng, model = np.random.default_rng(5), ccd_noise(gain=2.0, readnoise=8.0)
    biases = [add_noise(np.zeros(SHAPE), model=model, rng=rng) for _ in range(3)]
    light = 9000.0 * (1 + 0.1 * np.sin(np.arange(SHAPE[1]) / 300))
    flats = [add_noise(np.full(SHAPE, factor * light), model=model, rng=rng) for factor in (1.0, 1.1, 1.2)]
    whole = fit_noise(flats, biases)
    found = fit_noise(
        [block_sample(one, blocks=blocks) for one in flats],
        [block_sample(one, blocks=blocks) for one in biases],
    )
    assert (found == whole) is (blocks == 2048)
    assert abs(found.gain - 2.0) < 4 * found.gain_error < 0.1
    assert abs(found.readnoise - 8.0) < 4 * found.readnoise_error < 0.4
    assert found.gain_error < 4 * whole.gain_error
