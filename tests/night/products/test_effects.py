"""Effects that a night does not correct are said once where its frames show them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ccdfx.night.run import reduce_night


def lamp_flats(camera, loss):
    """Three flats each of 1 s and 6 s; `loss` is the part lost at 30,000 electrons."""
    for i, exptime in enumerate((1, 1, 1, 6, 6, 6)):
        light = 8000.0 * exptime * camera.flat
        camera.write(f"f{i}.fits", "flat", light * (1 - loss * light / 3e4), exptime=exptime, filter="V")


def of_effect(night, name):
    return [one for one in night.facts["ignored"] if one["effect"] == name]


@pytest.mark.quick
@pytest.mark.parametrize("loss", [0.0, 0.04])
def test_nonlinearity_that_flats_show_is_said(camera, out, loss):
    camera.biases()
    camera.darks(3, exptime=1.0, prefix="ka")
    camera.darks(3, exptime=6.0, prefix="kb")
    lamp_flats(camera, loss)
    camera.science("s.fits")
    night = reduce_night(camera.folder, out)
    (found,) = of_effect(night, "nonlinearity")
    said = [text for text in night.facts["warnings"] if text.startswith("nonlinearity of")]
    assert found["state"] == ("seen" if loss else "not seen") and found["filter"] == "V"
    assert len(said) == (1 if loss else 0)
    assert json.loads((out / "night.json").read_text())["ignored"] == night.facts["ignored"]
    assert found["text"] in (out / "report.html").read_text()


def test_flats_of_one_exposure_tell_nothing_which_is_no_warning(done):
    _, night, _ = done
    (found,) = of_effect(night, "nonlinearity")
    assert found["state"] == "not measurable"
    assert not any("linear" in text for text in night.facts["warnings"])
    assert not of_effect(night, "dark current")  # there are darks


@pytest.mark.parametrize("hot", [0, 30])
def test_dark_current_is_said_where_no_dark_takes_it_away(camera, out, hot):
    camera.biases()
    camera.flats()
    places = np.random.default_rng(3).integers(8, 88, (2, hot))
    plain = camera.scene

    def scene(*args):
        light = plain(*args) * 0.2
        light[tuple(places)] += 500
        return light

    camera.scene = scene
    for i, (dx, dy) in enumerate([(0, 0), (12.3, -9.6), (-13.4, 8.2), (6.0, 14.0)]):
        camera.science(f"s{i}.fits", dx=dx, dy=dy)
    night = reduce_night(camera.folder, out)
    (found,) = of_effect(night, "dark current")
    assert found["state"] == ("seen" if hot else "not seen"), found
    assert any(text.startswith("dark current of") for text in night.facts["warnings"]) == bool(hot)


@pytest.mark.parametrize("amplitude", [0.0, 0.03])
def test_fringes_of_two_fields_are_said(camera, out, amplitude):
    camera.biases()
    camera.flats()
    y, x = np.mgrid[:96, :120]
    fringes = 1 + amplitude * np.sin((x + 0.5 * y) / 5.0)
    plain = camera.scene
    camera.scene = lambda dx, dy: 0.2 * plain(dx, dy) + 4000.0 * fringes - 400.0
    for i, (name, dx, dy) in enumerate([("one", 0, 0), ("two", 30.0, -25.0), ("three", -35.0, 28.0)]):
        camera.science(f"s{i}.fits", dx=dx, dy=dy, object=name)
    night = reduce_night(camera.folder, out)
    (found,) = of_effect(night, "fringes")
    assert found["state"] == ("seen" if amplitude else "not seen"), found
    assert any(text.startswith("fringes of") for text in night.facts["warnings"]) == bool(amplitude)
