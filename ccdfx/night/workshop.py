"""What the making of every product needs, and the one way in which products are written."""

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
    """Where the products of one setup are made: the choices, the noise of its camera, the ledger, the output.

    `further` are the steps that the recipe adds after the calibration.
    """

    recipe: NightRecipe
    noise: CameraNoise
    ledger: Ledger
    output: Path
    overwrite: bool
    further: Pipeline

    def save(self, image: Image, file: str) -> Path:
        """Write a product, whole or not at all; `file` is relative to the output."""
        from ccdfx.io import write

        path = self.output / file
        made_folder(path.parent)
        return write(image, path, overwrite=self.overwrite)


def made_folder(path: Path) -> Path:
    """The folder, made where it is not there yet.

    Raises
    ------
    FileError
        When it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        rule = f"cannot be made: {problem.strerror}"
        raise FileError(path, rule, remedy="give an output that can be written") from None
    return path
