"""The contract between the stack kernel and a rejection rule: signature, noise table, and the rule that keeps all values.

A rule is a compiled function of one fixed signature::

    rule(lanes, frames, counts, noise, parameters, low, high) -> None

- ``lanes[rank, lane]``: the values of each lane, ascending; only the first ``counts[lane]`` are valid, the
  rest are +inf; there are at most `ccdfx.kernels.stack.lanes.MOST_LANES` lanes;
- ``frames[rank, lane]``: the frame that each value comes from, or an array without rows where the order was
  not kept;
- ``noise[frame]``: (scale, zero, constant, linear, quadratic) of each frame, or one row when all frames are
  alike: the variance of a value at level c is (constant + linear L + quadratic L^2) / scale^2,
  L = max(0, scale (c + zero)); for a rule that has asked for the variances, ``noise[frame, lane]`` is that of
  each value (scaled as the value is);
- ``parameters``: the numbers of the rule;
- ``low[lane]``, ``high[lane]``: outputs, the ranks that are kept, ``low <= rank < high``; at the call they are 0 and
  ``counts[lane]``. Where the values kept are not neighbours, the rule moves the dropped values (and their `frames`)
  below and above them; it may do that only when it has asked for the order.

The stack kernel takes a rule as an argument of the function type below, so one kernel serves all rules.
"""

from __future__ import annotations

from numba import types

from ccdfx.kernels.compile.kernel import kernel

NOISE_SCALE, NOISE_ZERO, NOISE_CONSTANT, NOISE_LINEAR, NOISE_QUADRATIC = range(5)  # columns of the noise


def rule_type(real: types.Float) -> types.FunctionType:
    """Return the type of a rule for lanes of this float type."""
    return types.FunctionType(
        types.void(
            types.Array(real, 2, "C"),
            types.Array(types.int32, 2, "C"),
            types.Array(types.int32, 1, "C"),
            types.Array(types.float64, 2, "C"),
            types.Array(types.float64, 1, "C"),
            types.Array(types.int32, 1, "C"),
            types.Array(types.int32, 1, "C"),
        )
    )


@kernel
def keep_all_rule(lanes, frames, counts, noise, parameters, low, high):
    """Keep all values, as the kernel has set `low` and `high` before it calls a rule."""
