"""Nights of a detector that is read by several amplifiers: one image, without steps, in electrons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_readouts import steps_at_borders

import ccdfx
from ccdfx import FormatError
from ccdfx.night.frames.frame import Frame
from ccdfx.night.products.calibrated import prepared
from ccdfx.night.readouts.frames import assembled_frame
from ccdfx.night.readouts.reading import balanced, open_assembled, read_assembled
from ccdfx.night.settings.choices import NightRecipe

SKY = 2500.0


@pytest.fixture
def reduced(four, read_as, tmp_path):
    """The night, with gains of the headers and read noise and saturation that nobody states."""
    readouts = tuple(replace(one, readnoise=None, saturation=None) for one in four.detector.readouts)
    read_as(readouts)
    return ccdfx.reduce_night(four.folder, tmp_path / "out"), readouts


def test_the_night_is_the_truth(four, reduced, read_as, tmp_path, monkeypatch) -> None:
    night, readouts = reduced
    assert night.status == 0 and [text[:14] for text in night.facts["warnings"]] == ["no dark of 2 s"]
    bias = ccdfx.read(night.output / "masters/bias.fits")
    assert bias.unit == "electron" and bias.shape == four.shape
    assert max(abs(bias.array[one.place.slices].mean()) for one in readouts) < 0.3
    residuals = []
    for i, (dx, dy) in enumerate([(0, 0), (2.3, -1.6), (-3.4, 2.2)]):
        image = ccdfx.read(night.output / f"calibrated/s{i}.fits")
        assert image.unit == "electron" and image.header["GAIN"] == 1.0
        off = np.where(image.good, image.array - four.scene(dx, dy), 0.0)
        pulls = (off / np.sqrt(image.variance))[image.good & (four.scene(dx, dy) < 1.05 * SKY)]
        assert 0.97 < pulls.std() < 1.03
        residuals.append(off)
    steps = steps_at_borders(np.mean(residuals, axis=0), readouts)
    assert len(steps) == 4 and max(map(abs, steps)) < 1e-3 * SKY
    (noise,) = night.facts["noise"]
    assert noise["setup"].endswith("4 readouts") and noise["gain"] == 1.0
    for told, one in zip(noise["readouts"], four.detector.readouts, strict=True):
        assert told["gain"] == pytest.approx(one.gain) and told["gain_source"] == "header"
        assert (
            told["readnoise"] == pytest.approx(one.readnoise, rel=0.1)
            and told["readnoise_source"] == "measured"
        )
        assert 780 < told["level"] < 1400
    # The sky is even, so that a step is of its level: those that are added are taken out again.
    whole = ccdfx.read(night.output / "calibrated/s0.fits")
    stepped = whole.replace(
        array=whole.array + np.where(np.arange(four.shape[1]) < 80, 0.0, 30.0).astype(np.float32)
    )
    frame = assembled_frame(Frame(path=four.folder, file="s0.fits", readouts=readouts))
    done = balanced(stepped, frame)
    assert done.header["RDOFF2"] - done.header["RDOFF1"] == pytest.approx(30.0, abs=3.0)
    assert "balance (readouts=[A0,A1,A2,A3])" in str(done.header.history)
    # By rows, no frame in memory: the same bytes.
    monkeypatch.setattr("ccdfx.night.products.master_inputs.MEMORY", 0)
    ccdfx.reduce_night(four.folder, tmp_path / "rows", only="masters")
    for file in ("masters/bias.fits", "masters/flat_V.fits"):
        assert (tmp_path / "rows" / file).read_bytes() == (night.output / file).read_bytes()
    # What of the readouts changes decides what is made again.
    again = ccdfx.reduce_night(four.folder, night.output, dry_run=True)
    assert not any(again.made.values())
    read_as((replace(readouts[0], linearity=ccdfx.Linearity(polynomial=(1.0, 1e-9))), *readouts[1:]))
    again = ccdfx.reduce_night(four.folder, night.output, dry_run=True)
    assert again.made["masters/bias.fits"] and again.made["calibrated/s0.fits"]


@pytest.mark.quick
def test_rows_of_a_frame_are_those_of_the_whole_and_bad_readouts_are_named(four) -> None:
    raw = Frame(path=four.folder / "s0.fits", file="s0.fits", kind="science", readouts=four.detector.readouts)
    frame = assembled_frame(raw)
    assert frame.shape == four.shape and frame.has_overscan
    assert not assembled_frame(raw, overscan=False).has_overscan
    whole = read_assembled(frame, NightRecipe())
    assert "A0,A1,A2,A3" in str(whole.header.history)
    with open_assembled(frame, NightRecipe()) as source:
        part = source.select((5, 150, 90, 110))
    assert np.array_equal(part.array, whole.array[90:110, 5:150]) and part.header["BUNIT"] == "electron"
    first, *others = four.detector.readouts
    lost = replace(frame, readouts=(replace(first, hdu="AMP9"), *others))
    with pytest.raises(FormatError, match=r"s0.fits: must hold the readouts of its detector.*AMP9.*it has 0"):
        read_assembled(lost, NightRecipe())
    twice = assembled_frame(replace(raw, readouts=(replace(first, place=others[0].place), *others)))
    assert "must not overlap" in str(twice.problem)


@pytest.mark.quick
def test_one_readout_is_prepared_as_a_frame_of_one_amplifier(tmp_path, make_camera) -> None:
    """The way of several readouts gives the numbers of the ordinary one, in electrons and with the read noise."""
    camera = make_camera(tmp_path)
    camera.science("s.fits")
    (frame,) = ccdfx.scan(tmp_path)
    ordinary = prepared(frame, NightRecipe())
    one = ccdfx.Readout(
        name="1", window=ccdfx.Range.whole(frame.shape), data=frame.data, place=ordinary.range, bias=(frame.overscan,),
        gain=frame.gain.value, readnoise=frame.readnoise.value,
    )  # fmt: skip
    done = prepared(assembled_frame(replace(frame, readouts=(one,))), NightRecipe())
    assert one.gain == 2.0 and np.array_equal(done.array, 2.0 * ordinary.array)
    np.testing.assert_allclose(done.variance, 4.0 * ordinary.variance + one.readnoise**2, rtol=1e-6)
    assert done.header["CALSTAT"] == ordinary.header["CALSTAT"] and done.unit == "electron"


def test_an_amplifier_that_gave_nothing_is_refused(four, tmp_path) -> None:
    from astropy.io import fits

    path = tmp_path / "dead.fits"
    with fits.open(four.folder / "s0.fits") as hdus:
        hdus[3].data[:] = 0
        hdus.writeto(path)
    frame = assembled_frame(Frame(path=path, file="dead.fits", readouts=four.detector.readouts))
    with pytest.raises(FormatError, match="image of readout A2, whose middle rows have one value"):
        open_assembled(frame, NightRecipe())
