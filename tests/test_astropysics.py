"""Every public feature of `astropysics.ccd` has a row that says what does its work now, with an example that runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ccdfx
from ccdfx import plots, scalings

PAGE = (Path(__file__).parents[1] / "docs" / "astropysics.md").read_text(encoding="utf-8")
# The documentation of astropysics.ccd 1.0, name by name: classes, functions, methods, attributes, options, actions.
NAMES = re.findall(
    r"\S+",
    """
    ASinhScaling ArrayImage ArrayImage.save ArrayImage.load CCDImage CCDNoise DataScaling ExponentialScaling
    FitsImage FitsImage.close FitsImage.hdu FitsImage.save GaussianNoise HDF5Image ImageBiasSubtractor ImageCombiner
    ImageFlattener LinearScaling LogScaling NoiseModel PoissonNoise PowerScaling SurfaceBrightnessScaling UniformNoise
    kcorrect_images load_image_file mosaic_objects o isSequenceType memmap
    _extractArray _applyArray activateRange applyChanges applyChangesOnActivate range data shape size zeropoint
    pixelscale band getStats offsetData clipInvalids clipOutliers clipSigma clipThreshold setScaling scaling
    plotImage plotHist valrange flipaxis invert cb scalebar axes clickinspect clf colormap perc gauss
    name transform invtransform lower upper base
    noise var std SNR floor ceiling nvar gain readnoise snoise
    biasframe biasregion overscan overscanaxis overscanfit interactive combinemethod trim save lastimage lastcurve
    plInteract plProcess Pipeline PipelineElement feed extract process
    method shifts shiftorder sigclip mask combineImages flatfield combine
    ival limits percentage sigma fullsig thresh comp action frac gmin gminp1 min minp1
    row titles noticks logify imdict bands z zeropoints pixelareas retdict offset
    mean median noclipmean noclipmedian fullmean fullmedian
    """,
)
SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| old")]
WORD = re.compile(r"`([^`]+)`")


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


@pytest.mark.parametrize("name", NAMES)
def test_every_old_name_has_a_row(name: str) -> None:
    words = {re.split(r"[(]", word)[0] for row in ROWS for word in WORD.findall(cells(row)[0])}
    assert name in words


@pytest.mark.parametrize("row", ROWS)
def test_a_row_says_what_does_the_work_now(row: str) -> None:
    assert len(cells(row)) == 3
    now = cells(row)[1]
    homes = (ccdfx, plots, scalings)
    for word in WORD.findall(now):
        last = word.rsplit(".", 1)[-1]
        assert any(hasattr(home, last) for home in homes), f"there is no {word}"
    assert WORD.findall(now) or "example:" in now or now in ("return values",)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda text: text.split("\n", 1)[0])
def test_what_a_section_names_now_is_used_in_its_examples(section: str) -> None:
    """Each function of the middle column runs in an example of the section, or its row waits for one."""
    code = "".join(re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
    for row in section.splitlines():
        if row in ROWS:
            now = cells(row)[1]
            used = [word for word in WORD.findall(now) if re.search(rf"\b{re.escape(word)}\b", code)]
            assert used or "example:" in now or now == "return values", row
