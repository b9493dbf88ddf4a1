"""The draft of an instrument file finds what is true of a made-up camera, and reduces its frames."""

from __future__ import annotations

import math
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ccdfx
from ccdfx.night.drafting.draft import draft_instrument
from ccdfx.night.instruments.file import read_instrument
from ccdfx.testing import check_instrument
from ccdfx.testing.strategies import headers


@pytest.mark.quick
def test_a_draft_finds_what_is_true_and_reduces_the_frames(odd, tmp_path: Path) -> None:
    odd.night()
    draft = draft_instrument(odd.folder)
    (tmp_path / "mine.toml").write_text(draft.text)
    camera = ccdfx.load_instrument(tmp_path / "mine.toml")
    assert draft.unknown == () and camera.name == "odd-cam-3"
    assert (camera.exptime, camera.filter, camera.object, camera.date) == (
        ("SHUT_T",), ("COLOUR",), ("LOOKS_AT",), ("STARTED",),
    )  # fmt: skip
    assert camera.binning == (("BIN_X", "BIN_Y"),) and dict(camera.setup)["temperature"] == ("CHIPTEMP",)
    assert camera.saturation == (4 * 16383.0,)
    frame = ccdfx.scan(odd.folder, instrument=camera)[0]
    assert frame.overscan == ccdfx.Range.from_fits("[298:320,1:270]")  # without the column of late charge
    assert frame.data == ccdfx.Range.from_fits("[9:296,5:260]")
    for side in ("left: 8 columns", "right: 24 columns", "bottom: 4 rows", "top: 10 rows"):
        assert any(remark.startswith(side) for remark in draft.remarks), draft.remarks
    # Gain and read noise within four of their errors, which are in the comments; that of pairs includes the rounding.
    noise = math.hypot(odd.readnoise, odd.step * odd.gain / math.sqrt(12.0))
    lines = {line.split(" = ")[0]: line for line in draft.text.splitlines() if "measure" in line}
    for name, (value,), truth in (
        ("gain", camera.gain, odd.gain),
        ("readnoise", camera.readnoise, noise),
    ):
        error = float(lines[name].split("+- ")[1])
        assert 0 < error < 0.05 * truth and abs(value - truth) < 4 * error + 1e-3 * truth, lines[name]
    check_instrument(camera, examples=5)
    night = ccdfx.reduce_night(odd.folder, tmp_path / "out", instrument=camera)
    assert night.status == 0, night.facts["warnings"]
    (file, *_) = [one["file"] for one in night.facts["calibrated"]]
    image = ccdfx.read(tmp_path / "out" / file)
    assert image.shape == (odd.ny, odd.nx) and bool((image.mask[100:106, 50:56] != 0).all())
    sky = float(np.median(image.array[image.good]))
    assert abs(sky * odd.gain - 900.0 * np.median(odd.flat)) < 5.0


@pytest.mark.quick
def test_kinds_come_from_folders_where_headers_do_not_tell_them(odd) -> None:
    odd.night(words=False)
    draft = draft_instrument(odd.folder)
    kinds = {frame.file: frame.kind for frame in draft.frames}
    assert kinds == {
        **{f"zero/{n}.fits": "bias" for n in range(4)},
        **{f"flat/{n}.fits": "flat" for n in range(4)},
        **{f"light/{n}.fits": "science" for n in range(2)},
    }
    assert '{ path = "*/flat/*" }' in draft.text and "overscan = { side" in draft.text


@pytest.mark.quick
def test_what_cannot_be_known_is_listed_and_nothing_is_reduced(tmp_path: Path) -> None:
    for number, level in enumerate((300, 9000)):
        image = ccdfx.Image(np.full((40, 50), level, np.uint16))
        ccdfx.write(image, tmp_path / f"{number}.fits")
    draft = draft_instrument(tmp_path)
    assert [frame.kind for frame in draft.frames] == ["other", "other"]
    said = " ".join(draft.unknown)
    assert "what frames are: 0.fits, 1.fits" in said and "0.fits 300, 1.fits 9000" in said
    assert all(f"# not known: {text}" in draft.text for text in draft.unknown)
    assert ccdfx.reduce_night(tmp_path, tmp_path / "out", instrument=_written(tmp_path, draft)).status == 3
    with pytest.raises(ccdfx.ArgumentError, match="must hold one with a header"):
        draft_instrument(tmp_path / "out")


@pytest.mark.quick
def test_sections_and_gain_of_headers_are_compared_with_the_pixels(odd) -> None:
    """A stated number that pairs confirm is named by its keyword; a section that sees light is not used."""
    odd.night()
    for path in odd.folder.rglob("*.fits"):
        image = ccdfx.read(path)
        cards = {"EGAIN": 1.72, "RDNOISE": 3.0, "BIASSEC": "[281:290,1:270]", "TRIMSEC": "[9:296,5:260]"}
        ccdfx.write(image.replace(header=image.header.update(cards)), path, overwrite=True)
    draft = draft_instrument(odd.folder)
    lines = {line.split(" = ")[0]: line for line in draft.text.splitlines()}
    assert lines["gain"].startswith('gain = "EGAIN" ') and "sure, 1.72 there" in lines["gain"]
    assert "RDNOISE = 3 is not it" in lines["readnoise"]
    assert lines["data"].startswith('data = "TRIMSEC" ') and lines["overscan"].startswith("overscan = { side")
    assert any("BIASSEC = [281:290,1:270] of the header does not fit" in one for one in draft.remarks)


def _written(folder: Path, draft) -> Path:
    (folder / "mine.toml").write_text(draft.text)
    return folder / "mine.toml"


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(
    st.lists(headers(), min_size=1, max_size=3),
    st.sampled_from(["a{}.fits", "flat/{}.fits", 'bi"as{}.fits', "fl{{at}}{}.fits", "da'rk{}\n.fits"]),
)
def test_any_headers_give_a_file_that_loads(several, pattern: str) -> None:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that FITS cannot hold as they are
        for number, header in enumerate(several):
            path = Path(folder, pattern.format(number))
            path.parent.mkdir(exist_ok=True)
            ccdfx.write(ccdfx.Image(np.full((12, 10), 3 + 100 * number, np.uint16), header), path)
        draft = draft_instrument(folder)
    assert len(draft.frames) == len(several) and read_instrument(draft.text).rules
