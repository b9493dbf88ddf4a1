"""The demonstration: a simulated night is reduced like any other night and compared with its truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccdfx.demo.checks import Check, Reduced, check_flags, check_masters
from ccdfx.demo.frame_checks import check_alignment, check_frames
from ccdfx.demo.simulate import simulate_night
from ccdfx.demo.star_checks import check_combined_stars, check_cosmic_rays, check_sky, check_stars
from ccdfx.demo.truth import Truth
from ccdfx.errors import CheckFailedError, OutputExistsError
from ccdfx.io.text import read_json

_CHECKS = (
    check_masters,
    check_flags,
    check_sky,
    check_frames,
    check_alignment,
    check_stars,
    check_combined_stars,
    check_cosmic_rays,
)


@dataclass(frozen=True)
class DemoResult:
    """Result of the demonstration: raw frames, reduced night, report, pictures and the table of checks."""

    raw: Path
    reduced: Path
    report: Path
    pictures: tuple[Path, ...]
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every result agrees with the truth."""
        return all(check.passed for check in self.checks)

    def require(self) -> None:
        """Raise a `CheckFailedError` that lists the results that disagree with the truth, if any."""
        failed = [check for check in self.checks if not check.passed]
        if failed:
            disagreements = "; ".join(
                f"{check.quantity} is {check.result:.5g} {check.unit}".rstrip()
                + f", not {check.truth:.5g} within {check.tolerance:.3g}"
                for check in failed
            )
            raise CheckFailedError(
                "demo",
                f"{len(failed)} of {len(self.checks)} results disagree with the truth: {disagreements}",
            )


def run_demo(
    output: str | Path,
    *,
    seed: int = 1,
    shape: tuple[int, int] = (512, 512),
    check: bool = True,
    progress: Callable[..., Any] | None = None,
) -> DemoResult:
    """Simulate a night, reduce it, and compare the result with the truth.

    Parameters
    ----------
    output : path
        Directory for everything, made if it is missing: ``night/`` (raw frames and truth.json), ``reduced/``
        (masters, calibrated and combined frames, night.json, report.html) and ``pictures/``.
    seed : int
        Seed of all random numbers of the simulation.
    shape : (int, int)
        Rows and columns of the detector.
    check : bool
        Raise when a result disagrees with the truth; otherwise see `DemoResult.passed`.
    progress : callable, optional
        Passed to `reduce_night`.

    Raises
    ------
    OutputExistsError
        The directory is not empty, or `output` is a file.
    FileError
        The directory cannot be made.
    CheckFailedError
        A result disagrees with the truth, or is missing.
    """
    from ccdfx.night.graph.context import made_folder
    from ccdfx.night.run import reduce_night

    target = Path(output)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise OutputExistsError(target, "must be a new or an empty directory", remedy="choose another one")
    raw, reduced = target / "night", target / "reduced"
    made_folder(raw)
    truth = simulate_night(raw, seed=seed, shape=shape)
    reduce_night(raw, reduced, progress=progress)
    facts = read_json(reduced / "night.json")
    pictures = tuple(_draw(truth, facts, target))
    checks = check_night(truth, facts, reduced)
    result = DemoResult(raw, reduced, reduced / "report.html", pictures, checks)
    if check:
        result.require()
    return result


def check_night(truth: Truth, facts: dict[str, Any], reduced: str | Path) -> tuple[Check, ...]:
    """Compare a reduced simulated night with the truth.

    Parameters
    ----------
    truth : Truth
        As returned by `simulate_night`.
    facts : dict
        The content of night.json.
    reduced : path
        The directory that holds the products.

    Raises
    ------
    CheckFailedError
        A required product is missing.
    """
    night = Reduced(truth, facts, Path(reduced))
    return tuple(row for checks in _CHECKS for row in checks(night))


def _draw(truth: Truth, facts: dict[str, Any], target: Path) -> Iterator[Path]:
    """Draw a raw frame, a flat, a calibrated and a combined image, and yield the picture files."""
    from ccdfx import plots
    from ccdfx.io import read
    from ccdfx.io.atomic import atomic_path

    science = next(frame.file for frame in truth.frames if frame.kind == "science")
    flats = [master["file"] for master in facts["masters"] if master["kind"] == "flat"]
    wanted = [("raw", target / "night" / science)]
    for name, files in (
        ("flat", flats),
        ("calibrated", [product["file"] for product in facts["calibrated"]]),
        ("combined", [product["file"] for product in facts["combined"]]),
    ):
        wanted += [(name, target / "reduced" / file) for file in files[:1]]
    (target / "pictures").mkdir()
    for name, source in wanted:
        axes = plots.image(read(source), title=f"{name}: {source.name}", colours=plots.Colours(bar=True))
        figure: Any = axes.figure
        figure.set_size_inches(7.0, 6.0)
        path = target / "pictures" / f"{name}.png"
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=120, format="png", metadata={"Software": None})
        yield path
