"""Launch of the kernel of a job on the rows of a tile."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ccdfx.operations.calls import Call
from ccdfx.operations.lines import stack_lines
from ccdfx.operations.rows import Tile
from ccdfx.operations.stacking import Job

MAPS = ("value", "variance", "count", "rejected_low", "rejected_high", "flags")
"""What the kernel gives, in its order."""


def launch(
    call: Call, tile: Tile, width: int, outputs: Mapping[str, np.ndarray], fates: np.ndarray | None = None
) -> None:
    """Combine the tile into the given MAPS, (rows, nx) each, and into the rejection codes (n, pixels)."""
    value = outputs["value"]
    unseen = {"variance": np.empty(0, value.dtype), "flags": np.empty(value.size, np.uint8)}
    flat = {
        name: outputs[name].reshape(-1) if name in outputs else unseen.get(name, np.empty(0, np.uint16))
        for name in MAPS
    }
    fates = np.empty((0, 0), np.uint8) if fates is None else fates
    if call.scatter is None:
        call.kernel(tile.table, *call.arguments, *flat.values(), fates)
    else:
        stack_lines(call, tile.table, width, flat, fates)


def scaled_values(job: Job, tile: Tile, pixels: int) -> np.ndarray:
    """Return the scaled values (n, pixels); infinite where there is none."""
    from ccdfx.kernels.gather import scaled

    values = np.empty((len(job.frames), pixels), job.kind)
    scaled(tile.table, job.factors, values)
    return values
