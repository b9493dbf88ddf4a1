"""Temporary files of a process that ends."""

from __future__ import annotations

import subprocess
import sys

WRITERS = """
import pathlib, sys, threading
from ccdfx.io.leftovers import owned, remove_own, temporary_name
folder = pathlib.Path(sys.argv[1])
def write():
    while True:
        with owned(folder / temporary_name("a")) as path:
            path.write_bytes(b"")
            path.rename(folder / "a")
for _ in range(4):
    threading.Thread(target=write, daemon=True).start()
while not (folder / "a").exists():
    pass
remove_own()
threading.Event().wait(0.05)
print(sorted(path.name for path in folder.iterdir()))
"""


def test_threads_make_no_temporary_files_while_the_process_ends(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", WRITERS, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "['a']\n"
