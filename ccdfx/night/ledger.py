"""Record of a reduction in progress; the only mutable record of the package."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ccdfx.errors import printable
from ccdfx.night.frames import Frame
from ccdfx.night.wording import not_made
from ccdfx.records.master import Master

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Ledger:
    """Failed frames, products not made, frames used, masters made, and warnings.

    `progress` is called with a label, the number of steps done and their total.
    """

    total: int = 0
    progress: Progress | None = None
    done: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    masters: dict[str, Master] = field(default_factory=dict)

    def fail(self, frame: Frame, error: Exception) -> None:
        """Record that a frame cannot be used; only the first reason is kept."""
        text = printable(error, 500) or type(error).__name__
        for name in (str(frame.path), frame.path.name, frame.file):
            text = text.removeprefix(f"{name}: ")
        self.failed.setdefault(frame.file, text)

    def lose(self, file: str, problem: object) -> None:
        """Record that a product could not be made, and warn."""
        self.lost[file] = str(problem)
        self.warn(not_made(file, str(problem)))

    def warn(self, text: str) -> None:
        """Record a warning, once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def caution(self, file: str, texts: Iterable[str]) -> None:
        """Record the warnings issued while a product was made successfully."""
        for text in texts:
            self.warn(f"{file}: {text}")

    def step(self, label: str) -> None:
        """Count one more step as done and report the progress."""
        self.done += 1
        if self.progress is not None:
            self.progress(label, self.done, self.total)
