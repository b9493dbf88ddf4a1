"""How long starting takes: `ccdfx --help` as a whole process, and what `import ccdfx` adds to numpy.

Run `python tests/bench/bench_startup.py`; it prints the medians and fails when a bound is broken. The medians are
of interleaved runs, so that a busy machine slows all alike.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

HELP_BOUND = 0.2  # s, whole process
IMPORT_BOUND = 0.1  # s, on top of numpy
RUNS = 15
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "import numpy": [sys.executable, "-c", "import numpy"],
    "import numpy, ccdfx": [sys.executable, "-c", "import numpy, ccdfx"],
    "import ccdfx": [sys.executable, "-c", "import ccdfx"],
    "ccdfx --help": [sys.executable, "-m", "ccdfx", "--help"],
    "ccdfx --version": [sys.executable, "-m", "ccdfx", "--version"],
}


def seconds(command: list[str]) -> float:
    """Wall time of one process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure(runs: int = RUNS) -> dict[str, float]:
    """Median wall time of every command."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for command in COMMANDS.values():
        seconds(command)  # fills the page cache and compiles to bytecode
    for _ in range(runs):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> int:
    """Print the table; the exit status is 1 when a bound is broken."""
    medians = measure()
    for name, value in medians.items():
        print(f"{name:20} {1000 * value:7.1f} ms")
    added = medians["import numpy, ccdfx"] - medians["import numpy"]
    broken = medians["ccdfx --help"] > HELP_BOUND or added > IMPORT_BOUND
    print(
        f"ccdfx --help {medians['ccdfx --help']:.3f} s (bound {HELP_BOUND}), ccdfx adds {added:.3f} s to numpy ",
        end="",
    )
    print(f"(bound {IMPORT_BOUND}): {'BROKEN' if broken else 'kept'}")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
