"""Test support for ccdfx, its plugins and pipelines: strategies, laws, and equality of images.

Strategies (`images`, `headers`, ...) generate data for `hypothesis`, which the extra ``ccdfx[testing]``
installs. The functions `check_format`, `check_step`, ... check an object against the laws that the built-in
ones obey. A test module that sets ``ccdfx_conformance = ["my-plugin"]`` gets a test for every law and every
object of the installed plugin.

May import all rooms; nobody imports it.
"""

from __future__ import annotations

from typing import Any

from ccdfx.lazy import homes_of, public_name

_HOMES = {
    "equality": ("assert_same_image",),
    "strategies": ("fits_files", "headers", "images", "masks", "ranges", "recipes", "stacks"),
    "laws": ("ConformanceError", "Trial"),
    "conformance": (
        "Case", "Conformance", "check_command", "check_engine", "check_format", "check_instrument",
        "check_maker", "check_noise_model", "check_plugin", "check_rejection", "check_scaling", "check_step", "laws_of",
    ),
}  # fmt: skip
_HOME = homes_of(_HOMES)
__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    # Lazy: pytest imports this package in every run in an environment that has ccdfx.
    return public_name(__name__, _HOME, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
