"""The reference says what the docstrings say, and the stubs what the tables of public names say."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from types import ModuleType

import pytest

import ccdfx

FOLDER = Path(__file__).parents[1] / "docs" / "reference"

WITHOUT_RELATED = {"formats", "open_extensions", "open_frames", "read_header", "read_master"}
"""Public functions whose neighbours are on the page of `read`."""


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_reference", FOLDER / "write.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(writer: ModuleType) -> dict[str, str]:
    return writer.written()


def test_the_pages_are_up_to_date(pages: dict[str, str]) -> None:
    assert sorted(path.name for path in FOLDER.glob("*.md")) == sorted(pages)
    for name, text in pages.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, (
            f"run docs/reference/write.py: {name} is old"
        )


def test_the_page_of_cameras_is_up_to_date(writer: ModuleType) -> None:
    page = FOLDER.parent / "cameras.md"
    assert page.read_text(encoding="utf-8") == writer.cameras(), (
        "run docs/reference/write.py: cameras.md is old"
    )


def test_every_public_name_is_there(pages: dict[str, str]) -> None:
    listed = [line.strip() for page in pages.values() for line in page.splitlines() if line.startswith("   ")]
    functions = [name for name in ccdfx.__all__ if callable(getattr(ccdfx, name))]
    assert len(functions) > 150 and all(listed.count(name) == 1 for name in functions)


def test_functions_name_public_ones_in_see_also(writer: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    writer.require_related()
    functions = [name for name in ccdfx.__all__ if inspect.isfunction(getattr(ccdfx, name))]
    without = {name for name in functions if not writer.related(getattr(ccdfx, name))}
    assert without <= WITHOUT_RELATED
    monkeypatch.setattr(ccdfx.trim, "__doc__", "Trim.\n\n    See Also\n    --------\n    trimm, select\n")
    with pytest.raises(SystemExit, match=r"trim: .*: trimm$"):
        writer.require_related()


def test_the_stubs_are_up_to_date(writer: ModuleType) -> None:
    stubs = writer.stubs()
    assert set(Path(ccdfx.__file__).parent.rglob("*.pyi")) == set(stubs)
    for path, text in stubs.items():
        assert path.read_text(encoding="utf-8") == text, f"run docs/reference/write.py: {path} is old"
