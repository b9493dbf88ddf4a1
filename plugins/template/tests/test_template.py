"""The package: it is installed, provides what it should, and stands on public names of ccdfx alone."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

from ccdfx import registry

HOME = Path(__file__).parents[1]
PACKAGES = [f"ccdfx.{name}" for name in ("plots", "registry", "scalings", "testing")]


def test_the_plugin_is_installed_and_whole() -> None:
    report = next(item for item in registry.plugins() if "template" in item.name)
    assert report.problem is None
    assert dict(report.provides) == {
        "format": ("pgm",),
        "scaling": ("softroot",),
        "noise_model": ("digitisation",),
        "rejection": ("drop_brightest",),
        "step": ("flip",),
        "instrument": ("template-cam",),
        "maker": ("sky_frame",),
        "engine": ("serial",),
        "command": ("brightest",),
    }


def test_it_uses_public_names_only() -> None:
    paths = [*HOME.glob("ccdfx_template/*.py"), *HOME.glob("tests/*.py")]
    assert len(paths) > 3
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            home = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            if home.startswith("ccdfx."):
                assert home in PACKAGES, f"{path.name} imports from {home}"
            if home == "ccdfx" or home in PACKAGES:
                names = {alias.name for alias in node.names}
                assert names <= {*dir(import_module(home))}, path.name
