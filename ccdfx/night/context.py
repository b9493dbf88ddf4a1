"""What is handed round while a night is reduced: settings, progress, warnings and what failed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccdfx.errors import CcdfxWarning, FileError, printable
from ccdfx.night.calibrators import Use
from ccdfx.night.camera_noise import CameraNoise
from ccdfx.night.frames.frame import Frame
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.night.words import not_made
from ccdfx.photometry.stars import FrameStars
from ccdfx.pipelines.pipeline import Pipeline
from ccdfx.records.history import Master
from ccdfx.records.image import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Common inputs of all products of one setup: recipe, noise of its camera, log and output.

    `further` is the pipeline that the recipe applies after the calibration, `bad_pixels` the map of the setup,
    once it is made.
    """

    recipe: NightRecipe
    noise: CameraNoise
    log: NightLog
    output: Path
    overwrite: bool
    further: Pipeline
    bad_pixels: Master | None = None

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


Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class NightLog:
    """Failed frames, products not made, masters that failed their check, frames used, masters made, warnings; of calibrated
    frames how they were made, their stars, the FWHM where that is too small to mask cosmic rays, and their transparency
    relative to the reference of their group.

    `progress` is called with a label, the number of steps done and their total.
    """

    total: int = 0
    progress: Progress | None = None
    done: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    untrusted: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    masters: dict[str, Master] = field(default_factory=dict)
    calibrated: dict[str, Use] = field(default_factory=dict)
    stars: dict[str, FrameStars] = field(default_factory=dict)
    undersampled: dict[str, float] = field(default_factory=dict)
    relative: dict[str, dict[str, Any]] = field(default_factory=dict)

    def fail_frame(self, frame: Frame, error: Exception) -> None:
        """Record that a frame cannot be used; only the first reason is kept."""
        text = printable(error, 500) or type(error).__name__
        for name in (str(frame.path), frame.path.name, frame.file):
            text = text.removeprefix(f"{name}: ")
        self.failed.setdefault(frame.file, text)

    def fail_product(self, file: str, problem: object) -> None:
        """Record that a product could not be made, and warn."""
        self.lost[file] = str(problem)
        self.warn(not_made(file, str(problem)))

    def refuse_master(self, file: str, problem: object) -> None:
        """Record that a master failed its check: it is not made, and neither is what needs it."""
        self.untrusted.add(file)
        self.fail_product(file, problem)

    def warn(self, text: str) -> None:
        """Record a warning, once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def warn_about(self, file: str, texts: Iterable[str]) -> None:
        """Record the warnings issued while a product was made successfully."""
        for text in texts:
            self.warn(f"{file}: {text}")

    def step(self, label: str) -> None:
        """Count one more step as done and report the progress."""
        self.done += 1
        if self.progress is not None:
            self.progress(label, self.done, self.total)


@contextmanager
def collect_warnings(tell: Callable[[str], object]) -> Iterator[None]:
    """Pass the text of every `CcdfxWarning` of the block to `tell`, also repeated ones; show other warnings.

    >>> said = []
    >>> with collect_warnings(said.append):
    ...     warnings.warn("mad_clip rejects nothing", CcdfxWarning)
    >>> said
    ['mad_clip rejects nothing']
    """
    with warnings.catch_warnings():
        warnings.simplefilter("always", CcdfxWarning)
        show: Callable[..., Any] = warnings.showwarning

        def collect(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, CcdfxWarning):
                tell(str(message))
            else:
                show(message, category, *place, **more)

        warnings.showwarning = collect  # restored by catch_warnings
        yield
