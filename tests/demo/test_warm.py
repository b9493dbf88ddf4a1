"""Kernels are compiled before there is a night: which are needed, where they go, and what is refused."""

from __future__ import annotations

import pytest

from ccdfx.demo import warm
from ccdfx.errors import ArgumentError, ArgumentTypeError, FileError


@pytest.mark.quick
def test_every_number_of_frames_is_prepared_once(monkeypatch, tmp_path):
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "cache"))
    nights, stacks, told = [], [], []
    monkeypatch.setattr(warm, "_reduce", lambda **night: nights.append(night["counts"]))
    monkeypatch.setattr(warm, "_combine_by_every_rule", lambda: None)
    cases = (
        "_combine_raw_biases",
        "_mask_cosmic_rays",
        "_measure_many_stars",
        "_assemble_readouts",
        "_take_colours_apart",
    )
    for name in cases:
        monkeypatch.setattr(warm, name, lambda: None)
    monkeypatch.setattr(warm, "_combine_as_a_night", stacks.append)
    made = warm.warm_kernels([9, 2, 9, 5], progress=lambda *step: told.append(step))
    assert stacks == [2, 5, 9]
    assert len(nights) == 4
    assert (made.folder, made.kernels, made.new) == (tmp_path / "cache", 0, 0)
    assert told[0] == ("a night", 0, 13) and told[-1] == ("kernels", 13, 13)


@pytest.mark.parametrize("count", [0, -1, 2.5])
def test_a_number_of_frames_that_is_none_is_refused(count):
    with pytest.raises((ArgumentError, ArgumentTypeError), match="counts"):
        warm.warm_kernels([2, count])


@pytest.mark.parametrize("place", ["in a file", "open to others"])
def test_a_folder_that_kernels_would_not_use_is_refused_at_once(monkeypatch, tmp_path, place):
    monkeypatch.setattr(warm, "_steps", lambda counts: pytest.fail("it compiles"))
    folder = tmp_path / "cache"
    if place == "in a file":
        folder.write_text("")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(folder))
    with pytest.raises(FileError, match=r"cannot hold compiled kernels.*NUMBA_CACHE_DIR"):
        warm.warm_kernels([2])


def test_kernels_that_could_not_be_stored_are_an_error(monkeypatch, tmp_path):
    from ccdfx.kernels.compile import kernel

    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(kernel, "_spoken", set())
    full = lambda: kernel._warn_once("cannot be written (No space left on device)", str(tmp_path))  # noqa: E731
    monkeypatch.setattr(warm, "_steps", lambda counts: [("a night", full)])
    with pytest.raises(FileError, match="No space left"):
        warm.warm_kernels([2])


@pytest.mark.parametrize("count", [1, 2, 7])
def test_stacks_of_so_many_frames_can_be_combined(count):
    warm._combine_as_a_night(count)


def test_raw_biases_can_be_combined_and_rays_masked():
    warm._combine_raw_biases()
    warm._mask_cosmic_rays()
