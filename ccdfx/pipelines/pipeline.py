"""Pipelines of operations: a step binds options, a pipeline joins steps, and both are immutable."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ccdfx import registry
from ccdfx.errors import ArgumentTypeError, UnknownNameError
from ccdfx.records.checks import FUNCTION, NAME, OPTIONS, check_fields
from ccdfx.records.history import Master, history_text, pixel_sha256
from ccdfx.records.image import Image, ImageLike, as_image, as_images
from ccdfx.records.parameters import check_names, frozen, in_new_words, old_words

IN_MEMORY = "in memory"


@dataclass(frozen=True, slots=True)
class Step:
    """An operation with some of its options bound.

    Parameters
    ----------
    name : str
        Name of the step in recipes and in the HISTORY.
    function : callable
        ``function(image, **options) -> Image``.
    options : mapping
        The bound options.
    """

    name: str
    function: Callable[..., Image]
    options: Mapping[str, Any] = field(default_factory=lambda: frozen({}))

    def __post_init__(self) -> None:
        check_fields(self, name=NAME, function=FUNCTION, options=OPTIONS)
        object.__setattr__(self, "options", frozen(self.options))

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The options with their values, bound or default; unbound ones without a default are left out."""
        defaults = {
            name: parameter.default
            for name, parameter in _keywords(self.function).items()
            if parameter.default is not inspect.Parameter.empty
        }
        return frozen({**defaults, **self.options})

    def configure(self, **options: Any) -> Step:
        """Return the step with these options bound; a misspelt or missing option is an error at once."""
        known = _keywords(self.function)
        options = dict(in_new_words(self.name, old_words(self.function), options))
        check_names(self.name, known, options)
        bound = {**self.options, **{name: _bindable(value) for name, value in options.items()}}
        missing = [n for n, p in known.items() if p.default is inspect.Parameter.empty and n not in bound]
        if missing:
            raise ArgumentTypeError(
                self.name, f"needs the option {', '.join(missing)}", remedy="bind it in step(...)"
            )
        return replace(self, options=frozen(bound))

    def __call__(self, image: ImageLike) -> Image:
        """Apply the operation, and add one HISTORY line to the result."""
        return self._applied(as_image(image), self.history_line())

    def _applied(self, data: Any, line: str) -> Image:
        options = {n: v.image if isinstance(v, Master) else v for n, v in self.options.items()}
        result = self.function(data, **options)
        if not isinstance(result, Image):
            raise ArgumentTypeError(
                self.name,
                "must return an Image",
                value=type(result).__name__,
                remedy="return image.replace(array=...)",
            )
        return result.replace(header=result.header.add_history(line))

    def history_line(self) -> str:
        """Return the HISTORY line of the step: version, name, options, and hashes of master frames."""
        options = " ".join(f"{name}={history_text(value)}" for name, value in self.options.items())
        return f"ccdfx {registry.version()} {self.name} {options}".rstrip()

    def __or__(self, other: Step | Gather | Pipeline) -> Pipeline:
        return pipeline(self, other)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{n}={history_text(v)}' for n, v in self.options.items())})"


