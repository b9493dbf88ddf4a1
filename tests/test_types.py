"""Types of the public names: what a user's type checker sees, and that it can name what it sees."""

from __future__ import annotations

import ast
import inspect
import sys
import typing
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import FunctionType
from typing import Any

PAGES = ("ccdfx", "ccdfx.night", "ccdfx.noise", "ccdfx.plots", "ccdfx.scalings", "ccdfx.testing")
"""The packages whose `__all__` is public."""


def public_names() -> list[tuple[str, Any]]:
    pages = map(import_module, PAGES)
    return [(f"{page.__name__}.{name}", getattr(page, name)) for page in pages for name in page.__all__]


@cache
def namespace(name: str) -> dict[str, Any]:
    """Return the names of a module, with those that it imports for type checkers only."""
    module = sys.modules[name]
    found = dict(vars(module))
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            exec(compile(ast.Module(node.body, []), name, "exec"), found)
    return found


def annotated(thing: Any) -> Iterator[Any]:
    """Yield the annotations of a function, or of the fields and public methods of a class."""
    if inspect.isclass(thing):
        home = namespace(thing.__module__)
        fields = typing.get_type_hints(thing, home) if thing.__module__ != "ccdfx.errors" else {}
        yield from (hint for name, hint in fields.items() if not name.startswith("_"))
        for name, member in vars(thing).items():
            if not name.startswith("_") or name == "__call__":
                yield from annotated(getattr(member, "__func__", getattr(member, "fget", member)))
    elif callable(thing):
        function = inspect.unwrap(thing)
        if isinstance(function, FunctionType) and function.__module__.startswith("ccdfx"):
            yield from typing.get_type_hints(function, namespace(function.__module__)).values()


def classes(hint: Any) -> Iterator[type]:
    """Yield the classes of ccdfx in an annotation."""
    inner = hint if isinstance(hint, list) else typing.get_args(hint)
    for item in inner:
        yield from classes(item)
    if isinstance(hint, type) and not inner and hint.__module__.split(".")[0] == "ccdfx":
        yield hint


def test_what_public_functions_take_and_give_has_a_public_name() -> None:
    names = public_names()
    public = {thing for _, thing in names if inspect.isclass(thing)}
    seen = {(cls, name) for name, thing in names for hint in annotated(thing) for cls in classes(hint)}
    assert len(public) > 80
    assert len({cls for cls, _ in seen}) > 50
    # A protocol only describes what is accepted: users neither get one nor make one.
    hidden = {pair for pair in seen if pair[0] not in public and not getattr(pair[0], "_is_protocol", False)}
    assert not hidden, "\n".join(sorted(f"{cls.__module__}.{cls.__name__}: {name}" for cls, name in hidden))
