"""A whole night, timed: python tests/bench/night.py generate DIR --frames 45 --size 4096"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import night_frames


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    tasks = parser.add_subparsers(dest="task", required=True)
    made = tasks.add_parser("generate", help="Write the raw frames of a night and truth.json.")
    made.add_argument("directory", type=Path)
    made.add_argument("--frames", type=int, default=45)
    made.add_argument("--size", type=int, default=2048)
    made.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    night_frames.generate(chosen.directory, chosen.frames, chosen.size, chosen.seed)


if __name__ == "__main__":
    main()
