"""Masters whose inputs are calibrated as the stack reads them have the bytes of those of inputs held in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

import ccdfx
from ccdfx.night.instruments.instrument import BadPixels
from ccdfx.night.products import master_inputs
from ccdfx.night.run import reduce_night
from ccdfx.records.image import Image
from ccdfx.records.range import Range

IRAF = ccdfx.load_instrument("iraf")
BAD = replace(IRAF, bad_pixels=(BadPixels(columns=(17,), sections=(Range(30, 50, 40, 42),)),))
WITHOUT = {"BIASSEC": None, "TRIMSEC": None}
FITTED = {"overscan": {"fit": {"function": "chebyshev", "order": 2}}}
NIGHTS = {
    "overscan": ({}, {}, None),
    "fit": ({}, FITTED, None),
    "drifting levels": (WITHOUT, {}, None),
    # Some pixels of the brightest flat are saturated.
    "trimmed": ({"BIASSEC": None, "TRIMSEC": "[5:113,3:90]", "SATURATE": 19500.5}, {}, None),
    "trimmed on all sides": ({"TRIMSEC": "[5:113,3:90]"}, {}, None),
    "overscan of columns": ({"BIASSEC": "[1:128,89:96]", "TRIMSEC": "[1:120,1:88]"}, {}, None),
    "overscan of some lines": ({"BIASSEC": "[121:128,5:90]", "TRIMSEC": "[1:120,9:86]"}, {}, None),
    "no noise": ({"GAIN": None, "RDNOISE": None}, {}, None),
    "bad pixels": ({}, {}, BAD),
    "second image": ({}, {}, replace(IRAF, hdu=1)),
}


def into_second_image(folder) -> None:
    """Move the frames behind an empty one, and before another image."""
    for path in folder.iterdir():
        with fits.open(path) as hdus:
            data, header = hdus[0].data.copy(), hdus[0].header
        several = [
            fits.PrimaryHDU(header=header),
            fits.ImageHDU(data, header),
            fits.ImageHDU(np.ones((9, 9))),
        ]
        path.unlink()
        fits.HDUList(several).writeto(path)


def darken(folder) -> None:
    """Cover the upper lines, which are the overscan of the columns."""
    for path in folder.iterdir():
        with fits.open(path, mode="update") as hdus:
            hdus[0].data[88:, :120] = hdus[0].data[88:, 120:121]


def masters_of(camera, out, held, memory, monkeypatch, **options) -> dict[str, bytes]:
    """Reduce the masters of a night with memory for some bytes of inputs, and return their bytes."""
    plain = master_inputs.rows_or_image

    def noted(*arguments, **given):
        row = plain(*arguments, **given)
        held.append(isinstance(row, Image))
        return row

    with monkeypatch.context() as patch:
        patch.setattr(master_inputs, "MEMORY", memory)
        patch.setattr(master_inputs, "rows_or_image", noted)
        night = reduce_night(camera.folder, out, only="masters", **options)
    assert ("no_noise" in out.parts) is (night.facts["noise"][0]["gain"] is None)
    assert night.facts["masters"] and not night.facts["lost"], night.facts["warnings"]
    return {path.name: path.read_bytes() for path in sorted((out / "masters").glob("*.fits"))}


def test_masters_do_not_depend_on_what_is_held_in_memory(camera, tmp_path, monkeypatch):
    camera.biases(3)
    one = Image(np.zeros((96, 120), np.float32), mask=np.zeros((96, 120), np.uint8))
    room = 2 * master_inputs.bytes_of(one.replace(variance=np.zeros((96, 120), np.float32)))
    ends = []
    for number, (memory, wanted) in enumerate(
        [(0, [False] * 3), (room, [True, True, False]), (1 << 30, [True] * 3)]
    ):
        held: list[bool] = []
        ends.append(masters_of(camera, tmp_path / str(number), held, memory, monkeypatch))
        assert held == wanted
    assert ends[0] == ends[1] == ends[2] and list(ends[0])


@pytest.mark.quick
@pytest.mark.parametrize("kind", NIGHTS)
def test_inputs_read_by_rows_make_the_same_masters(camera, tmp_path, monkeypatch, kind):
    cards, recipe, instrument = NIGHTS[kind]
    levels = [1000.0, 1000.0, 1000.0] if cards.get("BIASSEC", "") is not None else [1000.0, 1004.0, 995.0]
    for number, level in enumerate(levels):
        camera.write(f"b{number}.fits", "zero", level=level, **cards)
        camera.write(f"k{number}.fits", "dark", level=level, exptime=60.0, **cards)
    camera.darks(3, exptime=2.0, prefix="kf", **cards)
    camera.flats(1 if kind == "no noise" else 3, **cards)  # of one the gain cannot be measured
    camera.science("s.fits", **cards)
    if kind == "second image":
        into_second_image(camera.folder)
    if kind == "overscan of columns":
        darken(camera.folder)
    ends = []
    for name, memory in (("rows", 0), ("memory", 1 << 30)):
        held: list[bool] = []
        options = {"recipe": recipe, "instrument": instrument}
        ends.append(
            masters_of(camera, tmp_path / kind.replace(" ", "_") / name, held, memory, monkeypatch, **options)
        )
        # Lines without overscan are trimmed first, so such frames are held however little memory there is.
        assert set(held) == {name == "memory" or kind == "overscan of some lines"}
    assert list(ends[0]) == list(ends[1]) and len(ends[0]) >= 4
    assert [name for name in ends[0] if ends[0][name] != ends[1][name]] == []
