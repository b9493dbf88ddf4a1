"""Expressions of images as text, such as ``(a - b) / flat``: parsed, never run as a program."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ccdfx.engines import current_engine, map_here
from ccdfx.errors import ArgumentError, ArgumentTypeError, UnknownNameError, did_you_mean, printable
from ccdfx.estimators import statistics
from ccdfx.records.arithmetic.apply import (
    Operand,
    applied,
    unit_of_result,
    variance_of,
    warn_of_unknown_variance,
)
from ccdfx.records.arithmetic.history import described
from ccdfx.records.arithmetic.rules import OPERATIONS
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.range import Range

_BINARY: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
}
_UNARY: dict[type[ast.AST], str] = {ast.USub: "negative", ast.UAdd: "positive"}
_FUNCTIONS = {"abs": "absolute", "sqrt": "sqrt"}
_LEVELS = ("mean", "median")
_NODES = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Load, ast.Constant, *_BINARY, *_UNARY,
)  # fmt: skip
_BAND = 1 << 18  # pixels
_LONGEST = 1000  # characters: no sensible expression is longer, and nesting stays shallow
_REMEDY = "use names, numbers, + - * / **, brackets, abs, sqrt, mean, median"


@dataclass(frozen=True, slots=True)
class _Term:
    """A value within an expression, and its slopes by the images of these names."""

    operand: Operand
    slopes: Mapping[str, Any] = field(default_factory=dict)


def evaluate(expression: str, **images: ImageLike) -> Image:
    """Evaluate an arithmetic expression of images.

    Parameters
    ----------
    expression : str
        Names, numbers, ``+ - * / **``, brackets, ``abs(x)``, ``sqrt(x)``; ``mean(x)`` and ``median(x)`` are the level of the good
        pixels, an exact number in the unit of x.
    **images : Image or 2-D array
        The images by name. Each must occur in the expression.

    Returns
    -------
    Image
        Values, flags, unit and header as the operators of `Image` give them; the header is that of the first image
        that occurs, with HISTORY lines of the expression and of what its names are (object, date, an SHA-256 of a sample of the
        pixels). The variance is to first order in the independent errors of the images, however
        often each occurs; None unless all images have one.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For text that is no such expression, and one that has no image.
    UnknownNameError
        For a name that is not given.
    MismatchError
        When images differ in shape, window or binning, or units do not go together.

    See Also
    --------
    Image, combine

    Examples
    --------
    >>> evaluate("(a - b) / median(a)", a=[[4.0, 8.0, 9.0]], b=[[2.0, 2.0, 1.0]]).array
    array([[0.25, 0.75, 1.  ]])
    """
    tree = _parsed(expression)
    known = {name: as_image(image, name) for name, image in images.items()}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {*_FUNCTIONS, *_LEVELS}
    unused = sorted(known.keys() - used)
    if unused:
        raise ArgumentError(
            "expression",
            "must have every image that is given",
            value=", ".join(unused),
            remedy="leave it out",
        )
    levels: dict[ast.AST, Operand] = {}
    for node in reversed(list(ast.walk(tree.body))):  # inner ones first
        if isinstance(node, ast.Call) and node.func.id in _LEVELS:  # type: ignore[attr-defined]
            levels[node] = _level(node.func.id, _whole(node.args[0], known, levels, False))  # type: ignore[attr-defined]
    having = [image.variance is not None for image in known.values()]
    if any(having) and not all(having):
        warn_of_unknown_variance(stacklevel=3)
    found = _whole(tree.body, known, levels, bool(having) and all(having))
    if found.image is None:
        raise ArgumentError(
            "expression", "must have an image", value=expression, remedy="give one by name, a=..."
        )
    named = [f"{name} is {described(known[name])}" for name in sorted(known)]
    header = found.image.header.add_history(f"ccdfx {printable(expression.strip(), _LONGEST)}", *named)
    return found.image.replace(header=header)


def names_in(expression: str) -> set[str]:
    """Return the names of images in an expression.

    >>> sorted(names_in("(a - b) / median(a)"))
    ['a', 'b']
    """
    names = {node.id for node in ast.walk(_parsed(expression)) if isinstance(node, ast.Name)}
    return names - {*_FUNCTIONS, *_LEVELS}


def _parsed(expression: Any) -> ast.Expression:
    if not isinstance(expression, str):
        raise ArgumentTypeError("expression", "must be text", value=expression, remedy=_REMEDY)
    if not expression.strip() or len(expression) > _LONGEST:
        raise ArgumentError(
            "expression", f"must have 1 to {_LONGEST} characters", value=len(expression), remedy=_REMEDY
        )
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ArgumentError("expression", "is not arithmetic", value=expression, remedy=_REMEDY) from None
    for node in ast.walk(tree):
        strange = not isinstance(node, _NODES) or (isinstance(node, ast.Call) and not _is_known(node))
        if strange or (isinstance(node, ast.Constant) and type(node.value) not in (int, float)):
            raise ArgumentError("expression", "is not arithmetic", value=expression, remedy=_REMEDY)
    return tree


def _is_known(call: ast.Call) -> bool:
    known = isinstance(call.func, ast.Name) and call.func.id in (*_FUNCTIONS, *_LEVELS)
    return known and len(call.args) == 1 and not call.keywords


def _whole(
    node: ast.AST, known: Mapping[str, Image], levels: Mapping[ast.AST, Operand], tracked: bool
) -> Operand:
    """Evaluate a part of the tree, by bands of rows side by side; with the variance, if it is tracked."""
    names = _names_outside(node, levels)
    here = {name: image for name, image in known.items() if name in names}
    missing = sorted(names - here.keys())
    if missing:
        remedy = did_you_mean(missing[0], known, f"give it, {missing[0]}=...")
        raise UnknownNameError(
            "expression", "must have names of given images", value=missing[0], remedy=remedy
        )
    work = partial(_band, node, here, levels, tracked)
    shapes = {image.shape for image in here.values()}
    if len(shapes) != 1:  # a number, or an error that the whole gives
        return work((0, None))
    ((ny, nx),) = shapes
    rows = _rows(nx, len(here))
    parts = list(map_here(work, [(start, min(start + rows, ny)) for start in range(0, ny, rows)]))
    return parts[0] if len(parts) == 1 else _joined([part.image for part in parts], ny)


def _names_outside(node: ast.AST, levels: Mapping[ast.AST, Operand]) -> set[str]:
    """Return the names of images in a part of the tree, but for those in a mean or median."""
    if node in levels:
        return set()
    if isinstance(node, ast.Name):
        return {node.id}
    inner = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
    return {name for child in inner for name in _names_outside(child, levels)}


def _rows(nx: int, images: int) -> int:
    """Return the rows of a band: its planes stay in the cache of a processor, and within the memory."""
    using = current_engine()
    planes = 8 + 4 * images
    limit = using.memory // (using.threads * planes * 8)
    return max(1, min(_BAND, limit) // nx)


def _band(
    node: ast.AST,
    known: Mapping[str, Image],
    levels: Mapping[ast.AST, Operand],
    tracked: bool,
    rows: tuple[int, int | None],
) -> Operand:
    cuts = {id(image): _cut(image, *rows) for image in known.values()}
    here = {name: cuts[id(image)] for name, image in known.items()}
    term = _evaluated(node, here, levels, tracked)
    image = term.operand.image
    if image is None or not tracked:
        return term.operand
    variance = variance_of(image.array, [(here[name], slope) for name, slope in term.slopes.items()])
    whole = adopt(image.array, image.header, image.mask, image.range, variance)
    return Operand(whole.array, whole.unit, whole)


def _cut(image: Image, start: int, stop: int | None) -> Image:
    """Cut out rows; the window of all bands is that of the first, so that windows of images compare as the whole."""
    if stop is None or stop - start == image.shape[0]:
        return image
    at = image.range
    window = Range(at.x_lower, at.x_upper, at.y_lower, at.y_lower + stop - start)
    mask = None if image.mask is None else image.mask[start:stop]
    variance = None if image.variance is None else image.variance[start:stop]
    return adopt(image.array[start:stop], image.header, mask, window, variance)


def _joined(parts: Sequence[Image], ny: int) -> Operand:
    first = parts[0]
    mask = variance = None
    if any(part.mask is not None for part in parts):
        mask = np.concatenate(
            [np.zeros(part.shape, np.uint8) if part.mask is None else part.mask for part in parts]
        )
    if first.variance is not None:
        variance = np.concatenate([part.variance for part in parts])
    at = first.range
    window = Range(at.x_lower, at.x_upper, at.y_lower, at.y_lower + ny)
    image = adopt(np.concatenate([part.array for part in parts]), first.header, mask, window, variance)
    return Operand(image.array, image.unit, image)


def _evaluated(
    node: ast.AST, known: Mapping[str, Image], levels: Mapping[ast.AST, Operand], tracked: bool
) -> _Term:
    def of(inner: ast.AST) -> _Term:
        return _evaluated(inner, known, levels, tracked)

    if node in levels:
        return _Term(levels[node])
    match node:
        case ast.Constant(value=number):
            return _Term(Operand(_finite(number), None))
        case ast.Name(id=name):
            image = known[name].replace(variance=None)  # the slopes give that of the result
            return _Term(Operand(image.array, image.unit, image), {name: 1.0} if tracked else {})
        case ast.BinOp(left=left, op=op, right=right):
            return _combined(_BINARY[type(op)], of(left), of(right))
        case ast.UnaryOp(op=op, operand=inner):
            return _combined(_UNARY[type(op)], of(inner))
        case ast.Call(func=ast.Name(id=name), args=[inner]):
            return _combined(_FUNCTIONS[name], of(inner))
    raise ArgumentError("expression", "is not arithmetic", value=ast.unparse(node), remedy=_REMEDY)


def _combined(name: str, *terms: _Term) -> _Term:
    operands = [term.operand for term in terms]
    if all(one.is_number for one in operands):
        unit = unit_of_result(name, operands)
        with np.errstate(all="ignore"):
            value = OPERATIONS[name].value(*(np.float64(one.values) for one in operands))
        return _Term(Operand(_finite(value), unit))
    result = applied(name, operands)
    image = adopt(result.array, result.header, result.mask, result.range)
    slopes: dict[str, Any] = {}
    with np.errstate(all="ignore"):
        for term, slope in zip(terms, result.slopes, strict=True):
            for key, inner in term.slopes.items():
                slopes[key] = slopes.get(key, 0.0) + slope * inner
    return _Term(Operand(image.array, image.unit, image), slopes)


def _level(name: str, operand: Operand) -> Operand:
    if operand.image is None:
        return operand
    return Operand(_finite(getattr(statistics(operand.image), name)), operand.unit)


def _finite(number: Any) -> float:
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ArgumentError(
            "expression", "must have finite numbers", value=number, remedy="give smaller ones"
        )
    return value
