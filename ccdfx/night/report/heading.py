"""What stands at the head of the page of a night, and texts for it: the observation, warnings, choices."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ccdfx.night.report.advice import advice_for
from ccdfx.night.report.exposures import is_number
from ccdfx.night.report.times import moment
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.night.summary import plain_values
from ccdfx.night.words import listed, number


def heading(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the title of the page, and what it says of the observation."""
    about = facts.get("observation")
    about = about if isinstance(about, Mapping) else {}
    begin, end = moment(about.get("begin")), moment(about.get("end"))
    nights = [str(night) for night in about.get("nights") or ()]
    name = f"Night of {listed(nights)}" if nights else f"Night of {begin.date()} UT" if begin else "Night"
    where = facts.get("instrument") or facts.get("directory")
    duration = None
    if begin is not None and end is not None:
        hours, minutes = divmod(round((end - begin).total_seconds() / 60), 60)
        duration = f"{hours} h {minutes:02d} min, from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UT"
    return {
        "heading": name,
        "title": f"{name}, {where}" if where else name,
        "about": {
            "telescopes": ", ".join(map(str, about.get("telescopes") or ())),
            "observers": ", ".join(map(str, about.get("observers") or ())),
            "duration": duration,
        },
    }


def warning_shown(text: str) -> dict[str, Any]:
    """Return a warning with what to do about it, and where that is explained.

    >>> warning_shown("no flat of filter V: a.fits")["title"]
    'Recipes: masters of other nights'
    """
    advice = advice_for(text)
    return {"text": text, "remedy": advice.remedy, "title": advice.title, "address": advice.address}


def range_shown(values: Iterable[Any]) -> str:
    """Write the values of readouts, from the least to the largest; "" where none is known.

    >>> range_shown([4.5, None, 4.25]), range_shown([4.0, 4.0]), range_shown([None])
    ('4.250 to 4.500', '4.000', '')
    """
    known = [value for value in values if is_number(value)]
    if not known:
        return ""
    low, high = number(min(known)), number(max(known))
    return low if low == high else f"{low} to {high}"


def changed_choices(recipe: Any) -> list[tuple[str, str]]:
    """Return the choices of a recipe that differ from the defaults, as rows (name, value)."""
    if not isinstance(recipe, Mapping):
        return _recipe(recipe)
    defaults = dict(_recipe(plain_values(NightRecipe().as_dict())))
    return [(name, shown) for name, shown in _recipe(recipe) if defaults.get(name) != shown]


def _recipe(recipe: Any, path: str = "") -> list[tuple[str, str]]:
    """Flatten a table of tables to rows (name, value); empty values are not shown."""
    if isinstance(recipe, Mapping):
        return [row for name, part in recipe.items() for row in _recipe(part, f"{path}.{name}".lstrip("."))]
    if recipe is None or recipe in ("", (), []):
        return []
    shown = f"{recipe:g}" if isinstance(recipe, float) and math.isfinite(recipe) else number(recipe)
    return [({"": "recipe", "source": "recipe"}.get(path, path), shown)]
