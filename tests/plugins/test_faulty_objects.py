"""Objects that are wrong in every way we know: each breaks the law that names its fault, in words that say what."""

from __future__ import annotations

import contextlib
import itertools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numba
import numpy as np
import pytest

import ccdfx
from ccdfx import (
    Arrangement,
    Command,
    Engine,
    Format,
    Image,
    Instrument,
    NoiseModel,
    Range,
    Rejection,
    Scaling,
    Step,
)
from ccdfx.io.source import ImageSource
from ccdfx.testing import (
    Conformance,
    ConformanceError,
    check_command,
    check_engine,
    check_format,
    check_instrument,
    check_noise_model,
    check_rejection,
    check_scaling,
    check_step,
    laws_of,
)

OPEN: list[Any] = []  # what the leaking ones hold


def caught(check: Callable[..., None], record: Any, law: str, seconds: float = 0.5) -> ConformanceError:
    """The failure of one law; the others are left out, so that each fault meets the law that is named after it.

    `seconds` also limits how long a failing example is made smaller.
    """
    kind = check.__name__.removeprefix("check_")
    others = [other for other in laws_of(kind) if other != law]
    with pytest.raises(ConformanceError) as failure:
        check(record, without=others, examples=10, seconds=seconds)
    assert failure.value.law == law
    assert str(failure.value).startswith(
        f"{kind.replace('_', ' ')} {record.name!r}: breaks the law {law!r}: "
    )
    return failure.value


# Steps


def changes_its_input(image: Image) -> Image:
    image.array.flags.writeable = True
    image.array[:] += 1
    return image.replace(array=image.array)


def gives_an_array(image: Image) -> Any:
    return image.array


def grows(image: Image) -> Image:
    return Image(image.array.repeat(2, axis=0), image.header)


def rolls_dice(image: Image) -> Image:
    return image.replace(array=image.array + np.float32(random.random()))


def doubles_precision(image: Image) -> Image:
    return image.replace(array=image.array.astype(np.float64))


def wraps_around(image: Image) -> Image:
    return image.replace(array=image.array - image.array.dtype.type(100))


def drops_the_mask(image: Image) -> Image:
    return image.replace(mask=None)


def drops_a_flag(image: Image) -> Image:
    return image if image.mask is None else image.replace(mask=image.mask & np.uint8(0b11110111))


def moves_the_sky(image: Image) -> Image:
    return image.replace(header=image.header.set("CRPIX1", 9.0))


def drops_the_variance(image: Image) -> Image:
    return image.replace(variance=None)


def divides_by_zero(image: Image) -> Image:
    with np.errstate(all="ignore"):
        return image.replace(array=np.where(image.array < 0, np.nan, image.array).astype(image.dtype))


def warns(image: Image) -> Image:
    return image.replace(array=np.sqrt(-1 - image.array.astype(np.float32)))


def subtracts_the_mean(image: Image) -> Image:
    return image.replace(array=image.array - np.float32(image.array.mean()))


def raises(image: Image) -> Image:
    return image.replace(array=image.array / len(image.header.history))


def is_slow(image: Image) -> Image:
    time.sleep(0.05)
    return image


def trusts_its_option(image: Image, *, factor: float = 2.0) -> Image:
    return image.replace(array=image.array * np.float32(factor))


def exits(image: Image) -> Image:
    raise SystemExit(3)


def refuses(image: Image) -> Image:
    raise ccdfx.ArgumentError("image", "must be a poem", remedy="write one")


def rewrites_history(image: Image) -> Image:
    return image.replace(header=image.header.remove("HISTORY"))