@dataclass(frozen=True, slots=True)
class Gather:
    """A step that makes one image of each group of images; `gather` creates it.

    Parameters
    ----------
    step : Step
        The function ``function(images, **options) -> Image`` with its options.
    by : tuple of str, or callable
        The header keywords, or the function of an image, whose values define the groups.
    """

    step: Step
    by: tuple[str, ...] | Callable[[Image], Any] = ()

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.step.name

    def key(self, image: Image) -> Any:
        """Return the values that define the group of an image; a missing keyword is an error."""
        return self.by(image) if callable(self.by) else tuple(image.header[keyword] for keyword in self.by)

    def label(self, key: Any) -> str:
        """Return the label of a group.

        >>> gather("combine", by="FILTER").label(("V",))
        'combine FILTER=V'
        """
        if callable(self.by):
            return f"{self.name} {key}"
        facts = (f"{name}={value}" for name, value in zip(self.by, key, strict=True))
        return " ".join([self.name, *facts])

    def __call__(self, images: Iterable[ImageLike]) -> Image:
        """Apply the function to these images, and add one HISTORY line to the result."""
        frames = as_images(images)
        return self.step._applied(frames, f"{self.step.history_line()} of {len(frames)} frames")

    def __or__(self, other: Step | Gather | Pipeline) -> Pipeline:
        return pipeline(self, other)

    def __repr__(self) -> str:
        by = f"by={history_text(self.by)}" if self.by else ""
        options = [f"{n}={history_text(v)}" for n, v in self.step.options.items()]
        return f"gather {self.name}({', '.join(filter(None, [by, *options]))})"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Steps that are applied one after the other. Joining is associative; ``pipeline()`` is the identity.

    A call with an image applies every step to it. Steps that gather need many frames: use `run`.
    """

    steps: tuple[Step | Gather, ...] = ()

    def __call__(self, image: ImageLike) -> Image:
        """Apply every step to the image."""
        for one in self.steps:
            if isinstance(one, Gather):
                raise ArgumentTypeError(
                    "pipeline", "makes one image of many", value=one, remedy="use ccdfx.run(pipeline, frames)"
                )
        result = as_image(image)
        for number, one in enumerate(self.steps, 1):
            try:
                result = one(result)  # type: ignore[arg-type]
            except Exception as error:
                error.add_note(f"in step {number} of {len(self.steps)}, {one.name}")
                raise
        return result

    def __or__(self, other: Step | Gather | Pipeline) -> Pipeline:
        return pipeline(self, other)

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        inner = "".join(f"\n    {one!r}," for one in self.steps)
        return f"pipeline({inner}\n)" if inner else "pipeline()"


def step(function: Callable[..., Image] | str, **options: Any) -> Step:
    """Bind options to an operation, given as a function or by its registered name.

    Parameters
    ----------
    function : callable or str
        ``function(image, *, option=...) -> Image``, or the name of a registered step.
    **options
        Checked against the signature at once. An Image or a 2-D array is bound as a master frame with the
        SHA-256 of its pixels, and passed to the function as an Image; lists and dicts are copied.

    Raises
    ------
    ArgumentTypeError
        For an unknown or a missing option.
    UnknownNameError
        For a name that is not registered.

    See Also
    --------
    pipeline, run

    Examples
    --------
    >>> from ccdfx.operations.window import trim
    >>> step(trim, section="[1:2,1:1]")([[1.0, 2.0, 3.0]]).shape
    (1, 2)
    >>> step(trim, sektion="[1:2,1:1]")
    Traceback (most recent call last):
    ccdfx.errors.ArgumentTypeError: trim: knows the options section (got 'sektion'); did you mean 'section'?
    """
    if isinstance(function, str):
        return registry.lookup("step", function).configure(**options)
    if not callable(function):
        raise ArgumentTypeError(
            "step", "must be a function or a registered name", value=function, remedy="see 'ccdfx plugins'"
        )
    return Step(getattr(function, "__name__", type(function).__name__), function).configure(**options)


def gather(
    function: Callable[..., Any] | str,
    *,
    by: str | Iterable[str] | Callable[[Image], Any] = (),
    **options: Any,
) -> Gather:
    """Create a step that makes one image of each group of frames, for a pipeline used with `run`.

    Parameters
    ----------
    function : callable or "combine"
        ``function(images, *, option=...) -> Image``.
    by : keyword, keywords, or function
        The images of a group have equal values of these header keywords, or of this function of an image. By
        default all images are one group.
    **options
        Options of the function, checked at once.

    Raises
    ------
    ArgumentTypeError
        For an unknown or a missing option, or for another type of `by`.
    UnknownNameError
        For a name other than "combine".

    See Also
    --------
    pipeline, run, combine

    Examples
    --------
    >>> from ccdfx import median
    >>> gather("combine", by="FILTER", average=median())
    gather combine(by=[FILTER], average=median(even=middle))
    """
    if isinstance(function, str):
        if function != "combine":
            raise UnknownNameError("gather", "must be 'combine' or a function", value=function,
                                   remedy="give the function itself")  # fmt: skip
        from ccdfx.operations.combining.combine import combine

        function = combine
    if not callable(by):
        by = (by,) if isinstance(by, str) else tuple(by) if isinstance(by, Iterable) else (by,)
        if not all(isinstance(keyword, str) for keyword in by):
            raise ArgumentTypeError(
                "by", "must be header keywords or a function of an image", value=by, remedy='give by="FILTER"'
            )
    return Gather(step(function, **options), by)


def pipeline(*steps: Step | Gather | Pipeline) -> Pipeline:
    """Join steps and pipelines into one pipeline.

    See Also
    --------
    step, run, gather

    Examples
    --------
    >>> from ccdfx.operations.window import trim
    >>> left = step(trim, section="[1:2,1:1]")
    >>> result = pipeline(left)([[1.0, 2.0, 3.0]])
    >>> result.array, result.header.history[0].split()[2:]
    (array([[1., 2.]]), ['trim', 'section=[1:2,1:1]'])
    """
    flat: list[Step | Gather] = []
    for item in steps:
        if isinstance(item, Pipeline):
            flat += item.steps
        elif isinstance(item, Step | Gather):
            flat.append(item)
        else:
            raise ArgumentTypeError(
                "pipeline",
                "is made of steps and pipelines",
                value=item,
                remedy="use step(...) and gather(...)",
            )
    return Pipeline(tuple(flat))


def _keywords(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the options of an operation: its keyword-only parameters, else all after the first."""
    parameters = list(inspect.signature(function).parameters.values())
    named = [p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    if not named:
        named = [p for p in parameters[1:] if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    return {p.name: p for p in named}


def _bindable(value: Any) -> Any:
    """Return an immutable form of a value; frames become masters with the SHA-256 of their pixels."""
    if isinstance(value, Image) or getattr(value, "ndim", 0) == 2:
        image = as_image(value)
        return Master(image, IN_MEMORY, pixel_sha256(image))
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return tuple(map(_bindable, value))
    if isinstance(value, dict):
        return frozen({name: _bindable(item) for name, item in value.items()})
    return value
