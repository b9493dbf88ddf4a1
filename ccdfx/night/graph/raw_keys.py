"""SHA-256 of raw frames, computed once and remembered by what the file system says of them, as git's index does."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ccdfx.engines import current_engine
from ccdfx.errors import FileError
from ccdfx.io.provenance import file_sha256
from ccdfx.io.stamp import Stamp, file_stamp
from ccdfx.io.text import read_json
from ccdfx.night.frames.frame import Frame
from ccdfx.night.graph.context import made_folder
from ccdfx.night.graph.product import FACTS_FOLDER

INDEX = "raw_keys.json"


def raw_keys(paths: Iterable[Path], index: Path, *, threads: int = 1, keep: bool = True) -> dict[Path, str]:
    """Return the SHA-256 of files, from the index where their stamps are unchanged.

    Parameters
    ----------
    paths : iterable of Path
        A file that cannot be read is left out.
    index : Path
        JSON file of earlier results; without it, or if it is broken, all are computed. It may be removed at any time.
    threads : int
    keep : bool
        Whether the index is written anew.
    """
    paths = list(dict.fromkeys(paths))
    known = _read(index)
    found: dict[Path, tuple[Stamp, str]] = {}
    missing = []
    for path in paths:
        try:
            stamp = file_stamp(path)
        except OSError:
            continue
        earlier = known.get(str(path))
        if earlier is not None and tuple(earlier[:3]) == stamp:
            found[path] = stamp, str(earlier[3])
        else:
            missing.append((path, stamp))
    with ThreadPoolExecutor(threads) as pool:
        digests = pool.map(lambda one: file_sha256(one[0]), missing)
        for (path, stamp), digest in zip(missing, digests, strict=True):
            if digest is not None:
                found[path] = stamp, digest
    if keep and missing:
        _write({str(path): [*stamp, digest] for path, (stamp, digest) in found.items()}, index)
    return {path: found[path][1] for path in paths if path in found}


def digests_of(frames: Iterable[Frame], output: Path, *, keep: bool) -> dict[str, str | None]:
    """Return the SHA-256 of frames by name, None of those that cannot be read; with `keep` the index is written."""
    frames = tuple(frames)
    paths = [frame.path for frame in frames if frame.problem is None]
    folder = output / FACTS_FOLDER
    if keep:
        made_folder(folder)
    found = raw_keys(paths, folder / INDEX, threads=current_engine().threads, keep=keep)
    return {frame.file: found.get(frame.path) for frame in frames}


def _read(index: Path) -> dict[str, Any]:
    try:
        known = read_json(index)
    except (OSError, ValueError):
        return {}
    good = isinstance(known, dict) and all(isinstance(one, list) and len(one) == 4 for one in known.values())
    return known if good else {}


def _write(known: dict[str, Any], index: Path) -> None:
    from ccdfx.io.atomic import atomic_path

    try:
        with atomic_path(index, True) as temporary:
            temporary.write_text(json.dumps(known), encoding="utf-8")
    except (FileError, OSError):
        pass  # it only saves time
