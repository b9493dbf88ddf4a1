"""A plugin for ccdfx: reprojection of images to any WCS, as a function and as a step of pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ccdfx import hookimpl

if TYPE_CHECKING:
    from ccdfx import Step


@hookimpl
def ccdfx_steps() -> list[Step]:
    from ccdfx import Step
    from ccdfx_reproject.projection import reproject_image

    return [Step("reproject_image", reproject_image)]


def __getattr__(name: str) -> Any:
    if name == "reproject_image":
        from ccdfx_reproject.projection import reproject_image

        return reproject_image
    raise AttributeError(f"module 'ccdfx_reproject' has no attribute {name!r}")
