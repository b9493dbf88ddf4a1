"""The site: python -m sphinx -W -n -b html docs build/site"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

import ccdfx
import ccdfx.night
import ccdfx.plots
import ccdfx.scalings
import ccdfx.testing

ROOT = Path(__file__).parents[1]
project = "ccdfx"
author = "ccdfx developers"
copyright = author
version = release = ccdfx.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["reference/write.py", "notebooks"]
default_role = "code"
myst_heading_anchors = 3
autosummary_imported_members = True
autodoc_typehints = "none"
autodoc_default_options = {"members": True, "member-order": "bysource"}
numpydoc_show_class_members = False
templates_path = ["templates"]
html_theme = "pydata_sphinx_theme"
nitpick_ignore_regex = [("py:.*", r"PluginManager.*")]  # in the docstring of pluggy's marker
html_title = f"ccdfx {release}"
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}

NAMES = {
    f"{home.__name__}.{name}"
    for home in (ccdfx, ccdfx.plots, ccdfx.scalings, ccdfx.night, ccdfx.testing)
    for name in home.__all__
}
"""What the reference has a page for."""
NAME = re.compile(r"(?:ccdfx\.)?((?:\w+\.)*\w+)(\(.*\))?", re.DOTALL)


class LinkedNames(SphinxPostTransform):
    """Links from public names in code to their pages.

    A word that is a common one too, such as `scale`, may be an option: it is linked only as a call or after `ccdfx.`.
    """

    default_priority = 5  # before references are resolved

    def run(self, **kwargs: Any) -> None:
        """Link every name of this page."""
        for node in list(self.document.findall(nodes.literal)):
            text = node.astext()
            found = NAME.fullmatch(text)
            if found is None or isinstance(node.parent, nodes.reference | addnodes.pending_xref):
                continue
            plain = re.fullmatch(r"[a-z]+", text) is not None
            name = f"ccdfx.{found[1]}"
            if name in NAMES and not plain and not self.env.docname.endswith(f"/{name}"):
                reference = addnodes.pending_xref(
                    "", refdomain="py", reftype="obj", reftarget=name, refexplicit=True, refwarn=True
                )
                reference["refdoc"] = self.env.docname
                node.replace_self(reference)
                reference += node


def copy_plugins(app: Sphinx) -> None:
    """Copy the pages of the plugins, which lie outside of this folder, into it."""
    folder = Path(app.srcdir) / "packages"
    folder.mkdir(exist_ok=True)
    for page in sorted((ROOT / "plugins").glob("ccdfx-*/README.md")):
        text = page.read_text(encoding="utf-8")
        text = text.replace("](../../README.md)", "](../index.md)").replace("](../../docs/", "](../")
        target = folder / f"{page.parent.name}.md"
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")


def to_copies(app: Sphinx, docname: str, content: list[str]) -> None:
    """Lead links to pages of plugins to their copies, and that to README to the first page."""
    content[0] = re.sub(r"\]\(\.\./plugins/(ccdfx-\w+)/README\.md", r"](packages/\1.md", content[0])
    content[0] = content[0].replace("](../README.md)", "](index.md)")


def setup(app: Sphinx) -> None:
    """Connect what is above."""
    app.add_post_transform(LinkedNames)
    app.connect("builder-inited", copy_plugins, priority=400)
    app.connect("source-read", to_copies)
