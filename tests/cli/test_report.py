"""`ccdfx report`: the page drawn again from facts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.mark.quick
def test_the_page_is_that_of_the_run_and_needs_no_product(run, reduced: Path, output: Path) -> None:
    page = (reduced / "report.html").read_bytes()
    for folder in ("masters", "calibrated", "combined"):
        shutil.rmtree(output / folder)
    (output / "report.html").unlink()
    result = run("report", output)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{output / 'report.html'}\n"
    assert (output / "report.html").read_bytes() == page
    assert run("report", output).exit_code == 0
    assert (output / "report.html").read_bytes() == page


@pytest.mark.quick
def test_the_number_of_pictures_can_be_chosen(run, output: Path) -> None:
    def pictures(*options: object) -> int:
        assert run("report", output, *options).exit_code == 0
        return (output / "report.html").read_text().count('<img class="picture"')

    # The map of bad pixels is always shown; then at most so many masters, calibrated and combined frames each.
    assert (pictures("--pictures", 0), pictures("--pictures", 1)) == (1, 4)
    assert pictures("--pictures", 99) == pictures() == len(list(output.glob("*/*.fits")))


def test_without_facts_there_is_no_page(run, output: Path, tmp_path: Path) -> None:
    (output / "night.json").write_text('{"complete": false, "directory": "raw"}')
    before = (output / "report.html").read_bytes()
    for folder in (output, tmp_path / "raw"):
        folder.mkdir(exist_ok=True)
        result = run("report", folder)
        assert result.exit_code == 1 and "night.json" in result.stderr and "Traceback" not in result.stderr
    assert (output / "report.html").read_bytes() == before


def test_trends_of_several_nights_are_one_page(run, reduced: Path, output: Path, tmp_path: Path) -> None:
    page = tmp_path / "trends.html"
    result = run("report", reduced, output, "-o", page)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{page}\n" and "Read noise" in page.read_text(encoding="utf-8")
    for options in ((), ("-o", page, "--pictures", 3)):
        refused = run("report", reduced, output, *options)
        assert refused.exit_code == 2 and "-o" in refused.stderr
    facts = (output / "night.json").read_bytes()
    assert run("report", output, "-o", output / "night.json").exit_code == 4
    assert (output / "night.json").read_bytes() == facts
