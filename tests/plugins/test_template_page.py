"""The page of plugins builds the template line by line: nothing of the package is missing from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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
