"""What the maker of a product works with: its settings, the products it needs, and what it notes."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccdfx.errors import FileError, OutputExistsError, printable
from ccdfx.io.stamp import file_stamp
from ccdfx.night.cameras.camera_noise import CameraNoise
from ccdfx.night.frames.frame import Frame
from ccdfx.night.graph.masters import load_master
from ccdfx.night.graph.product import Product
from ccdfx.night.graph.record import Record, facts_path, read_stars
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.photometry.stars import FrameStars
from ccdfx.records.history import Master

_LACKS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""The rule of the error of a raw frame that did."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The inputs of one product that is being made, opened when they are asked for, and its notes.

    Attributes
    ----------
    product : Product
    records : mapping
        Records of the products that it needs, by file.
    parts : mapping
        What the key of the product is computed of.
    output : Path
    failed : dict
        Raw frames that cannot be used, with the first reason.
    seen_changed : set of str
        Raw frames that were gone or others than those that were listed, whenever that was looked at.
    warnings : list of str
    """

    product: Product
    records: Mapping[str, Record]
    parts: Mapping[str, Any]
    output: Path
    failed: dict[str, str] = field(default_factory=dict)
    seen_changed: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)

    @property
    def recipe(self) -> NightRecipe:
        """The tables of the recipe that the product depends on; the others have their defaults."""
        return self.product.settings.recipe

    @property
    def noise(self) -> CameraNoise:
        """Gain and read noise of the camera."""
        return self.product.settings.noise

    def is_made(self, file: str) -> bool:
        """Return whether a product that is needed was made."""
        record = self.records.get(file)
        return record is not None and record.lost is None

    def is_untrusted(self, file: str) -> bool:
        """Return whether a product that is needed failed its check."""
        record = self.records.get(file)
        return record is not None and record.untrusted

    def facts(self, file: str) -> Mapping[str, Any]:
        """Return the facts of a product that is needed and was made."""
        return self.records[file].facts or {}

    def stars(self, file: str) -> FrameStars:
        """Return the stars of a product that is needed and was made."""
        return read_stars(facts_path(self.output, file, ".npy"))

    def master(self, file: str | None) -> Master | None:
        """Return a master that is needed; None if it could not be made."""
        if file is None or not self.is_made(file):
            return None
        return load_master(self.output / file, self.records[file].key)

    def raw_digests(self, names: Iterable[str]) -> list[tuple[str, str | None]]:
        """Return the names of raw frames with their SHA-256."""
        return [(name, self.parts["raw"].get(name)) for name in names]

    def keys(self, files: Iterable[str]) -> list[tuple[str, str | None]]:
        """Return the files of products with their keys."""
        return [(file, self.parts["inputs"].get(file)) for file in files]

    def path(self, file: str) -> Path:
        """Return the path of a product."""
        return self.output / file

    def fail_frame(self, frame: Frame, error: Exception) -> None:
        """Record that a raw frame cannot be used; only the first reason is kept.

        What the machine lacks (`is_lack`) is no fault of the frame: the error is raised again.
        """
        if is_lack(error):
            raise error
        self.failed.setdefault(frame.file, problem_of(frame, error))

    def warn(self, text: str) -> None:
        """Record a warning, once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def warn_about(self, texts: Iterable[str]) -> None:
        """Record warnings that concern the product."""
        for text in texts:
            self.warn(f"{self.product.file}: {text}")

    def require_unchanged(self) -> None:
        """Refuse raw frames that changed since they were listed: their headers were those of other pixels.

        Raises
        ------
        FileError
            The first such frame.
        """
        changed = self.changed()
        for frame in self.product.raw:
            if frame.file in changed and (frame.file not in self.failed or frame.path.exists()):
                raise FileError(
                    frame.path, "changed while the night was reduced", remedy="reduce the night again"
                )

    def changed(self) -> set[str]:
        """Return the raw frames that are gone or others than those that were listed, now or when it was asked before."""
        for frame in self.product.raw:
            try:
                is_other = frame.stamp is not None and file_stamp(frame.path) != frame.stamp
            except OSError:
                is_other = True
            if is_other:
                self.seen_changed.add(frame.file)
        return self.seen_changed


def problem_of(frame: Frame, error: Exception) -> str:
    """Return the text of an error of a raw frame without the name of its file, which is printed beside it."""
    text = printable(error, 500) or type(error).__name__
    for name in (str(frame.path), frame.path.name, frame.file):
        text = text.removeprefix(f"{name}: ")
    return text


def is_lack(error: BaseException | None) -> bool:
    """Return whether an error, or one that caused it, is that the machine lacks memory, room or file handles.

    >>> is_lack(OSError(errno.ENOSPC, "No space left on device")), is_lack(OSError(errno.ENOENT, "No such file"))
    (True, False)
    """
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _LACKS):
            return True
        error = error.__cause__
    return False


def made_folder(path: Path) -> Path:
    """Make the folder if it does not exist, and return it.

    Raises
    ------
    FileError
        The folder cannot be made; `OutputExistsError` where a file of that name is there.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        rule, remedy = "is a file where a folder must be made", "move it away, or give another output"
        raise OutputExistsError(path, rule, remedy=remedy) from None
    except OSError as problem:
        rule = f"cannot be made: {problem.strerror}"
        raise FileError(path, rule, remedy="give an output that can be written") from None
    return path
