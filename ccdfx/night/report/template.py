"""The templates of pages, with what all of them have: the style, the script, and their hashes."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib import resources
from typing import Any

from ccdfx.night.summary import plain_values
from ccdfx.night.words import counted, fixed, flags, number, seconds_shown


@cache  # compiling it takes longer than all else of a page
def template(name: str) -> Any:
    """Return a template of this folder, with what all pages have: the style, the script, and their hashes."""
    from jinja2 import Environment, PackageLoader
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("ccdfx.night.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = {"number": number, "fixed": fixed, "seconds": seconds_shown, "flags": flags, "counted": counted}
    environment.filters.update(filters)
    for part in ("style.css", "script.js"):
        text = resources.files("ccdfx.night.report").joinpath(part).read_text(encoding="utf-8")
        word = part.partition(".")[0]
        environment.globals[word] = Markup(text)  # a file of this package
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
        environment.globals[f"{word}_hash"] = f"sha256-{digest}"
    return environment.get_template(name)


def as_markup(plots: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mark the pictures as markup; their texts are escaped."""
    from markupsafe import Markup

    return [{**plot, "svg": Markup(plot["svg"])} for plot in plots]


def json_in_page(values: Any) -> Any:
    """Write values as JSON inside of a page: nothing in it ends the element.

    >>> print(json_in_page({"title": "</script>"}))
    {"title": "\\u003c/script\\u003e"}
    """
    from markupsafe import Markup

    text = json.dumps(plain_values(values), sort_keys=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
