"""How the result of a stack that is looked at several times is divided."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx
from ccdfx.engines import current_engine
from ccdfx.operations.combining.blocks.division import blocks_of
from ccdfx.operations.combining.plan import Choices, plan_job


def job(rule=None, shape=(300, 400), count=6):
    frames = [ccdfx.Image(np.full(shape, 5, "f4"))] * count
    return plan_job(frames, Choices(reject=rule or ccdfx.profile_clip(gain=1.0, readnoise=3.0)))


@pytest.mark.quick
@pytest.mark.parametrize(("memory", "parts"), [(2**28, 1), (2**22, 1), (2**20, 2)])
def test_blocks_cover_the_result_once_and_their_rows_fit_into_the_memory(memory: int, parts: int) -> None:
    wanted = job()
    with ccdfx.engine(threads=2, memory=memory):
        blocks = blocks_of(wanted, current_engine())
    covered = np.zeros(wanted.shape, int)
    for block in blocks:
        for rows in block.steps():
            covered[slice(*rows), slice(*block.columns)] += 1
    assert (covered == 1).all()
    assert len({block.columns for block in blocks}) == parts
    for (_, _), (left, right), step in blocks:
        wide = (step + 2 * wanted.around) * min(right - left + 2 * wanted.around, 400)
        assert wide * 6 * 5 <= memory / 2  # of each value 4 bytes and a flag


@pytest.mark.quick
def test_a_rule_that_measures_lines_gets_whole_lines_or_a_reason() -> None:
    wanted = job(ccdfx.average_sigma_clip(grow=1))
    with ccdfx.engine(threads=1, memory=2**16):
        assert {block.columns for block in blocks_of(wanted, current_engine())} == {(0, 400)}
    with (
        ccdfx.engine(threads=1, memory=2**15),
        pytest.raises(ccdfx.ArgumentError, match="memory: must hold a row"),
    ):
        blocks_of(wanted, current_engine())
