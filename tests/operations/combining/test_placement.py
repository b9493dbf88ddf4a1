"""Frames that lie side by side or over one another: offsets, union, intersection, sub-pixel steps, the WCS."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ccdfx
from ccdfx import placed

WCS = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 20.0, "CRPIX1": 30.0, "CRPIX2": 20.0,
    "CD1_1": -1e-4, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 1e-4,
}  # fmt: skip


def sky(shape=(60, 80), seed=0):
    return np.random.default_rng(seed).normal(500, 10, shape)


def windows(scene, corners, size=(20, 30)):
    """Frames cut out of a scene, without a word of where they come from."""
    return [scene[y : y + size[0], x : x + size[1]].copy() for x, y in corners]


@pytest.mark.quick
def test_a_union_gives_the_scene_back_and_says_where_nothing_is():
    scene, corners = sky(), [(0, 0), (25, 5), (10, 15)]
    result = ccdfx.stack(windows(scene, corners), offsets=corners, reject=None)
    assert result.value.shape == (35, 55)
    seen = result.count > 0
    assert np.allclose(result.value[seen], scene[:35, :55][seen], rtol=1e-12)
    assert (result.flags[~seen] == ccdfx.Flag.NO_DATA).all() and not result.flags[seen].any()
    assert result.count[17, 27] == 3 and result.count[0, 54] == 0


@pytest.mark.quick
def test_an_intersection_is_what_all_have():
    scene, corners = sky(), [(3, 4), (8, 0), (0, 9)]
    result = ccdfx.stack(windows(scene, corners), offsets=placed(corners, extent="intersection"), reject=None)
    assert (result.count == 3).all()
    assert np.allclose(result.value, scene[9:20, 8:30], rtol=1e-12)


def test_only_differences_of_offsets_count_and_the_first_frame_need_not_be_lowest():
    scene, corners = sky(), [(20, 10), (0, 0)]
    one = ccdfx.combine(windows(scene, corners), offsets=corners, reject=None)
    other = ccdfx.combine(windows(scene, corners), offsets=[(-100, 7), (-120, -3)], reject=None)
    assert np.array_equal(one.array, other.array)


def test_frames_of_unlike_shape_may_be_placed():
    frames = [np.ones((4, 6)), np.full((2, 3), 5.0)]
    result = ccdfx.combine(frames, offsets=[(0, 0), (1, 1)], reject=None)
    assert result.shape == (4, 6)
    assert result.array[1:3, 1:4].tolist() == [[3.0] * 3] * 2
    assert result.array.sum() == 18 + 6 * 3


@pytest.mark.parametrize("extent", ["union", "intersection"])
def test_sky_positions_stay(extent):
    corners = [(5, 3), (0, 0)]
    frames = [ccdfx.Image(cut, header=WCS) for cut in windows(sky(), corners)]
    result = ccdfx.combine(frames, offsets=placed(corners, extent=extent), reject=None)
    place = frames[0].wcs.pixel_to_world(10.0, 8.0)
    x, y = result.wcs.world_to_pixel(place)
    value = result.array[round(float(y)), round(float(x))]
    assert value == pytest.approx(sky()[8 + 3, 10 + 5], rel=1e-6)


def test_offsets_from_the_wcs():
    scene, corners = sky(), [(10, 10), (0, 4), (22, 0)]
    frames = [
        ccdfx.Image(cut, header={**WCS, "CRPIX1": 30.0 - x, "CRPIX2": 20.0 - y})
        for cut, (x, y) in zip(windows(scene, corners), corners, strict=True)
    ]
    result = ccdfx.combine(frames, offsets="wcs", reject=None)
    expected = ccdfx.combine(windows(scene, corners), offsets=corners, reject=None)
    assert np.array_equal(result.array, expected.array)


def test_offsets_from_a_wcs_with_its_axes_exchanged():
    header = {
        **WCS,
        "CTYPE1": "DEC--TAN",
        "CTYPE2": "RA---TAN",
        "CRVAL1": WCS["CRVAL2"],
        "CRVAL2": WCS["CRVAL1"],
    }
    header |= {
        "CD1_1": WCS.get("CD2_1", 0.0),
        "CD1_2": WCS["CD2_2"],
        "CD2_1": WCS["CD1_1"],
        "CD2_2": WCS.get("CD1_2", 0.0),
    }
    frames = [
        ccdfx.Image(np.ones((50, 50)), WCS),
        ccdfx.Image(np.ones((50, 50)), {**header, "CRPIX1": WCS["CRPIX1"] - 7}),
    ]
    assert ccdfx.combine(frames, offsets="wcs").shape == (50, 57)


def test_a_turned_frame_is_refused():
    turned = {**WCS, "CD1_1": -0.99e-4, "CD1_2": 0.14e-4, "CD2_1": 0.14e-4, "CD2_2": 0.99e-4}
    frames = [ccdfx.Image(np.ones((50, 50)), header=header) for header in (WCS, turned)]
    with pytest.raises(
        ccdfx.MismatchError, match=r"frames\[1\]: must have the first frame's scale and rotation"
    ):
        ccdfx.combine(frames, offsets="wcs")
    with pytest.raises(ccdfx.ArgumentError, match=r"frames\[1\]: must have a celestial WCS"):
        ccdfx.combine([frames[0], np.ones((50, 50))], offsets="wcs")


def stars(dx=0.0, dy=0.0, seed=1, shape=(120, 140)):
    rng = np.random.default_rng(7)
    y, x = np.mgrid[: shape[0], : shape[1]]
    scene = np.random.default_rng(seed).normal(100, 2, shape)
    for _ in range(25):
        u, v, peak = rng.uniform(10, shape[1] - 10), rng.uniform(10, shape[0] - 10), rng.uniform(200, 900)
        scene += peak * np.exp(-((x - u - dx) ** 2 + (y - v - dy) ** 2) / (2 * 1.6**2))
    return scene


def test_offsets_from_the_stars():
    frames = [stars(), stars(6.0, -3.0, seed=2), stars(-4.0, 5.0, seed=3)]
    found = ccdfx.combine(frames, offsets="stars")
    told = ccdfx.combine(frames, offsets=[(0, 0), (-6, 3), (4, -5)])
    assert np.array_equal(found.array, told.array)


def test_sub_pixel_steps_sharpen_what_whole_pixels_blur():
    steps = [(0.0, 0.0), (0.5, 0.4), (-0.4, 0.5), (0.45, -0.5)]
    frames = [stars(dx, dy, seed=i) for i, (dx, dy) in enumerate(steps)]
    offsets = [(-dx, -dy) for dx, dy in steps]
    blurred = ccdfx.combine(frames, offsets=placed(offsets, extent="intersection"), reject=None)
    sharp = ccdfx.combine(
        frames, offsets=placed(offsets, extent="intersection", kernel="spline"), reject=None
    )
    truth = stars(seed=0)[: sharp.shape[0], : sharp.shape[1]]
    assert sharp.array.max() > 1.03 * blurred.array.max()
    assert np.abs(sharp.array - truth).max() < 0.05 * truth.max()


@pytest.mark.parametrize("kernel", ["spline", "lanczos"])
def test_resampled_rows_are_those_of_shift(kernel):
    rng = np.random.default_rng(3)
    image = ccdfx.Image(
        rng.normal(100, 5, (90, 40)).astype("f4"),
        mask=rng.random((90, 40)) < 0.03,
        variance=rng.uniform(1, 2, (90, 40)).astype("f4"),
    )
    step = (0.3, -0.45)
    placement = placed([(0, 0), step], kernel=kernel)
    # Of two frames, one of them masked everywhere, what is left is the other one.
    nothing = ccdfx.Image(np.zeros((90, 40)), mask=np.ones((90, 40), bool), variance=np.ones((90, 40)))
    got = ccdfx.combine([nothing, image], offsets=placement, reject=None)
    expected = ccdfx.shift(image, dx=step[0], dy=step[1], kernel=kernel)
    good = expected.good
    assert np.array_equal(got.good, good)
    assert np.allclose(got.array[good], expected.array[good], rtol=1e-5)
    assert np.allclose(got.variance[good], expected.variance[good], rtol=1e-4)


def test_the_bytes_do_not_depend_on_tiles_or_threads():
    frames = [
        ccdfx.Image(np.where(sky(seed=i) > 520, np.nan, sky(seed=i)), mask=sky(seed=9 + i) > 525)
        for i in range(5)
    ]
    placement = placed([(0, 0), (1.3, 2.6), (-3.2, 4.9), (0.5, 0.5), (-1, -1)], kernel="lanczos")
    results = []
    for threads, memory in ((1, 2**28), (2, 2**19), (8, 2**20)):
        with ccdfx.engine(threads=threads, memory=memory):
            result = ccdfx.stack(frames, offsets=placement)
        results.append((result.value.tobytes(), result.flags.tobytes(), result.count.tobytes()))
    assert len(set(results)) == 1


def test_files_are_placed_like_arrays(tmp_path):
    scene, corners = np.round(sky()).astype("u2"), [(0, 0), (25, 5), (10, 15)]
    cuts = windows(scene, corners)
    for compress in ("a.fits", "a.npz"):
        paths = [ccdfx.write(ccdfx.Image(cut), tmp_path / f"{i}{compress}") for i, cut in enumerate(cuts)]
        sources = [ccdfx.open_source(path) for path in paths]
        with ccdfx.engine(memory=2**16, threads=1):
            got = ccdfx.combine(sources, offsets=corners, reject=None)
        assert np.array_equal(got.array, ccdfx.combine(cuts, offsets=corners, reject=None).array)


def test_variances_are_placed_too():
    scene, corners = sky((40, 30)), [(0, 0), (2, 18)]
    frames = [
        ccdfx.Image(cut, variance=np.full(cut.shape, v))
        for cut, v in zip(windows(scene, corners), (4.0, 8.0), strict=True)
    ]
    with ccdfx.engine(threads=1, memory=2**14):  # some rows have no pixel of one frame
        result = ccdfx.stack(frames, offsets=corners, reject=None)
    assert set(result.variance[result.count == 1]) == {4.0, 8.0}
    assert (result.variance[result.count == 2] == 3.0).all()
    assert (result.variance[result.count == 0] == np.inf).all()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=5),
    st.sampled_from(["union", "intersection"]),
)
def test_any_offsets_equal_a_plain_restatement(offsets, extent):
    shape = (12, 14)
    frames = [np.full(shape, float(2**j)) for j in range(len(offsets))]
    corners = np.array(offsets) - np.min(offsets, axis=0)
    canvas = np.zeros((12 + corners[:, 1].max(), 14 + corners[:, 0].max()))
    depth = np.zeros(canvas.shape, int)
    for frame, (x, y) in zip(frames, corners, strict=True):
        canvas[y : y + 12, x : x + 14] += frame
        depth[y : y + 12, x : x + 14] += 1
    common = depth == len(frames)
    if extent == "intersection" and not common.any():
        with pytest.raises(ccdfx.MismatchError, match="must share pixels with"):
            ccdfx.stack(frames, offsets=placed(offsets, extent=extent))
        return
    result = ccdfx.stack(frames, offsets=placed(offsets, extent=extent), reject=None, average=ccdfx.total())
    if extent == "intersection":
        rows, columns = np.flatnonzero(common.any(axis=1)), np.flatnonzero(common.any(axis=0))
        part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        canvas, depth = canvas[part], depth[part]
    assert np.array_equal(result.value, canvas)
    assert np.array_equal(result.count, depth)


def test_a_grid_counts_from_the_lower_left():
    tiles = [np.full((2, 3), float(i)) for i in range(4)]
    result = ccdfx.combine(tiles, offsets=ccdfx.grid(2, 2, dx=3, dy=2), reject=None)
    assert result.array.tolist() == [[0] * 3 + [1] * 3] * 2 + [[2] * 3 + [3] * 3] * 2


@pytest.mark.parametrize(
    ("offsets", "kind", "words"),
    [
        ([(0, 0)], ccdfx.ArgumentError, "one for each of the 2 frames"),
        ([(0, 0), (np.nan, 0)], ccdfx.ArgumentError, "must be finite"),
        ([(0, 0), (1e300, 0)], ccdfx.ArgumentError, "must be finite"),
        ([0, 1], ccdfx.ArgumentTypeError, "pairs"),
        ("sky", ccdfx.ArgumentError, "wcs, stars"),
        ([(0, 0), (10**7, 10**7)], ccdfx.ArgumentError, "mostly empty"),
    ],
)
def test_bad_offsets(offsets, kind, words):
    with pytest.raises(kind, match=words):
        ccdfx.combine([np.ones((4, 4))] * 2, offsets=offsets)


def test_bad_options():
    with pytest.raises(ccdfx.ArgumentError, match="extent: must be one of union, intersection"):
        placed([(0, 0)], extent="both")
    with pytest.raises(ccdfx.UnknownNameError, match="kernel"):
        placed([(0, 0)], kernel="nearest")
    with pytest.raises(ccdfx.MismatchError, match="binning"):
        one, two = (ccdfx.Image(np.ones((2, 2)), header={"CCDSUM": text}) for text in ("1 1", "2 2"))
        ccdfx.combine([one, two], offsets=[(0, 0), (1, 1)])


@pytest.mark.parametrize("kind", ["shifted", "turned"])
def test_frames_that_are_moved_as_they_are_read_give_the_bytes_of_frames_moved_before(kind, tmp_path):
    rng = np.random.default_rng(8)
    frames, moved = [], []
    for number in range(6):
        array = rng.normal(500, 20, (150, 110)).astype("f4")
        mask = (rng.random(array.shape) < 0.01).astype("u1") * np.uint8(8)
        image = ccdfx.Image(array, {"GAIN": 1.0}, mask=mask, variance=np.full(array.shape, 400, "f4"))
        path = ccdfx.write(image, tmp_path / f"{number}.fits")
        step = tuple(rng.uniform(-9, 9, 2)) if number else (0.0, 0.0)
        turn = ccdfx.similarity(rotation=rng.uniform(-2, 2), offset=step)
        transform = turn if kind == "turned" else ccdfx.Transform(offset=step)
        frames.append(ccdfx.warped(ccdfx.open_source(path), transform=transform))
        moved.append(ccdfx.warp(image, transform=transform))
    for options in ({"reject": None}, {"reject": ccdfx.mad_clip(low=4, high=4), "average": ccdfx.median()}):
        results = set()
        for several, threads, memory in (
            (moved, 1, 2**28),
            (frames, 1, 2**28),
            (frames, 3, 2**21),
            (frames, 2, 2**22),
        ):
            with ccdfx.engine(threads=threads, memory=memory):
                got = ccdfx.stack(several, **options)
            planes = (got.value, got.variance, got.flags, got.count)
            results.add(tuple(plane.tobytes() for plane in planes))
        assert len(results) == 1


def test_the_memory_of_frames_that_are_moved_as_they_are_read_is_counted(tmp_path):
    path = ccdfx.write(ccdfx.Image(np.ones((200, 300), "f4")), tmp_path / "a.fits")
    frames = [ccdfx.warped(ccdfx.open_source(path), transform=ccdfx.Transform(offset=(0.5, 0.5)))] * 3
    with ccdfx.engine(threads=1, memory=100_000), pytest.raises(ccdfx.ArgumentError, match="memory"):
        ccdfx.combine(frames)