STEPS = [
    (changes_its_input, "the input never changes", "array of its input has changed"),
    (gives_an_array, "the result is an image that cannot change", "it gives a ndarray, no Image"),
    (grows, "the window of the result lies in that of the input", "y_upper=8.* became .*y_upper=16"),
    (rolls_dice, "the same input gives the same result", "two runs differ"),
    (doubles_precision, "single precision stays and so does double", "float32 becomes float64"),
    (wraps_around, "whole numbers are numbers", "another result than float64"),
    (drops_the_mask, "a flagged pixel stays flagged", "the flag of pixel x=3, y=3 is lost"),
    (drops_a_flag, "masks only grow", r"a flag is lost at \(y, x\) \(\d, \d\)"),
    (moves_the_sky, "sky positions stay", "the WCS puts a pixel at"),
    (drops_the_variance, "a variance stays and is never negative", "the variance is lost"),
    (
        divides_by_zero,
        "pixels without a value are flagged",
        r"a value is lost without a flag at \(y, x\) \(",
    ),
    (warns, "nan and infinity raise nothing", "it lets a warning out: invalid value"),
    (subtracts_the_mean, "what a flagged pixel holds reaches no good one", "depends on a flagged one"),
    (raises, "a plain array will do", "division|divide"),
    (lambda image: image, "it can be pickled", "PicklingError: .*no lambda"),
    (is_slow, "it is fast", r"it took 0.0\d+ s for a frame of 512 x 512 pixels, and may take 0.01 s"),
    (trusts_its_option, "nonsense in an option is a typed error", "factor='nonsense' raised ValueError"),
    (exits, "the same input gives the same result", "it raised SystemExit, which is no CcdfxError"),
    (refuses, "the same input gives the same result", "it refused every example.*must be a poem"),
    (rewrites_history, "one line of history is added", "the history is"),
]


@pytest.mark.parametrize(("function", "law", "words"), STEPS, ids=[row[0].__name__ for row in STEPS])
def test_a_faulty_step_is_caught(function: Callable, law: str, words: str) -> None:
    seconds = 0.01 if function is is_slow else 0.5
    assert_words(caught(check_step, Step("bad", function), law, seconds=seconds), words)


def assert_words(error: ConformanceError, words: str) -> None:
    import re

    assert re.search(words, str(error), re.DOTALL), str(error)


@pytest.mark.quick
def test_a_step_without_its_options_says_so() -> None:
    assert_words(caught(check_step, ccdfx.registry.lookup("step", "to_electrons"), "masks only grow"),
                 "cannot be tried: .*needs the option gain.*give options for it")  # fmt: skip


@pytest.mark.quick
def test_the_example_is_small_and_in_the_words() -> None:
    error = caught(check_step, Step("bad", drops_a_flag), "masks only grow", seconds=2.0)
    assert (error.example["image"].mask & 8).any()
    assert "image = Image(8 x 10 pixels of " in str(error) and "mask=" in str(error)


def wants_light_and_drops_the_mask(image: Image) -> Image:
    if image.array.max() < 3000:
        raise ccdfx.ArgumentError("image", "must be bright", remedy="expose longer")
    return image.replace(mask=None)


def test_the_example_of_a_failure_is_none_that_was_refused() -> None:
    error = caught(check_step, Step("bad", wants_light_and_drops_the_mask), "a flagged pixel stays flagged")
    assert error.example["image"].array.max() >= 3000


# Scalings


def _linear(x: np.ndarray, factor: float) -> np.ndarray:
    return x * factor


def _half(x: np.ndarray, factor: float) -> np.ndarray:
    return x / factor


def _slope(x: np.ndarray, factor: float) -> np.ndarray:
    return np.full_like(x, factor)


def _in_place(x: np.ndarray, factor: float) -> np.ndarray:
    x *= factor
    return x


def _as_list(x: np.ndarray, factor: float) -> Any:
    return [factor * value for value in x]


def _by_the_largest(x: np.ndarray, factor: float) -> np.ndarray:
    return x - x.max() / 2


def _turns_back(x: np.ndarray, factor: float) -> np.ndarray:
    return factor * np.abs(x - 20)


def _wide(x: np.ndarray, factor: float) -> np.ndarray:
    return (x * factor).astype(np.float64)


def _positive(factor: float) -> tuple[float, float]:
    return 0.0, np.inf


SCALING = Scaling("bad", {"factor": 2.0}, _linear, _half, _slope)
SCALINGS = {
    "in place": ({"transform": _in_place}, "the input never changes", "transform changes its input"),
    "list": ({"transform": _as_list}, "the result is an array of the shape and type of the input", "gives a list"),
    "type": ({"transform": _wide}, "the result is an array of the shape and type of the input", "float32 into float64"),
    "linked": ({"transform": _by_the_largest}, "every pixel is scaled by itself", "depends on others"),
    "turns back": ({"transform": _turns_back}, "it only rises or only falls", "becomes"),
    "inverse": ({"inverse": _linear}, "the inverse undoes it", "comes back as"),
    "slope": ({"derivative": _half}, "the derivative is the slope", "claimed is"),
    "domain": ({"domain": _positive}, "outside of the domain is no value or that of its end", "is outside of the domain"),
    "unchecked": ({}, "nonsense in an option is a typed error", "factor='nonsense' raised"),
    "lambda": ({"check": lambda factor: None}, "it can be pickled", "no lambda"),
}  # fmt: skip


