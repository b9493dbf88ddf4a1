"""Every public feature of `astropysics.ccd` has a row that says what does its work now, with an example that runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ccdfx
from ccdfx import plots, registry, scalings

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
PLUGINS = ("plugin ccdfx-hdf5", "plugin ccdfx-kcorrect")  # packages of their own, with examples of their own
WORD = re.compile(r"`([^`]+)`")


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


@pytest.mark.parametrize("name", NAMES)
def test_every_old_name_has_a_row(name: str) -> None:
    words = {re.split(r"[(]", word)[0] for row in ROWS for word in WORD.findall(cells(row)[0])}
    assert name in words


@pytest.mark.parametrize("row", ROWS)
def test_a_row_says_what_does_the_work_now_and_what_is_different(row: str) -> None:
    assert len(cells(row)) == 3
    _, now, different = cells(row)
    if now.startswith(PLUGINS):
        return
    homes = (ccdfx, plots, scalings, registry)
    for word in WORD.findall(now):
        last = word.rsplit(".", 1)[-1]
        assert any(hasattr(home, last) for home in homes), f"there is no {word}"
    assert different and WORD.findall(now)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda text: text.split("\n", 1)[0])
def test_all_that_a_section_names_now_runs_in_its_examples(section: str) -> None:
    """The examples of a page are executed by tests/test_docs.py."""
    blocks = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    code = "\n".join(
        line.split("#")[0] for line in "".join(blocks).splitlines() if line.startswith((">>>", "..."))
    )
    rows = [line for line in section.splitlines() if line in ROWS]
    assert rows
    for row in rows:
        if not cells(row)[1].startswith(PLUGINS):
            missing = [
                word for word in WORD.findall(cells(row)[1]) if not re.search(rf"\b{re.escape(word)}\b", code)
            ]
            assert not missing, row
