"""The command: it prints what it says, and refuses what it cannot read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from click.testing import CliRunner

import ccdfx
from ccdfx import registry


def test_command_prints_the_brightest_good_pixel(tmp_path: Path) -> None:
    command = registry.lookup("command", "brightest").load()
    image = ccdfx.Image([[1.0, 9.0, 5.0], [2.0, 3.0, 4.0]], mask=[[0, 4, 0], [0, 0, 0]])
    path = str(ccdfx.write(image, tmp_path / "a.fits"))
    assert CliRunner().invoke(command, [path]).output == f"{path} 2 0 5\n"
    empty = str(ccdfx.write(image.replace(mask=np.ones((2, 3), np.uint8)), tmp_path / "b.fits"))
    failed = CliRunner().invoke(command, [empty])
    assert isinstance(failed.exception, ccdfx.ArgumentError)  # a line and exit status 1 of `ccdfx brightest`
    assert "has no good pixel" in str(failed.exception)
