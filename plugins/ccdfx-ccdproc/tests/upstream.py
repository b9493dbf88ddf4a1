"""The tests of ccdproc itself, run against this package.

    python plugins/ccdfx-ccdproc/tests/upstream.py [--of VERSION] [--source PATH] [-v]

They are copied from the installed ccdproc, or from its source (a folder or a .tar.gz), into a temporary folder, in which
the name ccdproc stands for ccdfx_ccdproc. Prints a table; the exit status is 1 if a test fails that `deviations.toml` does
not name, or if one passes that it does.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import xml.etree.ElementTree as ET
from collections import Counter
from importlib import metadata, util
from pathlib import Path

HERE = Path(__file__).parent
VERSION = "2.5.1"
MODULES = {
    "__init__.py": """
from ccdfx_ccdproc import *
import ccdfx_ccdproc as _own
__version__ = {version!r}
""",
    "core.py": """
from ccdfx_ccdproc import *
from ccdfx_ccdproc.log_meta import SHORT_NAMES as _short_names
""",
    "combiner.py": """
import numpy
from ccdfx_ccdproc import Combiner, combine, sigma_func
def _default_std():
    return numpy.nanstd
def _calculate_step_sizes(*sizes):
    raise NotImplementedError("no such function: frames are combined by rows")
_calculate_size_of_image = _calculate_step_sizes
""",
    "image_collection.py": "from ccdfx_ccdproc import ImageFileCollection",
    "ccddata.py": "from ccdfx_ccdproc import CCDData, fits_ccddata_reader, fits_ccddata_writer",
    "log_meta.py": "from ccdfx_ccdproc.log_meta import log_to_metadata",
    "utils/slices.py": "from ccdfx_ccdproc.sections import slice_from_string",
}
"""The package that the tests import, made of this one."""


def package_of_ccdproc(source: str | None, version: str, folder: Path) -> Path:
    """Return the folder of the package ccdproc whose tests are to run."""
    if source is None:
        found = metadata.version("ccdproc")
        if found != version:
            raise SystemExit(f"ccdproc {found} is installed, not {version}; give --of {found}, or --source")
        spec = util.find_spec("ccdproc")
        assert spec is not None and spec.origin is not None
        return Path(spec.origin).parent
    path = Path(source)
    if path.is_file():
        with tarfile.open(path) as archive:
            archive.extractall(folder / "source", filter="data")
        path = folder / "source"
    (found_in,) = [one.parent for one in path.rglob("ccdproc/combiner.py")]
    return found_in


def prepare(original: Path, folder: Path, version: str) -> Path:
    """Copy the tests, and write the package around them."""
    package = folder / "tree" / "ccdproc"
    for part in ("tests", "utils"):
        shutil.copytree(original / part, package / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(original / "conftest.py", package)
    for name, text in MODULES.items():
        (package / name).write_text(text.format(version=version) if name == "__init__.py" else text)
    return package


def run(package: Path) -> list[tuple[str, str, str]]:
    """Run the tests; return name, outcome and reason of each."""
    report = package.parent / "report.xml"
    plugin = str(HERE.parent)
    path = os.pathsep.join([str(package.parent), plugin, *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    command = [sys.executable, "-m", "pytest", str(package), "-q", f"--junitxml={report}", "-p", "no:cacheprovider",
               "-c", os.devnull, f"--rootdir={package.parent}", "-o", "junit_family=xunit1"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": path}
    subprocess.run(command, check=False, cwd=package.parent, env=environment, stdout=subprocess.DEVNULL)
    found = []
    for case in ET.parse(report).iter("testcase"):
        name = f"{case.get('classname', '').removeprefix('ccdproc.')}::{case.get('name')}"
        outcome, reason = "passed", ""
        for child in case:
            if child.tag in ("failure", "error", "skipped"):
                outcome = "skipped" if child.tag == "skipped" else "failed"
                reason = (child.get("message") or "").split("\n")[0]
        found.append((name, outcome, reason))
    return found


def main() -> int:
    """Print the table, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--of", default=VERSION, help="version of ccdproc")
    parser.add_argument("--source", help="folder or .tar.gz with its source, instead of the installed one")
    parser.add_argument("-v", action="store_true", help="print all tests")
    options = parser.parse_args()
    accepted = tomllib.loads((HERE / "deviations.toml").read_text())["deviations"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        original = package_of_ccdproc(options.source, options.of, folder)
        found = run(prepare(original, folder, options.of))
    if not found:
        print("no test ran")
        return 1
    wrong = 0
    used = set()
    for name, outcome, reason in found:
        entry = next(
            (one for one in accepted if fnmatch.fnmatchcase(name, one["test"].replace("[", "[[]"))), None
        )
        if entry is not None:
            used.add(entry["test"])
        if outcome == "failed" and entry is None:
            wrong += 1
            print(f"UNEXPECTED  {name}\n            {reason}")
        elif outcome == "passed" and entry is not None:
            wrong += 1
            print(f"UNEXPECTED  {name} passes: take it out of deviations.toml")
        elif outcome != "passed" or options.v:
            print(f"{outcome:11} {name}\n            {entry['reason'] if entry else reason}".rstrip())
    for one in accepted:
        if one["test"] not in used:
            wrong += 1
            print(f"UNEXPECTED  no test {one['test']}, which deviations.toml names")
    counts = Counter(outcome for _, outcome, _ in found)
    ran = counts["passed"] + counts["failed"]
    print(f"\nccdproc {options.of}: {len(found)} tests")
    print("| passed | failed | skipped | passed of those that ran |\n|---|---|---|---|")
    print(
        f"| {counts['passed']} | {counts['failed']} | {counts['skipped']} | {100 * counts['passed'] / ran:.1f} % |"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
