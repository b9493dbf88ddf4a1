"""Tables of an instrument file about readouts: read, or refused with key and rule."""

from __future__ import annotations

import pytest

from ccdfx.errors import ArgumentError, FormatError
from ccdfx.night.instruments.file import read_instrument
from ccdfx.night.instruments.readouts.find import find_readouts
from ccdfx.night.instruments.readouts.numbers import Numbers
from ccdfx.night.instruments.readouts.stored import StoredImage
from ccdfx.records.header import Header

HEAD = 'name = "m"\nmatch = { A = 1 }\nrules = [{ kind = "flat", when = { A = 1 } }]\n'
TWO = """
[[readout]]
name = "A"
hdu = {0}
data = "DATASEC"
bias = "BIASSEC"
gain = [ "GAINX", 1.5 ]
readnoise = 4
when = {{ A = 1 }}
[[readout]]
name = "B"
hdu = {1}
data = "[3:10,1:8]"
window = "[1:10,1:8]"
place = "[{2}:16,1:8]"
flip = "x"
saturation = 60000
detector = "{3}"
[crosstalk]
readouts = ["A", "B"]
matrix = [[0, 1e-4], [2e-4, 0]]
[[linearity]]
readout = "A"
polynomial = [1.0, 1e-6]
limit = 50000
[[linearity]]
table = [[0, 0], [1000, 1010]]
"""


def camera(text):
    return read_instrument(HEAD + text)


def images(**more):
    cards = {"A": 1, "DATASEC": "[1:8,1:8]", "BIASSEC": "[9:10,1:8]", "GAIN": 2.5}
    return [
        StoredImage(header=Header(cards | {"EXTNAME": name} | more), shape=(8, 10), hdu=number)
        for number, name in enumerate(("one", "two"), 1)
    ]


@pytest.mark.quick
def test_tables_describe_readouts():
    found = camera(TWO.format(1, '"TWO"', 9, "right"))
    assert found.crosstalk.row("B", ("A", "B")) == (2e-4, 0.0)
    assert [law.readout for law in found.linearity] == ["A", ""]
    a, b = find_readouts(images(), described=found.readouts, numbers=Numbers(gain=("GAIN",)))
    assert (a.name, a.hdu, a.gain, a.readnoise, a.bias[0].to_fits()) == ("A", 1, 1.5, 4.0, "[9:10,1:8]")
    assert (b.hdu, b.gain, b.saturation, b.detector, b.flip_x) == (2, 2.5, 60000.0, "right", True)
    assert b.place.to_fits() == "[1:8,1:8]" and b.window.to_fits() == "[1:10,1:8]"
    assert find_readouts(images(A=2), described=found.readouts[:1]) == ()  # its condition does not hold


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TWO.format(1, 3, 9, "right"), ("hdu of readout B", "one, two", "3")),
        (TWO.format(1, 2, 9, ""), ("place of readout A", "other HDUs")),
        (
            TWO.format(1, 2, 10, "right"),
            ("place of readout B", "the size of data of readout B", "[10:16,1:8]"),
        ),
        (TWO.format(1, 2, 9, "right").replace("[3:10", "[3:11"), ("data of readout B", "inside the image")),
        (TWO.format(1, 2, 9, "right").replace('"BIASSEC"', '"NOSEC"'), ("extension one, NOSEC", "readout A")),
        (
            TWO.format(1, 2, 9, "right").replace('"BIASSEC"', '"[8:9,1:8]"'),
            ("bias of readout A", "not overlap"),
        ),
    ],
)
def test_what_does_not_fit_the_frame_names_the_readout(text, words):
    text = text.replace('detector = ""', "")
    with pytest.raises(ArgumentError) as problem:
        find_readouts(images(), described=camera(text).readouts)
    for word in words:
        assert word in str(problem.value)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[readout]]\ndata = "DATASEC"', "readout.name: must be text"),
        ('[[readout]]\nname = "A"', "readout.data: must be a FITS section or"),
        ('[[readout]]\nname = "A"\ndata = "[0:1,1:2]"', "readout.data: must count pixels from 1"),
        ('[[readout]]\nname = "A"\ndata = "D"\nbias = [1]', "readout.bias: must be a FITS section"),
        ('[[readout]]\nname = "A"\ndata = "D"\nflip = "z"', "readout.flip: must be one of none, x, y, xy"),
        (
            '[[readout]]\nname = "A"\ndata = "D"\ngain = 0',
            "readout.gain: must be header keywords or positive",
        ),
        ('[[readout]]\nname = "A"\ndata = "D"\nside = "left"', "readout.side: is not a key here"),
        (
            '[[readout]]\nname = "A"\ndata = "D"\n[[readout]]\nname = "A"\ndata = "E"',
            "readout.name: must be of one",
        ),
        ('[crosstalk]\nreadouts = ["A", "B"]\nmatrix = [[0, 1]]', "crosstalk.matrix: must have 2 rows of 2"),
        (
            '[crosstalk]\nreadouts = ["A", "B"]\nmatrix = [[1, 0.1], [0, 0]]',
            "crosstalk.matrix: must have 0 on",
        ),
        (
            '[crosstalk]\nreadouts = ["A", "A"]\nmatrix = [[0, 0], [0, 0]]',
            "crosstalk.readouts: must be the diff",
        ),
        ("[crosstalk]\nmatrix = [[0, 0], [0, 0]]", "crosstalk.readouts: must be the names"),
        ("[linearity]\nlimit = 5", "linearity: must be a polynomial or a table"),
        ("[linearity]\npolynomial = [-1.0]", "linearity: must give a true signal that rises"),
        ("[linearity]\ntable = [[0, 0], [10, 0]]", "linearity: must give a true signal that rises"),
        ("[linearity]\ntable = [[0, 0, 1]]", "linearity.table: must be pairs"),
        ("[linearity]\npolynomial = [1.0]\nlimit = -1", "linearity.limit: must be finite and above 0"),
    ],
)
def test_wrong_tables_are_refused(text, words):
    with pytest.raises(FormatError) as problem:
        camera(text)
    assert words in str(problem.value)
