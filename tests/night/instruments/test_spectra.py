"""Headers of spectra, and of images through spectrographs."""

from __future__ import annotations

import pytest

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.spectra import SpectrumRule, spectrum_of
from ccdfx.records.header import Header


@pytest.mark.quick
@pytest.mark.parametrize(
    ("cards", "found"),
    [
        ({"ESO DPR TECH": "MOS"}, ("unknown", ())),
        ({"ESO DPR TECH": "ECHELLE", "DISPAXIS": 1}, ("rows", ())),
        (
            {"ESO DPR TECH": "IMAGE", "ESO INS GRIS1 NAME": "Gr#1"},
            None,
        ),  # the wheel was not moved, or an image of the slit
        ({"GRATING": "<NO GRATING>", "SLIT": "<NO MASK>"}, None),
        ({"GRATING": "NO_GRATING"}, None),
        ({"GRATING": "MIRROR", "DISPAXIS": 1}, None),
        ({"GRISM": "Open (Lyot)"}, None),
        ({"GRISM": 3}, None),  # a place in a wheel, which may be empty
        ({"GRISNAME": "600/4000", "SLITNAME": "long_1.0"}, ("unknown", ("600/4000", "slit long_1.0"))),
        ({"GRATING": "400_SYZY", "SLITWID": 1.032, "DISPAXIS": "2"}, ("columns", ("400_SYZY", "slit 1.0"))),
        ({"DISPAXIS": 2}, ("columns", ())),
        ({"DISPAXIS": 0}, None),
        ({}, None),
    ],
)
def test_a_spectrum_is_told_by_what_is_in_the_beam(cards, found):
    spectrum = spectrum_of(Header(cards), "science")
    assert (None if spectrum is None else (spectrum.dispersion, spectrum.elements)) == found
    assert spectrum_of(Header(cards), "bias") is None
    assert spectrum_of(Header(cards), "arc") is not None


def test_the_axis_may_be_in_a_keyword_of_the_instrument():
    rule = SpectrumRule(dispersion="AXIS")
    assert spectrum_of(Header({"AXIS": "Y"}), "arc", rule).dispersion == "columns"
    assert spectrum_of(Header(), "arc", rule).dispersion == "unknown"
    with pytest.raises(ArgumentError, match="header keyword AXIS: must be 1 or x"):
        spectrum_of(Header({"AXIS": 3}), "arc", rule)
