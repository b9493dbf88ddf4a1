"""Nights with frames whose headers are hostile: each costs itself at most, and a report is written."""

from __future__ import annotations

import json
import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

import ccdfx
from ccdfx.io.fits.cards import header_bytes
from ccdfx.records.card import Card

SHAPE = (40, 48)
HOSTILE = {
    "CCDSUM": ["'1E300 1E300'", "'0 0'", "'-1 2'", "'nan nan'", "1E300", "'999999999999 1'", "'1000 1000'"],
    "EXPTIME": ["1E300", "1E9", "-5.0", "NaN", "1E400", "1E-300", "'abc'", "'1,000'", "T"],
    "GAIN": ["1E-300", "1E300", "-2.0", "0.0", "NaN"],
    "RDNOISE": ["1E300", "-1.0", "Inf"],
    "SATURATE": ["1E300", "1E-300", "-1.0"],
    "FILTER": ["'Grün'", "'Hα'", "'-rf'", "'../../x'", "''", f"'{'a' * 60}'", "'a\x1b[1m\0'"],
    "OBJECT": ["'-rf'", "'../..'", "'äöü'", "'con'"],
    "DATE-OBS": ["'9999-99-99T99:99:99'", "'0000-00-00'", "1E300"],
    "BIASSEC": ["'[1:0,1:0]'", "'[0:9999999999,1:2]'", "'[1E300:2,1:2]'", "'[-5:-1,1:3]'"],
    "TRIMSEC": ["'[1:99999,1:99999]'", "'[5:5,5:5]'"],
    "CCD-TEMP": ["1E300", "NaN", "-1E300"],
    "CRVAL1": ["1E300", "NaN"],
    "CD1_1": ["1E300", "0.0"],
    "BUNIT": ["'parsec'", "5"],
}
CARDS = [(keyword, text) for keyword, texts in HOSTILE.items() for text in texts]


def put(path: Path, kind: str, level: float, seed: int, **texts: str) -> None:
    """Write a frame; `texts` are the values of its cards as they stand in the file."""
    rng = np.random.default_rng(seed)
    array = rng.normal(level, 5.0, SHAPE).round().astype(">i2")
    array[:, 40:] = rng.normal(1000.0, 3.0, (SHAPE[0], 8)).round()
    layout = {"SIMPLE": True, "BITPIX": 16, "NAXIS": 2, "NAXIS1": SHAPE[1], "NAXIS2": SHAPE[0]}
    start = header_bytes([Card(key, value, "") for key, value in layout.items()])[:400]
    usual = {
        "IMAGETYP": f"'{kind}'", "EXPTIME": "10.0" if kind != "zero" else "0.0", "FILTER": "'V'", "OBJECT": "'NGC 1'",
        "GAIN": "2.0", "RDNOISE": "6.0", "INSTRUME": "'small'", "BIASSEC": "'[41:48,1:40]'", "TRIMSEC": "'[1:40,1:40]'",
        "DATE-OBS": "'2020-01-01T00:00:00'",
    } | texts  # fmt: skip
    lines = [f"{key:8}= {text}".encode().ljust(80)[:80] for key, text in usual.items()]
    header = start + b"".join(lines) + b"END"
    path.write_bytes(header.ljust(-(-len(header) // 2880) * 2880) + array.tobytes().ljust(2 * 2880, b"\0"))


def night(folder: Path) -> Path:
    """A bias and a flat of two frames each, and two science frames."""
    folder.mkdir()
    for number in range(2):
        put(folder / f"b{number}.fits", "zero", 1000.0, number)
        put(folder / f"f{number}.fits", "flat", 9000.0, 10 + number)
        put(folder / f"s{number}.fits", "object", 1500.0, 20 + number)
    return folder


def reduced(raw: Path, out: Path) -> dict:  # type: ignore[type-arg]
    """Reduce a night; that no warning is issued, that a report is there, and that every reason is one of ccdfx."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ccdfx.reduce_night(raw, out)
    facts = json.loads((out / "night.json").read_text())
    assert facts["complete"] and (out / "report.html").stat().st_size > 1000
    said = [*facts["warnings"], *(str(one["problem"]) for one in (*facts["frames"], *facts["lost"]))]
    wrong = re.compile(
        r"Traceback|too large to convert|out of range|Error\b|object has no|not supported between"
    )
    assert not [text for text in said if wrong.search(text)]
    names = [path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()]
    assert all(
        re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9.+_~-]*", part) for name in names for part in name.split("/")
    )
    return facts


def test_hostile_frames_cost_themselves_alone(tmp_path: Path) -> None:
    """A night with 56 hostile science frames, and with a hostile bias and flat each of the kinds that ended nights."""
    raw = night(tmp_path / "raw")
    for number, (keyword, text) in enumerate(CARDS):
        put(raw / f"x{number:02}.fits", "object", 1500.0, 50 + number, **{keyword: text})
    for number, (keyword, text) in enumerate(
        [("CCDSUM", "1E300"), ("EXPTIME", "1E300"), ("RDNOISE", "1E300")]
    ):
        put(raw / f"xb{number}.fits", "zero", 1000.0, 150 + number, **{keyword: text})
        put(raw / f"xf{number}.fits", "flat", 9000.0, 160 + number, **{keyword: text})
    facts = reduced(raw, tmp_path / "out")
    used = {frame["file"]: frame["used"] for frame in facts["frames"]}
    assert len(used) == len(CARDS) + 12 and all(used[f"{kind}{n}.fits"] for kind in "bfs" for n in (0, 1))
    assert sum(used.values()) > 20, "many hostile values do not matter"


def test_a_filter_that_is_not_ascii_keeps_its_flat_and_frames(tmp_path: Path) -> None:
    for name in ("Hα",):
        raw = night(tmp_path / f"raw {ord(name[1])}")
        for number in range(2):
            put(raw / f"f{number}.fits", "flat", 9000.0, 10 + number, FILTER=f"'{name}'")
            put(raw / f"s{number}.fits", "object", 1500.0, 20 + number, FILTER=f"'{name}'")
        facts = reduced(raw, tmp_path / f"out {ord(name[1])}")
        assert all(
            frame["used"] and frame["filter"] == name for frame in facts["frames"] if frame["kind"] != "bias"
        )
        assert len(facts["calibrated"]) == 2 and [one["kind"] for one in facts["masters"]] == ["bias", "flat"]


@pytest.mark.slow
@pytest.mark.parametrize("target", ["b0.fits", "f0.fits", "s0.fits"])
def test_one_hostile_frame_of_any_kind(tmp_path: Path, target: str) -> None:
    """56 nights for each kind: the other frames of science are calibrated."""
    base = night(tmp_path / "base")
    kind = {"b": "zero", "f": "flat", "s": "object"}[target[0]]
    for keyword, text in CARDS:
        raw, out = tmp_path / "raw", tmp_path / "out"
        shutil.copytree(base, raw)
        put(raw / target, kind, {"b": 1000.0, "f": 9000.0, "s": 1500.0}[target[0]], 99, **{keyword: text})
        facts = reduced(raw, out)
        for frame in facts["frames"]:
            assert frame["used"] or frame["file"] == target or frame["kind"] != "science", (
                keyword,
                text,
                frame,
            )
        shutil.rmtree(raw)
        shutil.rmtree(out)
