"""What the kernels that clip about a clean estimate are given: tables of frames, numbers of the rule, noise."""

from __future__ import annotations

import math

import numpy as np

from ccdfx.kernels.stack import decode, gather


def table_of(frames):
    """Return the tables of frames and factors of arrays (n, ny, nx) of float32."""
    table = np.zeros((len(frames), gather.FRAME_COLUMNS), np.int64)
    table[:, gather.FRAME_DATA] = [frame.ctypes.data for frame in frames]
    table[:, gather.FRAME_KIND] = decode.KINDS[frames.dtype.str]
    factors = np.zeros((len(frames), gather.FACTOR_COLUMNS))
    factors[:, [gather.FACTOR_SCALE, gather.FACTOR_BSCALE, gather.FACTOR_WEIGHT]] = 1
    factors[:, gather.FACTOR_BLANK] = np.nan
    factors[:, gather.FACTOR_LOWEST], factors[:, gather.FACTOR_HIGHEST] = -np.inf, np.inf
    return table, factors


def numbers(low=4.0, high=4.0, amplitude=0.0, level=0.0, scatter=0.0, expected=2.0):
    finite = [limit for limit in (low, high) if limit < math.inf]
    return np.array([low, high, max(finite, default=0.0), amplitude, level, scatter, expected])


def detector(variance):
    return np.array([[1.0, 0.0, variance, 0.0, 0.0]])
