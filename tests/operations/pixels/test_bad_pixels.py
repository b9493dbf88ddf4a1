"""Bad pixels of simulated detectors: what is found, and that neither stars nor structure are."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import Defects, Header, Image, find_bad_pixels, mask_from, mask_saturated
from ccdfx.errors import ArgumentError, CcdfxError, MismatchError

SIZE, SKY, READNOISE = 192, 300.0, 5.0
NOISE = (SKY + READNOISE**2) ** 0.5
KIND = {kind: code for code, kind in enumerate(("column", "dead", "low", "hot", "deviant"), 1)}


def stars(rng, count, frames, *, fwhm, dither):
    """Frames of stars of all brightnesses, at rest but for a tenth of a pixel, or dithered by up to 12 pixels."""
    places, fluxes = rng.uniform(-10, SIZE + 10, (count, 2)), 10 ** rng.uniform(2.5, 6, count)
    y, x = np.mgrid[:SIZE, :SIZE]
    found = []
    for _ in range(frames):
        step = rng.uniform(-12, 12, 2) if dither else rng.normal(0, 0.1, 2)
        scene = np.full((SIZE, SIZE), SKY)
        for (a, b), flux in zip(places + step, fluxes, strict=True):
            along_x = np.exp(-4 * np.log(2) * (x[0] - a) ** 2 / fwhm**2)
            along_y = np.exp(-4 * np.log(2) * (y[:, 0] - b) ** 2 / fwhm**2)
            scene += flux * 4 * np.log(2) / np.pi / fwhm**2 * np.outer(along_y, along_x)
        found.append(rng.poisson(scene) + rng.normal(0, READNOISE, scene.shape))
    return found


def defects(rng):
    """Columns of -1.2, 1.5, -9 and 8 sigma of a frame, the last two adjacent, and 40 single pixels."""
    map_ = np.zeros((SIZE, SIZE))
    map_[:, 30] = -1.2
    map_[40:150, 60] = 1.5
    map_[:, 90], map_[:, 91] = -9, 8
    places = rng.integers(5, SIZE - 5, (2, 40))
    map_[tuple(places)] = rng.choice([-6.0, 6.0, 30.0], 40)
    return map_


@pytest.mark.quick
def test_columns_and_pixels_are_found_between_dithered_stars():
    rng = np.random.default_rng(1)
    true = defects(rng)
    frames = [frame + NOISE * true for frame in stars(rng, 40, 6, fwhm=3.0, dither=True)]
    found = find_bad_pixels(frames=frames, fwhm=3.0)
    assert isinstance(found, Defects) and not found.notes
    for column in (30, 90, 91):
        assert np.mean(found.kinds[:, column] == KIND["column"]) > 0.95, column
    assert np.mean(found.kinds[40:150, 60] != 0) > 0.9
    alone = (np.abs(true) >= 6) & (np.arange(SIZE) != 90) & (np.arange(SIZE) != 91)
    assert np.mean(found.kinds[alone] != 0) > 0.9
    assert np.all(np.isin(found.kinds[alone & (true > 0)], [0, KIND["hot"], KIND["column"]]))
    assert np.count_nonzero(found.kinds[true == 0]) < 0.002 * true.size
    assert sum(found.counts.values()) == np.count_nonzero(found.mask)
    flagged = mask_from(frames[0], bad_pixels=found.mask)
    assert np.array_equal(flagged.mask, found.mask) and set(np.unique(found.mask)) == {0, 1}


@pytest.mark.parametrize(
    ("fwhm", "count", "frames"), [(2.0, 75, 6), (3.0, 75, 6), (3.0, 400, 6), (5.0, 75, 4)]
)
def test_stars_at_rest_are_no_defects(fwhm, count, frames):
    rng = np.random.default_rng(7)
    clean = find_bad_pixels(frames=stars(rng, count, frames, fwhm=fwhm, dither=False), fwhm=fwhm)
    assert np.count_nonzero(clean.kinds) < (4e-4 if count < 100 else 2e-3) * SIZE**2
    true = defects(rng)
    scene = stars(rng, 30, frames, fwhm=fwhm, dither=False)
    found = find_bad_pixels(frames=[frame + NOISE * true for frame in scene], fwhm=fwhm)
    assert np.mean(found.kinds[:, 90:92] != 0) > 0.7


@pytest.mark.parametrize("fwhm", [2.5, 4.0])
def test_the_rims_of_saturated_stars_at_rest_are_no_defects(fwhm):
    rng = np.random.default_rng(5)
    scene = stars(rng, 75, 5, fwhm=fwhm, dither=False)
    for frame in scene:
        frame[20, 30] += 8 * NOISE
    frames = [mask_saturated(np.minimum(frame, 2000.0), saturation=2000.0) for frame in scene]
    assert min(np.count_nonzero(frame.mask) for frame in frames) > 200
    found = find_bad_pixels(frames=frames, fwhm=fwhm)
    assert np.count_nonzero(found.kinds) < 2e-3 * SIZE**2 and found.kinds[20, 30] == KIND["hot"]


def test_undersampled_stars_hide_single_pixels_which_a_note_says():
    rng = np.random.default_rng(3)
    frames = stars(rng, 75, 5, fwhm=1.1, dither=False)
    found = find_bad_pixels(frames=frames, fwhm=1.1)
    assert np.count_nonzero(found.kinds) < 1e-3 * SIZE**2
    assert any("1.1 pixels" in note for note in found.notes)


class Source:
    """A frame that is read when it is asked for."""

    def __init__(self, array, read):
        self.image, self.read, self.name = Image(array), read, "source"

    def select(self, window=None):
        self.read.append(window)
        return self.image

    def close(self):
        pass


def test_sources_and_iterators_are_read_once_and_give_what_images_give():
    rng = np.random.default_rng(1)
    frames = [frame + NOISE * defects(rng) for frame in stars(rng, 40, 5, fwhm=3.0, dither=True)]
    dark = rng.normal(0, 5.0, (SIZE, SIZE))
    dark[10, 10] = 400.0
    read = []
    expected = find_bad_pixels(darks=dark, frames=frames, fwhm=3.0)
    found = find_bad_pixels(darks=Source(dark, read), frames=(Source(one, read) for one in frames), fwhm=3.0)
    assert expected.kinds[10, 10] and len(read) == 6
    np.testing.assert_array_equal(found.kinds, expected.kinds)


def test_large_frames_are_searched_as_small_ones():
    rng = np.random.default_rng(1)
    frames = rng.normal(SKY, NOISE, (5, 780, 780))
    frames[:, :, 40] -= 0.8 * NOISE
    frames[:, 300, 400] += 8 * NOISE
    found = find_bad_pixels(frames=list(frames))
    assert found.counts["hot"] == 1 and np.mean(found.kinds[:, 40] == KIND["column"]) > 0.95
    assert np.count_nonzero(found.kinds) < 782


def test_flagged_pixels_of_single_frames_are_not_used():
    rng = np.random.default_rng(8)
    frames = rng.normal(SKY, NOISE, (5, 100, 100))
    frames[:3, 20, 20] += 50 * NOISE
    frames[:, 40, 40] += 50 * NOISE
    flags = np.zeros(frames.shape, bool)
    flags[:3, 20, 20] = True
    flags[:2, 40, 40] = True
    frames[0, 70:73, 10:60] = np.nan
    found = find_bad_pixels(
        frames=[Image(frame, mask=flag) for frame, flag in zip(frames, flags, strict=True)]
    )
    assert found.counts == {"column": 0, "dead": 0, "low": 0, "hot": 1, "deviant": 0}
    assert found.kinds[40, 40] == KIND["hot"]


def test_noise_alone_has_no_bad_pixels():
    counts = 0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        counts += np.count_nonzero(
            find_bad_pixels(frames=list(rng.normal(SKY, NOISE, (5, SIZE, SIZE)))).kinds
        )
        counts += np.count_nonzero(find_bad_pixels(biases=rng.normal(0, 5, (SIZE, SIZE))).kinds)
    assert counts <= 1


def test_what_single_frames_have_is_no_defect():
    rng = np.random.default_rng(2)
    frames = rng.normal(SKY, NOISE, (5, SIZE, SIZE))
    frames[0, 20, 30:90] += 5000  # a trail
    frames[1:3, 50, 50] += 900  # cosmic rays at one place
    assert not find_bad_pixels(frames=list(frames)).mask.any()


def test_the_wings_of_stars_between_three_close_places_are_few_defects():
    """Dithers of a width: in three frames wings lie on the same pixels, of which few are of one brightness."""
    y, x = np.mgrid[:128, :128]
    false = found = 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        stars, flux = rng.uniform(6, 122, (40, 2)), rng.uniform(2e4, 1.2e5, 40)
        hot = np.zeros((128, 128), bool)
        hot[tuple(rng.integers(4, 124, (2, 30)))] = True
        frames = []
        for dx, dy in ((0, 0), (2.3, -1.6), (-3.4, 2.2)):
            sky = sum(
                f / 10.6 * np.exp(-((x - a - dx) ** 2 + (y - b - dy) ** 2) / 3.38)
                for (a, b), f in zip(stars, flux, strict=True)
            )
            frames.append(rng.poisson(600 + sky) + rng.normal(0, 6, hot.shape) + 1500.0 * hot)
        bad = find_bad_pixels(frames=frames, fwhm=3.0).kinds != 0
        false, found = false + np.count_nonzero(bad & ~hot), found + np.count_nonzero(bad & hot)
    assert false <= 4 and found >= 100  # of 120


def test_two_frames_have_no_majority_which_a_note_says():
    found = find_bad_pixels(frames=[np.ones((20, 20)), np.ones((20, 20))])
    assert "no majority" in found.notes[0] and not found.mask.any()


def test_a_master_is_judged_by_the_noise_of_its_frames():
    rng = np.random.default_rng(4)
    dark = rng.normal(0, 1.0, (SIZE, SIZE))
    dark[10, 10], dark[20, 20], dark[:, 40], dark[30, 30] = 8.0, 40.0, 60.0, -50.0
    header = Header([("NCOMBINE", 25)])
    found = find_bad_pixels(darks=Image(dark, header=header))
    assert found.kinds[10, 10] == 0  # its charge is below the noise of one dark, 5
    assert found.kinds[20, 20] == KIND["hot"]
    assert np.all(found.kinds[:, 40] == KIND["column"])
    assert found.kinds[30, 30] == KIND["deviant"]
    assert find_bad_pixels(biases=dark).kinds[10, 10] == KIND["hot"]


def test_charge_that_the_dark_takes_away_is_no_defect_where_the_gain_is_known():
    dark = np.random.default_rng(4).normal(0, 5.0, (SIZE, SIZE))
    dark[10, 10], dark[20, 20] = 500.0, 60000.0  # the sky has 20 ADU of noise: 99 x 2 x 400 = 79200 ADU
    known = {"gain": 2.0, "noise": 20.0}
    assert find_bad_pixels(darks=dark).counts["hot"] == 2
    assert find_bad_pixels(darks=dark, **known).counts["hot"] == 0
    dark[20, 20] = 79500.0
    assert find_bad_pixels(darks=dark, **known).kinds[20, 20] == KIND["hot"]


def test_flats_have_dead_and_low_pixels_but_no_edges():
    rng = np.random.default_rng(5)
    flat = 20000 * (1 + 0.2 * np.sin(np.arange(SIZE) / 40))[:, None] * np.ones(SIZE)
    flat[:60] *= 0.3  # behind an edge
    flat[100, 100], flat[110, 110], flat[120, 120:122], flat[130, 130] = 500, 7000, 6000, 16000
    flat = rng.poisson(flat).astype(float)
    found = find_bad_pixels(flats=flat)
    assert found.kinds[100, 100] == KIND["dead"]
    assert found.kinds[110, 110] == KIND["low"] == found.kinds[120, 120] == found.kinds[120, 121]
    assert found.counts == {"column": 0, "dead": 1, "low": 3, "hot": 0, "deviant": 0}


def test_two_flats_show_columns_that_are_not_linear():
    rng = np.random.default_rng(6)
    response = rng.normal(1, 0.02, (SIZE, SIZE))
    flats = [rng.poisson(level * response).astype(float) for level in (40000, 10000)]
    flats[1][:, 77] -= 60  # electrons that a trap keeps
    found = find_bad_pixels(flats=flats)
    assert np.mean(found.kinds[:, 77] == KIND["column"]) > 0.9
    assert np.count_nonzero(np.delete(found.kinds, 77, axis=1)) == 0
    assert not find_bad_pixels(flats=flats[1]).mask.any()  # one level does not tell


def test_a_matrix_of_colour_filters_is_structure():
    flat = np.full((SIZE, SIZE), 30000.0)
    flat[::2, ::2] = 9000.0
    found = find_bad_pixels(flats=np.random.default_rng(1).poisson(flat).astype(float))
    assert not found.mask.any()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({}, "images"),
        ({"sigma_limit": 0}, "sigma_limit"),
        ({"low": 2}, "low"),
        ({"dead": -1}, "dead"),
        ({"fwhm": 0}, "fwhm"),
    ],
)
def test_nonsense_is_refused(options, word):
    given = {"flats": np.ones((20, 20))} if options else {}
    with pytest.raises(CcdfxError, match=word):
        find_bad_pixels(**given, **options)


def test_images_that_do_not_fit_are_refused():
    with pytest.raises(MismatchError):
        find_bad_pixels(biases=np.ones((20, 20)), flats=np.ones((20, 21)))
    with pytest.raises(ArgumentError, match="7 x 7"):
        find_bad_pixels(biases=np.ones((5, 5)))


def columns_of_sky(columns, deviation, slope=0.0):
    """Frames of a sky of noise 30, with columns that deviate."""
    rng = np.random.default_rng(3)
    frames = [rng.normal(1000 + slope * np.arange(100), 30, (100, 100)) for _ in range(6)]
    for frame in frames:
        frame[:, columns] += deviation
    return frames


@pytest.mark.parametrize("slope", [3.0, 10.0])
def test_a_slope_of_the_sky_makes_no_bad_columns_at_the_edges(slope):
    for fwhm in (3.0, 5.0):
        assert not find_bad_pixels(frames=columns_of_sky([], 0, slope), fwhm=fwhm).mask.any()


@pytest.mark.parametrize("columns", [[0], [0, 1], [98, 99]])
def test_bad_columns_at_the_edge_are_found(columns):
    found = find_bad_pixels(frames=columns_of_sky(columns, -300), fwhm=3.0)
    assert found.kinds[:, columns].all() and np.count_nonzero(found.kinds) == 100 * len(columns)


@pytest.mark.parametrize("columns", [[0, 1], [98, 99]])
def test_two_weak_columns_at_the_edge_are_found(columns):
    found = find_bad_pixels(frames=columns_of_sky(columns, -30), fwhm=3.0)
    assert np.mean(found.kinds[:, columns] != 0) > 0.95
    assert not np.delete(found.kinds, columns, axis=1).any()


def test_good_columns_beside_three_bad_ones_are_not_flagged():
    found = find_bad_pixels(frames=columns_of_sky([50, 51, 52], -300), fwhm=3.0)
    assert not found.kinds[:, :50].any() and not found.kinds[:, 53:].any()
