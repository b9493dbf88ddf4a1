"""Common inputs for making the products of one setup, and the function that writes products."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ccdfx.errors import FileError
from ccdfx.night.camera_noise import CameraNoise
from ccdfx.night.ledger import Ledger
from ccdfx.night.recipe import NightRecipe
from ccdfx.pipelines import Pipeline
from ccdfx.records.image import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Common inputs of all products of one setup: recipe, noise of its camera, ledger and output.

    `further` is the pipeline that the recipe applies after the calibration.
    """

    recipe: NightRecipe
    noise: CameraNoise
    ledger: Ledger
    output: Path
    overwrite: bool
    further: Pipeline

    def save(self, image: Image, file: str) -> Path:
        """Write a product; a failure leaves no partial file. `file` is relative to the output."""
        from ccdfx.io import write

        path = self.output / file
        made_folder(path.parent)
        return write(image, path, overwrite=self.overwrite)


def made_folder(path: Path) -> Path:
    """Make the folder if it does not exist, and return it.

    Raises
    ------
    FileError
        The folder cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        rule = f"cannot be made: {problem.strerror}"
        raise FileError(path, rule, remedy="give an output that can be written") from None
    return path
