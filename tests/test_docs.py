"""The documentation is true: its examples run, its commands parse, and it names every option and hook."""

from __future__ import annotations

import ast
import doctest
import importlib.util
import inspect
import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import click
import pytest
from astropy.io import fits

import ccdfx
from ccdfx import hookspecs
from ccdfx.cli import TABLE, load

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / ".github").glob("*.md")),
    *sorted((ROOT / "plugins").glob("*/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
ids = [str(page.relative_to(ROOT)) for page in PAGES]


def require_installed(page: Path) -> None:
    """Skip the page of a plugin that is not installed here."""
    project = page.parent / "pyproject.toml"
    if page.parent.parent.name == "plugins":
        table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        for module in table["entry-points"]["ccdfx"].values():
            if importlib.util.find_spec(module) is None:
                pytest.skip(f"{table['name']} is not installed")


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which the demonstration was made, as the tutorial says."""
    from ccdfx.demo.run import run_demo

    folder = tmp_path_factory.mktemp("docs")
    run_demo(folder / "demo-night", check=False)
    return folder


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if blocks(page, "python")],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_examples_run(page: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_installed(page)
    monkeypatch.chdir(place)
    names: dict[str, object] = {}
    for text in blocks(page, "python"):
        if ">>>" not in text:
            exec(compile(text, str(page), "exec"), names)  # our own pages, in the order of the text
            continue
        example = doctest.DocTestParser().get_doctest(text, names, page.name, str(page), 0)
        said: list[str] = []
        runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
        result = runner.run(example, out=said.append, clear_globs=False)
        assert result.failed == 0, "".join(said)
        names.update(example.globs)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands_parse(page: Path) -> None:
    lines = [line for text in blocks(page, "sh") for line in text.replace("\\\n", " ").splitlines()]
    for line in lines:
        for part in re.split(r"&&|\|", line):
            words = shlex.split(part, comments=True)
            if words and Path(words[0]).name == "ccdfx" and words[1:2] and words[1] in TABLE:
                command = load(words[1])
                # A command keeps the help option of the first context that it sees.
                context = click.Context(
                    command, info_name=words[1], resilient_parsing=True, help_option_names=["-h", "--help"]
                )
                command.make_parser(context).parse_args(list(words[2:]))


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_files_of_this_repository_that_a_page_names_are_there(page: Path) -> None:
    for name in re.findall(r"`((?:ccdfx|docs|plugins|tests)/[\w./-]+)`", page.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), name


def test_every_page_is_in_the_index_or_in_a_list_that_it_names() -> None:
    folder = ROOT / "docs"
    named = set(
        re.findall(
            r"^- \[[^]]+\]\(([\w./]+)\)", (folder / "index.md").read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    assert {"guide.md", "project.md"} <= named
    for page in ("guide", "other_programs", "project"):
        text = (folder / f"{page}.md").read_text(encoding="utf-8")
        links = re.findall(r"^- \[[^]]+\]\((\w+)\.md\)", text, re.MULTILINE)
        assert links == re.findall(r"^(\w+)$", text.partition(":hidden:")[2], re.MULTILINE), (
            "the list and the toctree"
        )
        named |= {f"{link}.md" for link in links}
    assert {page.name for page in folder.glob("*.md")} == {name for name in named if "/" not in name} | {
        "index.md"
    }


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem
)
def test_notebooks_run_and_are_stored_without_outputs(
    path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    cells = [
        cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"
    ]
    assert cells and not any(cell["outputs"] or cell["execution_count"] for cell in cells)
    names: dict[str, object] = {}
    for cell in cells:
        exec(compile("".join(cell["source"]), str(path), "exec"), names)


def test_the_page_of_frames_not_used_quotes_what_is_said() -> None:
    """What the first column of its tables quotes is in the sources."""
    text = (ROOT / "docs" / "not_used.md").read_text(encoding="utf-8")
    quoted = [line.split(" |")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")]
    quoted = [words for words in quoted if words != "what is said"]
    said = {
        node.value
        for folder in ("night", "io", "operations/registration")
        for path in sorted((ROOT / "ccdfx" / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert len(quoted) > 15
    assert not [words for words in quoted if not any(words in one for one in said)]


def product_keywords(folder: Path) -> set[str]:
    """The keywords of the products of a night, a digit or a number of three digits as n and nnn."""
    found: set[str] = set()
    for path in folder.rglob("*.fits"):
        with fits.open(path) as hdus:
            found |= {re.sub(r"\d{3}$", "nnn", keyword) for hdu in hdus for keyword in hdu.header}
    return found


def written_keywords() -> set[str]:
    """The keywords that the sources set by name."""
    found: set[str] = set()
    for path in sorted((ROOT / "ccdfx").rglob("*.py")):
        if path.relative_to(ROOT / "ccdfx").parts[0] in ("demo", "testing", "cli", "kernels"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "set"
            ):
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
    return {name for name in found if name.isupper()}


def test_the_page_of_products_lists_every_keyword_and_file(place: Path) -> None:
    text = (ROOT / "docs" / "products.md").read_text(encoding="utf-8")
    keywords = set(re.findall(r"`([A-Z][A-Z0-9_n-]*)`", text))
    kept = set(fits.getheader(place / "demo-night" / "night" / "0030_field_V.fits"))
    found, written = product_keywords(place / "demo-night" / "reduced"), written_keywords()
    assert len(found) > 50 and len(written) > 20
    assert found - keywords - kept - {f"MASKBIT{bit}" for bit in range(8)} <= {"UTYPE"} and "UTYPE" in text
    assert not written - keywords
    patterns = re.findall(
        r"`([^`]+)`",
        " ".join(
            line.split("|")[1] for line in text.split("## Ext")[0].splitlines() if line.startswith("| `")
        ),
    )
    files = [
        path.relative_to(place / "demo-night" / "reduced")
        for path in (place / "demo-night" / "reduced").rglob("*")
        if path.is_file()
    ]
    assert len(files) > 20
    assert not [path for path in files if not any(path.match(pattern) for pattern in patterns)]


@pytest.mark.parametrize("name", TABLE)
def test_the_page_of_the_command_line_names_every_option(name: str) -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    section = text.split(f"## ccdfx {name}\n", 1)[1].split("\n## ", 1)[0]
    common = {"-v", "--verbose", "-q", "--quiet"}  # described once for all commands
    command = load(name)
    inside = list(command.commands.values()) if isinstance(command, click.Group) else []
    parameters = [parameter for one in (command, *inside) for parameter in one.params]
    options = [parameter.opts for parameter in parameters if isinstance(parameter, click.Option)]
    described = [names for names in options if not common & set(names)]
    assert described
    for names in described:
        assert all(f"`{option}" in section for option in names), (name, names)


def hooks() -> list[str]:
    return [name for name in vars(hookspecs) if name.startswith("ccdfx_")]


@pytest.mark.parametrize("name", hooks())
def test_the_page_of_plugins_documents_every_hook_with_its_signature(name: str) -> None:
    signature = inspect.signature(getattr(hookspecs, name))
    text = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    assert f"### {name}\n" in text
    assert f"def {name}() -> {signature.return_annotation}" in text and not signature.parameters


def test_the_page_of_plugins_documents_no_hook_that_is_not_there() -> None:
    text = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    assert re.findall(r"^### (ccdfx_\w+)$", text, re.MULTILINE) == hooks()


def test_the_night_recipe_on_its_page_is_the_default_one() -> None:
    from ccdfx.night.settings.choices import NightRecipe
    from ccdfx.night.settings.reading import load_night_recipe

    (text,) = blocks(ROOT / "docs" / "recipes.md", "toml")
    shown = tomllib.loads(text)
    assert load_night_recipe(shown) == NightRecipe(source="recipe")
    everything = {
        table: {key for key in keys if key not in ("fit", "steps", "file") and table != "select"}
        for table, keys in NightRecipe().as_dict().items()
        if isinstance(keys, dict)
    }
    assert {table: set(keys) for table, keys in shown.items()} == everything
    uncommented = "\n".join(
        line.removeprefix("# ") for line in text.splitlines() if line.startswith(("# fit", "[over"))
    )
    assert load_night_recipe(tomllib.loads(re.sub(r"}   .*", "}", uncommented))).overscan.fit


def test_the_instrument_on_its_page_is_one(tmp_path: Path) -> None:
    text = "\n".join(blocks(ROOT / "docs" / "instruments.md", "toml"))
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    camera = ccdfx.load_instrument(tmp_path / "mine.toml")
    assert camera.name == "mine" and camera.kind_of(ccdfx.Header({"IMAGETYP": "Light"})) == "science"


def test_the_page_of_development_names_every_room() -> None:
    text = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")
    package = ROOT / "ccdfx"
    rooms = sorted(path.parent.relative_to(package).as_posix() for path in package.rglob("__init__.py"))
    rooms.remove(".")  # ccdfx itself
    assert len(rooms) > 20
    assert rooms == sorted(re.findall(r"^\| `([\w/]+)` \| ", text, re.MULTILINE))


def test_readme_has_the_two_commands_and_ci_runs_the_second() -> None:
    lines = [line for text in blocks(ROOT / "README.md", "sh") for line in text.splitlines()]
    tests = [line for line in lines if line.endswith("-m pytest")]
    demos = [line for line in lines if line.endswith("ccdfx demo -o demo-night")]
    assert len(tests) == 1 and len(demos) == 1
    assert all(line.startswith("python3 -m venv .venv && ") for line in tests + demos)
    assert "pip install ./plugins/* &&" in tests[0], "README's test command installs every plugin"
    assert all(
        (path / "pyproject.toml").exists() for path in (ROOT / "plugins").iterdir() if path.name[0] != "."
    )
    script = (ROOT / ".ci" / "run").read_text()
    extracted = subprocess.run(
        ["bash", "-c", re.search(r"^readme_test=\$\((.*)\)$", script, re.MULTILINE)[1]],  # type: ignore[index]
        check=True, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert extracted.stdout.strip() == tests[0]
    assert 'bash -euo pipefail -c "$readme_test"' in script


def test_the_changelog_knows_this_version() -> None:
    assert f"## {ccdfx.__version__}" in (ROOT / "docs" / "changelog.md").read_text(encoding="utf-8")
