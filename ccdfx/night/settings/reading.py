"""The recipe of a night, read from a TOML file or a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from ccdfx.errors import ArgumentError, CcdfxError, FormatError
from ccdfx.io.text import place_of, read_toml
from ccdfx.night.settings.choices import (
    BadPixelChoice,
    BiasChoice,
    ColourChoice,
    CombineChoice,
    CosmicRayChoice,
    DarkChoice,
    FlatChoice,
    MastersChoice,
    NightRecipe,
    NoiseChoice,
    OverscanChoice,
    ReadChoice,
    ScienceChoice,
    SelectChoice,
    SetupChoice,
)
from ccdfx.night.settings.master_files import absolute_text
from ccdfx.night.settings.value_checks import check_value
from ccdfx.records.parameters import check_names, in_new_words, old_words

_TABLES: dict[str, type] = {
    "read": ReadChoice,
    "setup": SetupChoice,
    "overscan": OverscanChoice,
    "noise": NoiseChoice,
    "bias": BiasChoice,
    "dark": DarkChoice,
    "flat": FlatChoice,
    "science": ScienceChoice,
    "bad_pixels": BadPixelChoice,
    "cosmic_rays": CosmicRayChoice,
    "colour": ColourChoice,
    "select": SelectChoice,
    "combine": CombineChoice,
    "masters": MastersChoice,
}
_OLD_WORDS = {"overscan": {"method": "statistic"}}


def load_night_recipe(source: NightRecipe | Mapping[str, Any] | str | Path | None) -> NightRecipe:
    """Load the options from a TOML file or a mapping; missing ones have their defaults.

    Raises
    ------
    FormatError
        A key is unknown or a value is not allowed; file, key and rule are named.

    Examples
    --------
    >>> load_night_recipe({"dark": {"scale": True}}).dark.scale
    True
    """
    if source is None:
        return NightRecipe()
    if isinstance(source, NightRecipe):
        return source
    if isinstance(source, Mapping):
        return _recipe(source, "recipe", None)
    path = Path(source)
    return _recipe(read_toml(path), str(path), path.parent)


def _recipe(content: Mapping[str, Any], source: str, folder: Path | None) -> NightRecipe:
    try:
        if "step" in content:
            remedy = "name its file as steps in [science], or apply it with ccdfx run"
            raise ArgumentError(
                "recipe", "must be one of a night, and holds [[step]] of a pipeline", remedy=remedy
            )
        check_names("recipe", _TABLES, content)
        tables = {name: _choice(name, content[name]) for name in content}
        for name, key in (("read", "table"), ("science", "steps"), ("bad_pixels", "file")):
            path = getattr(tables[name], key) if name in tables else None
            if path:  # absolute, so that the recipe of night.json holds in any working directory
                tables[name] = replace(tables[name], **{key: place_of(path, folder or ".")})
        if "masters" in tables:
            tables["masters"] = _with_absolute_files(tables["masters"], folder)
    except CcdfxError as problem:
        subject = f"{source}: {problem.subject}"
        raise FormatError(subject, problem.rule, value=problem.value, remedy=problem.remedy) from None
    return NightRecipe(**tables, source=source)


def _choice(name: str, table: Any) -> Any:
    kind = _TABLES[name]
    if not isinstance(table, Mapping):
        raise ArgumentError(name, "must be a table", value=table, remedy=f"write [{name}]")
    table = in_new_words(name, _OLD_WORDS.get(name, {}), table)
    check_names(name, [item.name for item in fields(kind)], table)
    if "reject" in table:  # before the check, which would warn too, as would each stack
        table = {**table, "reject": _rule_in_new_words(table["reject"])}
    for key, value in table.items():
        check_value(name, key, value)
    return kind(**table)


def _with_absolute_files(choice: MastersChoice, folder: Path | None) -> MastersChoice:
    return replace(choice, files=tuple(absolute_text(text, folder or Path()) for text in choice.files))


def _rule_in_new_words(rule: Any) -> Any:
    """Return the table of a rejection rule in new words, and anything else as it is, for the check."""
    from ccdfx import registry

    name = rule.get("name") if isinstance(rule, Mapping) else None
    found = registry.records("rejection").get(name) if isinstance(name, str) else None
    return rule if found is None else in_new_words(found.name, old_words(found.factory), rule)
