"""The time from the last byte of a science frame to the report that shows it, while a night is watched.

python tests/bench/bench_live.py DIR [NEW]

DIR holds the raw frames of a night (tests/bench/night.py generate); its last NEW science frames (3) come one by one, some
seconds after all others are calibrated and combined. Printed are wall time, CPU time and the load of the machine, with the
parts that are waited: half a second until a file counts as complete, and up to a quarter until it is looked at.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

from ccdfx.night.watch import watch_night

_PAUSE = 3.0  # seconds after the combined frames


def main() -> None:
    """Watch a night in another folder, and print what each of its last frames takes."""
    source = Path(sys.argv[1]).resolve()
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    files = sorted(source.glob("*.fits"))
    late = [path for path in files if path.name.startswith("science")][-count:]
    with tempfile.TemporaryDirectory(
        dir=source.parent if os.access(source.parent, os.W_OK) else None
    ) as name:
        raw = Path(name, "raw")
        raw.mkdir()
        for path in files:
            if path not in late:
                (raw / path.name).symlink_to(path.resolve())
        _watch(raw, Path(name, "out"), late)


def _watch(raw: Path, out: Path, late: list[Path]) -> None:
    came: dict[str, tuple[float, float]] = {}
    waiting = list(late)

    def arrive(path: Path) -> None:
        time.sleep(_PAUSE)
        shutil.copyfile(path, raw / f".{path.name}")
        came[path.name] = time.monotonic(), time.process_time()
        os.rename(raw / f".{path.name}", raw / path.name)

    shown: set[str] = set()
    for night in watch_night(raw, out, idle=600.0):
        there = {frame.file for frame in night.frames}
        for name in there & came.keys() - shown:
            wall, cpu = (
                now - then
                for now, then in zip((time.monotonic(), time.process_time()), came[name], strict=True)
            )
            print(
                f"{name}: in the report after {wall:.2f} s, {cpu:.2f} CPU s (load {os.getloadavg()[0]:.1f})",
                flush=True,
            )
            shown.add(name)
        if night.facts["combined"] and shown == came.keys():
            if not waiting:
                return
            threading.Thread(target=arrive, args=(waiting.pop(0),), daemon=True).start()


if __name__ == "__main__":
    main()