@pytest.mark.quick
@pytest.mark.parametrize("fault", SCALINGS)
def test_a_faulty_scaling_is_caught(fault: str) -> None:
    fields, law, words = SCALINGS[fault]
    assert_words(caught(check_scaling, replace(SCALING, **fields), law), words)


# Noise models


def _variance(x: np.ndarray) -> np.ndarray:
    return np.full_like(x, 4.0)


def _sample(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return x + rng.normal(0, 2, x.shape)


def _global_sample(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return x + np.random.normal(0, 2, x.shape)  # noqa: NPY002


def _noisier_sample(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return x + rng.normal(0, 3, x.shape)


def _shifted_sample(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return x + rng.normal(1, 2, x.shape)


def _sample_in_place(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    x += rng.normal(0, 2, x.shape)
    return x


MODEL = NoiseModel("bad", {}, _variance, _sample)
MODELS = {
    "global state": ({"sample": _global_sample}, "the global state of random numbers stays", "numpy.random"),
    "seed": ({"sample": _global_sample}, "one seed makes one sample", "draws from elsewhere"),
    "variance": (
        {"sample": _noisier_sample},
        "samples have the mean and variance of the model",
        "claimed is 4",
    ),
    "mean": (
        {"sample": _shifted_sample},
        "samples have the mean and variance of the model",
        "and should have",
    ),
    "in place": ({"sample": _sample_in_place}, "the input never changes", "sample changes its input"),
    "negative": ({"variance": np.negative}, "the variance is never negative and always a number", "it is"),
    "scalar": (
        {"variance": np.max},
        "the result is an array of the shape of the input",
        "variance gives a float64",
    ),
}


@pytest.mark.quick
@pytest.mark.parametrize("fault", MODELS)
def test_a_faulty_noise_model_is_caught(fault: str) -> None:
    fields, law, words = MODELS[fault]
    assert_words(caught(check_noise_model, replace(MODEL, **fields), law), words)


# Rejections


@numba.njit(nogil=True)
def keep_all_rule(lanes, frames, counts, noise, parameters, low, high):
    for i in range(counts.size):
        low[i], high[i] = 0, counts[i]


@numba.njit(nogil=True)
def above_a_level_rule(lanes, frames, counts, noise, parameters, low, high):
    for i in range(counts.size):
        low[i], high[i] = 0, counts[i]
        while high[i] > 0 and lanes[high[i] - 1, i] > parameters[0]:
            high[i] -= 1


@numba.njit(nogil=True)
def first_frame_rule(lanes, frames, counts, noise, parameters, low, high):
    for i in range(counts.size):
        low[i], high[i] = 0, counts[i]
        if counts[i] > 1 and frames[counts[i] - 1, i] == 0:
            high[i] -= 1


def rule_of(arrange: Callable[..., Arrangement], **parameters: Any) -> Rejection:
    def factory(**options: Any) -> Rejection:
        return Rejection("bad", factory, arrange, options)

    return factory(**parameters)


def _coin(parameters: Any, facts: Any) -> Arrangement:
    return Arrangement(above_a_level_rule, (random.choice((-1.0, 1e9)),))


def _slow(parameters: Any, facts: Any) -> Arrangement:
    time.sleep(0.05)
    return Arrangement(keep_all_rule)


REJECTIONS = {
    "level": (lambda p, f: Arrangement(above_a_level_rule, (500.0,)),
              "a constant shifts the result and leaves the rejected set", "a constant on all frames makes the count"),
    "order": (lambda p, f: Arrangement(first_frame_rule, ordered=True),
              "the order of the frames does not matter", "another order makes the"),
    "raises": (lambda p, f: Arrangement(keep_all_rule, (1 / 0,)), "equal frames are reproduced", "ZeroDivisionError"),
    "counts": (lambda p, f: Arrangement(above_a_level_rule, (1e9 if f.count % 2 else -1.0,)),
               "a frame masked everywhere equals a frame left out", "a frame that is masked everywhere makes the"),
    "integers": (lambda p, f: Arrangement(above_a_level_rule, (-1.0 if f.integers else 1e9,)),
                 "whole numbers are numbers", "uint16 in the place of float64 makes the count"),
    "dice": (_coin, "the same frames give the same result", "two runs makes the|does not do the same twice"),
    "slow": (_slow, "it is fast", "for 5 frames of 256 x 256 pixels"),
    "pickle": (_slow, "it can be pickled", "no lambda"),
}  # fmt: skip


@pytest.mark.parametrize("fault", REJECTIONS)
def test_a_faulty_rejection_is_caught(fault: str) -> None:
    arrange, law, words = REJECTIONS[fault]
    rule = rule_of(arrange)
    for kind in ("f4", "f8"):  # compiles, which may take longer than the search for an example
        with contextlib.suppress(ZeroDivisionError):
            ccdfx.stack([np.ones((2, 3), kind)] * 3, reject=rule)
    error = caught(check_rejection, rule, law, seconds=0.02 if fault == "slow" else 0.5)
    assert_words(error, words)


def test_limits_that_still_reject_at_infinity_are_caught() -> None:
    rule = rule_of(lambda p, f: Arrangement(above_a_level_rule, (0.0,)), low=3.0, high=3.0)
    assert_words(caught(check_rejection, rule, "infinite limits reject nothing"), "rejects")
    unchecked = rule_of(lambda p, f: Arrangement(above_a_level_rule, (p["high"],)), high=3.0)
    words = "high=.*(was accepted silently|is no CcdfxError)"
    assert_words(caught(check_rejection, unchecked, "nonsense in an option is a typed error"), words)


# Formats: a good one of a line of text, and what can be wrong with it.

MAGIC = b"LINE "
TICKS = itertools.count()


def recognises(first: bytes) -> bool:
    return first.startswith(MAGIC)


def content_of(file: Any) -> bytes:
    if isinstance(file, bytes):
        return file
    return file.read() if hasattr(file, "read") else Path(file).read_bytes()


def open_line(file: Any, hdu: Any = None) -> Any:
    if hdu not in (None, 0, "all"):
        raise ccdfx.ArgumentError("hdu", "a file holds one image", value=hdu, remedy="leave it out")
    _magic, ny, nx, *values, end = content_of(file).split(b" ")
    if end != b"END":
        raise ccdfx.FormatError("line", "lacks its end")
    image = Image(np.array([int(v) for v in values], np.uint16).reshape(int(ny), int(nx)))
    source = ImageSource(image)
    return [source] if hdu == "all" else source


def write_line(images: Any, path: Path) -> None:
    (image,) = images if len(images) == 1 else (None,)
    if image is None or image.dtype.kind != "u" or image.dtype.itemsize > 2:
        raise ccdfx.ArgumentError("image", "must be one of uint16", remedy="write FITS")
    values = " ".join(str(v) for v in (*image.shape, *image.array.ravel()))
    path.write_bytes(MAGIC + f"{values} END".encode())


def write_half(images: Any, path: Path) -> None:
    write_line(images, path)
    path.write_bytes(path.read_bytes()[:-6])


def write_elsewhere(images: Any, path: Path) -> None:
    write_line(images, path.with_suffix(".other"))


def write_and_change(images: Any, path: Path) -> None:
    write_line(images, path)
    images[0].array.flags.writeable = True
    images[0].array[:] = 7


def write_the_time(images: Any, path: Path, ticks: Iterator[int] = TICKS) -> None:
    write_line(images, path)
    path.write_bytes(path.read_bytes().replace(MAGIC, MAGIC + b"0" * (1 + next(ticks) % 2), 1))


def write_bytes_only(images: Any, path: Path) -> None:
    if images[0].dtype.kind == "u":
        images = [images[0].replace(array=(images[0].array & 0xFF).astype(np.uint8))]
    write_line(images, path)


def open_carelessly(file: Any, hdu: Any = None) -> Any:
    *values, _end = content_of(file).split(b" ")[1:]
    ny, nx = int(values[0]), int(values[1])
    array = np.zeros(ny * nx, np.uint16)
    array[: len(values) - 2] = [int(v) for v in values[2:]]
    return ImageSource(Image(array.reshape(ny, nx)))


def open_and_forget(file: Any, hdu: Any = None) -> Any:
    if isinstance(file, Path):
        OPEN.append(file.open("rb"))
    return open_line(file, hdu)


def open_an_image(file: Any, hdu: Any = None) -> Any:
    return _Plain(open_line(file, hdu).select())


class _Plain:
    """Too little for a source."""

    def __init__(self, image: Image) -> None:
        self.select = lambda range=None: image

    def __enter__(self) -> _Plain:
        return self

    def __exit__(self, *error: object) -> None: ...


class _OneBased(ImageSource):
    """Says of every window that it lies one pixel further, as who counts from 1 would."""

    def select(self, range: Any = None) -> Image:
        image = super().select(range)
        if range is None:
            return image
        window = Range(*(bound + 1 for bound in image.range))
        return image.replace(range=window)


def open_counting_from_one(file: Any, hdu: Any = None) -> Any:
    return _OneBased(open_line(file, hdu).select())


def open_paths_only(file: Any, hdu: Any = None) -> Any:
    return open_line(Path(file).read_bytes(), hdu)


def slow_open(file: Any, hdu: Any = None) -> Any:
    time.sleep(0.05)
    return ImageSource(Image(np.zeros((512, 512), np.uint16)))


def recognises_everything(first: bytes) -> bool:
    return True


def recognises_nothing(first: bytes) -> bool:
    return False


LINE = Format("line", (".line",), recognises, open_line, write_line)
FORMATS = {
    "half a file": ({"write": write_half}, "what is written is read back", "what it wrote cannot be read"),
    "elsewhere": ({"write": write_elsewhere}, "what is written is read back", "no file at the path"),
    "values": ({"write": write_bytes_only}, "what is written is read back", "come back as"),
    "changes": ({"write": write_and_change}, "writing changes no image and equal images make equal files",
                "the image that was written has changed"),
    "time": ({"write": write_the_time}, "writing changes no image and equal images make equal files", "differ"),
    "careless": ({"open": open_carelessly}, "a file that was cut is refused", "bytes are read as"),
    "any hdu": ({"open": open_carelessly}, "an image that is not there is a typed error", "hdu=99 opens"),
    "leak": ({"open": open_and_forget}, "no file stays open", "1 files stay open|2 files stay open"),
    "source": ({"open": open_an_image}, "an open file says what it holds", "lacks a part of a source"),
    "window": ({"open": open_counting_from_one}, "a window of the file is a window of the image", "differs"),
    "paths": ({"open": open_paths_only}, "path bytes and file object give the same", "it raised"),
    "slow": ({"open": slow_open}, "it is fast", "writing and reading a frame"),
    "greedy": ({"recognises": recognises_everything}, "it recognises its own files and no others", "it claims"),
    "blind": ({"recognises": recognises_nothing}, "it recognises its own files and no others", "not recognise"),
    "suffix": ({"suffixes": ("LINE",)}, "it has suffixes in lower case", "its suffixes are"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FORMATS)
def test_a_faulty_format_is_caught(fault: str) -> None:
    fields, law, words = FORMATS[fault]
    error = caught(check_format, replace(LINE, **fields), law, seconds=0.01 if fault == "slow" else 0.5)
    while OPEN:
        OPEN.pop().close()
    assert_words(error, words)


@pytest.mark.quick
def test_the_same_format_without_a_fault_holds() -> None:
    check_format(LINE, examples=8, seconds=5)


def test_a_format_that_only_reads_needs_files(tmp_path: Path) -> None:
    reader = replace(LINE, write=None)
    assert_words(caught(check_format, reader, "no file stays open"), "give the option files")
    LINE.write([Image(np.ones((2, 2), np.uint16))], tmp_path / "a.line")  # type: ignore[misc]
    check_format(reader, files=[tmp_path / "a.line"], examples=5)


# Engines, instruments, commands


def map_backwards(function: Callable, tiles: Any) -> Iterator[Any]:
    return reversed([function(tile) for tile in tiles])


def map_silently(function: Callable, tiles: Any) -> Iterator[Any]:
    for tile in tiles:
        try:
            yield function(tile)
        except Exception:
            yield None


def map_leaking(function: Callable, tiles: Any) -> Iterator[Any]:
    OPEN.append(open(__file__))  # noqa: SIM115 - the fault
    return map(function, tiles)


def map_slowly(function: Callable, tiles: Any) -> Iterator[Any]:
    time.sleep(0.05)
    return map(function, tiles)


def map_roughly(function: Callable, tiles: Any) -> Iterator[Any]:
    for part in map(function, tiles):
        yield type(part)(*(a * a.dtype.type(2) for a in part.arrays())) if hasattr(part, "arrays") else part


ENGINES = {
    "order": (Engine("bad", map_backwards), "results come once each in the order of the tiles", "gave"),
    "silent": (Engine("bad", map_silently), "an error in a tile reaches the caller", "the caller got"),
    "leak": (Engine("bad", map_leaking), "nothing is left behind", "five more runs left 5 files open"),
    "slow": (Engine("bad", map_slowly), "it is fast", "for 100 tiny tiles"),
    "bits": (Engine("bad", map_roughly), "results are the same to the last bit", "of a stack differs"),
    "threads": (Engine("bad", threads=0), "it says what it needs", "its threads is 0"),
}


@pytest.mark.parametrize("fault", ENGINES)
def test_a_faulty_engine_is_caught(fault: str) -> None:
    engine, law, words = ENGINES[fault]
    error = caught(check_engine, engine, law, seconds=0.01 if fault == "slow" else 0.5)
    while OPEN:
        OPEN.pop().close()
    assert_words(error, words)


@contextmanager
def instrument(text: str) -> Iterator[Instrument]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bad.toml"
        path.write_text(
            f'name = "bad"\n{text}\n[[rules]]\nkind = "science"\nwhen = {{ IMAGETYP = "light*" }}\n'
        )
        yield ccdfx.load_instrument(path)


@pytest.mark.quick
def test_faulty_instruments_are_caught() -> None:
    with instrument('[match]\nINSTRUME = "BadCam"') as good:
        check_instrument(good, examples=8)
        bad = replace(good, rules=(("holiday", good.rules[0][1]),))
        assert_words(caught(check_instrument, bad, "every rule names a kind of frame"), "'holiday'")
        assert_words(
            caught(check_instrument, replace(good, gain=(-1.0,)), "its numbers can be"), "its gain is -1.0"
        )
    law = "it matches a header that meets its conditions and no empty one"
    with instrument('[match]\nINSTRUME = "! Other*"') as greedy:
        assert_words(caught(check_instrument, greedy, law), "every frame of the world")
    with instrument('[match]\nVERSION = "NICMOS*"\nINSTRUME = "Nickel*"') as twin:
        nickel = ccdfx.registry.lookup("instrument", "nickel")
        same = replace(twin, match=nickel.match, generic=nickel.generic)
        assert_words(caught(check_instrument, same, "it is told apart from the others"), "equally well")


@pytest.mark.quick
@pytest.mark.parametrize(
    ("command", "law", "words"),
    [
        (Command("Bad Name", "Help.", click.Command), "its name and help fit on a line", "its name is 'Bad Name'"),
        (Command("bad", "a\nb", click.Command), "its name and help fit on a line", "must be one line"),
        (Command("bad", "Help.", lambda: 1 / 0), "it loads a click command that explains itself", "ZeroDivision"),
        (Command("bad", "Help.", lambda: print), "it loads a click command that explains itself", "no click"),
        (Command("bad", "Help.", lambda: time.sleep(0.05)), "it loads fast", "for loading it"),
    ],
)  # fmt: skip
def test_a_faulty_command_is_caught(command: Command, law: str, words: str) -> None:
    assert_words(caught(check_command, command, law, seconds=0.01), words)


@pytest.mark.quick
def test_another_thing_is_no_record_and_another_law_no_law() -> None:
    with pytest.raises(ccdfx.ArgumentTypeError, match="must be a Scaling"):
        check_scaling(Step("flip", grows))
    with pytest.raises(ccdfx.UnknownNameError, match="did you mean 'masks only grow'"):
        check_step(Step("bad", grows), without=["masks only shrink"])


@pytest.mark.parametrize("terms", [{"without": {"fots": []}}, {"options": {"fots": {}}}])
def test_terms_for_a_record_that_the_plugin_does_not_have_are_an_error(terms: dict) -> None:
    with pytest.raises(ccdfx.UnknownNameError, match="did you mean 'fits'"):
        list(Conformance("ccdfx", **terms).cases())
