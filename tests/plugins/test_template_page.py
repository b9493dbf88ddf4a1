"""The page of plugins builds the template line by line, and has every field of the records; that of conformance has every law."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from record_tables import GROUPS, row_of

import ccdfx
from ccdfx.registry import KINDS, hook_of
from ccdfx.testing import laws_of

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "plugins" / "template"
SHOWN = [
    *sorted(path.relative_to(TEMPLATE).as_posix() for path in TEMPLATE.glob("ccdfx_template/*.*")),
    "pyproject.toml",
    "tests/test_conformance.py",
]


@pytest.mark.parametrize("name", SHOWN)
def test_the_blocks_of_a_file_together_are_the_file(name: str) -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    blocks = re.findall(rf"^<!-- {re.escape(name)} -->\n```\w+\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert (
        "\n\n\n".join(block.strip() for block in blocks)
        == (TEMPLATE / name).read_text(encoding="utf-8").strip()
    )


@pytest.mark.parametrize(("hook", "names"), GROUPS.items(), ids=GROUPS)
def test_the_page_has_every_field_of_every_record(hook: str, names: tuple[str, ...]) -> None:
    page = (
        (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8").split("## Every field of the records")[1]
    )
    for name in names:
        table = page.split(f"\n`{name}`\n")[1].strip("\n").split("\n\n")[0].splitlines()[2:]
        fields = dataclasses.fields(getattr(ccdfx, name))
        assert len(table) == len(fields), f"{name}: its table has {len(table)} rows"
        for row, field in zip(table, fields, strict=True):
            assert row.startswith(row_of(getattr(ccdfx, name), field) + " ") and row.count(" | ") >= 3, row


def test_every_record_of_a_hook_has_its_table() -> None:
    assert set(GROUPS) == {hook_of(kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_conformance_lists_the_laws(kind: str) -> None:
    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    assert f"| {kind.replace('_', ' ')} | {'; '.join(laws_of(kind))} |\n" in page
