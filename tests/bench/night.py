"""A whole night, timed, alone and beside other programs; its frames are simulated and their truth is known.

python tests/bench/night.py generate DIR --frames 45 --size 4096   write raw frames and truth.json
python tests/bench/night.py compare DIR                            ccdfx, Siril and ccdproc in turn
python tests/bench/night.py profile DIR                            the CPU time of ccdfx by stage and function
python tests/bench/night.py scale --size 1024 --counts 45,300      how time and memory grow with the frames
python tests/bench/night.py again DIR                              a second run, and others with a few frames more
python tests/bench/night.py check DIR OUTPUT                       products of ccdfx against the truth

Times of the CPU are those of the process with its children. `compare` exits with 1 when a program gives a wrong result.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import night_frames
import night_profile
import night_programs

from ccdfx.demo.run import check_night
from ccdfx.demo.truth import read_truth

# What these frames have none of: an overscan, and a column with a trap.
_ABSENT = ("bias level above the overscan", "column with a trap flagged")


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    tasks = parser.add_subparsers(dest="task", required=True)
    generate, compare, profile, scale, again, check = (
        tasks.add_parser(name) for name in ("generate", "compare", "profile", "scale", "again", "check")
    )
    for one in (generate, compare, profile, again, check):
        one.add_argument("directory", type=Path)
    for one in (compare, scale, again):
        one.add_argument("--threads", type=int, default=2)
    generate.add_argument("--frames", type=int, default=45)
    generate.add_argument("--size", type=int, default=2048)
    generate.add_argument("--seed", type=int, default=1)
    compare.add_argument("--rounds", type=int, default=3)
    compare.add_argument(
        "--without", default="", help="programs to leave out, by the ends of their names, joined by commas"
    )
    profile.add_argument("--top", type=int, default=25)
    scale.add_argument("--size", type=int, default=1024)
    scale.add_argument("--counts", default="45,300")
    again.add_argument("--extra", default="", help="more words for ccdfx reduce")
    check.add_argument("output", type=Path)
    return parser.parse_args()


def check(directory: Path, output: Path) -> int:
    """Print the products of ccdfx against the truth; return the exit status."""
    facts = json.loads((output / "night.json").read_text(encoding="utf-8"))
    rows = check_night(read_truth(directory / "truth.json"), facts, output)
    rows = tuple(row for row in rows if row.quantity not in _ABSENT)
    for row in rows:
        verdict = "agrees" if row.passed else "DISAGREES"
        print(
            f"{row.quantity:55}{row.truth:12.5g}{row.result:12.5g}{row.tolerance:12.3g} {row.unit:8}{verdict}"
        )
    return int(not all(row.passed for row in rows))


def main() -> int:
    """Do what the command line says and return the exit status."""
    chosen = arguments()
    if chosen.task == "generate":
        night_frames.generate(chosen.directory, chosen.frames, chosen.size, chosen.seed)
    elif chosen.task == "profile":
        print(night_profile.profile(chosen.directory, chosen.top))
    elif chosen.task == "scale":
        night_programs.scale(chosen.size, tuple(map(int, chosen.counts.split(","))), chosen.threads)
    elif chosen.task == "check":
        return check(chosen.directory, chosen.output)
    else:
        truth = read_truth(chosen.directory / "truth.json")
        if chosen.task == "again":
            night_programs.again(chosen.directory, truth, chosen.threads, tuple(chosen.extra.split()))
        else:
            without = tuple(filter(None, chosen.without.split(",")))
            sane = night_programs.compare(chosen.directory, truth, chosen.rounds, chosen.threads, without)
            return int(not sane)
    return 0


if __name__ == "__main__":
    sys.exit(main())
