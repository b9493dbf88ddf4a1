"""`ccdfx header`: cards of files printed, or corrected in copies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from ccdfx.cli.completion import files
from ccdfx.cli.options import hdu_of, named, naming, options, refuse_place
from ccdfx.cli.targets import made_folder
from ccdfx.cli.terminal import print_data, print_json, say, talks
from ccdfx.errors import ArgumentError, FileError

_NUMBER = re.compile(r"[+-]?(\d+|\d+\.\d*|\.\d+)([EeDd][+-]?\d+)?\Z")
_PATTERN = re.compile(r"[A-Za-z0-9_ *?-]+\Z")


@click.command("header")
@click.argument("files", nargs=-1, required=True, metavar="FILE... [KEYWORD...]", shell_complete=files)
@click.option("--hdu", metavar="HDU", help="Number or name of the HDU, or all (default: the first image).")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Set a card; repeatable.")
@click.option("--rename", multiple=True, metavar="OLD=NEW", help="Give a card another keyword; repeatable.")
@click.option("--remove", multiple=True, metavar="KEY", help="Remove the cards of a keyword; repeatable.")
@click.option(
    "-o",
    "--output",
    metavar="DIRECTORY",
    shell_complete=files,
    callback=named,
    help="Write corrected copies here; it is made.",
)
@click.option(
    "--suffix", metavar="TEXT", callback=named, help="Write copies beside the files: a.fits to aTEXT.fits."
)
@click.option("--in-place", is_flag=True, help="Correct the files themselves.")
@options("no_checksum", "overwrite", "json")
@talks
def command(
    files: tuple[str, ...],
    hdu: str | None,
    sets: tuple[str, ...],
    rename: tuple[str, ...],
    remove: tuple[str, ...],
    output: str | None,
    suffix: str | None,
    in_place: bool,
    no_checksum: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Print the cards of files, those of KEYWORDs alone (with * and ?), or correct headers in copies.

    Corrected copies have the same pixels, HDUs and planes to the last byte, and checksums that are right. Cards are
    renamed, then removed, then set, and HISTORY says what was changed.
    """
    paths, keywords = _split(files)
    places = sum((output is not None, suffix is not None, in_place))
    if not (sets or rename or remove):
        if places or overwrite or no_checksum:
            raise click.UsageError("--set, --rename or --remove says what is corrected")
        _print(paths, keywords, hdu, as_json)
        return
    if keywords:
        raise click.UsageError(f"{keywords[0]} is no file; name cards by --set, --rename and --remove")
    if as_json:
        raise click.UsageError("--json is for printing")
    if places != 1:
        raise click.UsageError("say where corrected files go: -o DIRECTORY, --suffix TEXT or --in-place")
    if in_place and overwrite:
        raise click.UsageError("--overwrite is for copies, and --in-place replaces the files")
    edits = _edits(sets, rename, remove)
    targets = _targets(paths, output, suffix)
    _correct(paths, targets, edits, hdu, checksum=not no_checksum, in_place=in_place, overwrite=overwrite)


def _split(words: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Split files from keywords: what is there is a file, and keywords follow the files."""
    paths = [Path(word) for word in words if Path(word).is_file()]
    keywords = [word for word in words if not Path(word).is_file()]
    wrong = next((word for word in keywords if not _PATTERN.match(word)), None)
    if wrong is not None or not paths:
        name = wrong or words[0]
        if Path(name).is_dir():
            raise FileError(name, "is a folder", remedy=f"give its files, such as {name.rstrip('/')}/*.fits")
        raise FileError(name, "cannot be opened: it is not there", remedy="check its name")
    return paths, keywords


def _print(paths: list[Path], keywords: list[str], hdu: str | None, as_json: bool) -> None:
    from ccdfx.cli.info import card_text
    from ccdfx.night.instruments.conditions import pattern_of

    shown: list[dict[str, Any]] = []
    patterns = [pattern_of(word.strip()) for word in keywords]
    used: set[int] = set()
    for path in paths:
        for name, header in _headers(path, hdu):
            cards = []
            for card in header.cards:
                fits = {place for place, one in enumerate(patterns) if one.match(card.keyword)}
                used |= fits
                if fits or not patterns:
                    cards.append(card)
            shown.append({"file": str(path), "hdu": name, "cards": [list(card) for card in cards]})
            if not as_json:
                if len(paths) > 1 or name is not None:
                    print_data(f"{path}{'' if name is None else f' HDU {name}'}:")
                for card in cards:
                    print_data(card_text(*card))
    if as_json:
        print_json(shown)
    for place, word in enumerate(keywords):
        if place not in used:
            say(f"note: no card has the keyword {word}")


def _headers(path: Path, hdu: str | None) -> Iterator[tuple[int | None, Any]]:
    """Yield headers with the numbers of their HDUs: of one as it is read, without a number, or of all."""
    import ccdfx
    from ccdfx.io.content import opened
    from ccdfx.io.fits.hdus import walk
    from ccdfx.io.reading import find_format

    with naming(path):
        if hdu != "all":
            yield None, ccdfx.read_header(path, hdu=hdu_of(hdu))
        elif find_format(path).name == "fits":
            with opened(path) as content:
                yield from ((one.index, one.header) for one in walk(content))
        else:
            yield from enumerate(image.header for image in ccdfx.read(path, hdu="all"))


def _edits(sets: Sequence[str], rename: Sequence[str], remove: Sequence[str]) -> Any:
    """Parse the corrections; a wrong one is a usage error."""
    from ccdfx.io.fits.edit_header import CardEdits, require_editable
    from ccdfx.records.card import as_keyword

    def pair(option: str, text: str) -> tuple[str, str]:
        key, sign, value = text.partition("=")
        if not sign or not key.strip() or not value.strip():
            hint = "; KEY=\"''\" sets an empty text" if option == "--set" and sign else ""
            raise click.UsageError(
                f"{option} {text!r} is not {'KEY=VALUE' if option == '--set' else 'OLD=NEW'}{hint}"
            )
        return as_keyword(key), value.strip()

    edits = CardEdits(
        rename=tuple((old, as_keyword(new)) for old, new in (pair("--rename", text) for text in rename)),
        remove=tuple(as_keyword(text) for text in remove),
        set=tuple((key, value_of(value)) for key, value in (pair("--set", text) for text in sets)),
    )
    try:
        require_editable(edits, "keyword")
    except ArgumentError as error:
        raise click.UsageError(str(error)) from error
    return edits


def value_of(text: str) -> Any:
    """Convert the text of a value: a number, T or F, or else text, with quotes or without.

    >>> [value_of(text) for text in ("30", "1.5", "T", "'2'", "Johnson V")]
    [30, 1.5, True, '2', 'Johnson V']
    """
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1]
    if text in ("T", "F"):
        return text == "T"
    if not _NUMBER.match(text):
        return text
    try:
        return int(text)
    except ValueError:
        return float(text.upper().replace("D", "E"))


def _targets(paths: list[Path], output: str | None, suffix: str | None) -> list[Path]:
    if output is not None:
        targets = [made_folder(output) / path.name for path in paths]
    elif suffix is not None:
        if "/" in suffix:
            raise click.UsageError(f"--suffix {suffix!r}: must be a part of a name")
        targets = [path.with_name(_with_suffix(path.name, suffix)) for path in paths]
    else:
        targets = paths
    twice = {target.name for target in targets if targets.count(target) > 1}
    if twice:
        raise click.UsageError(f"two files would become {', '.join(sorted(twice))}; correct them one by one")
    return targets


def _with_suffix(name: str, suffix: str) -> str:
    """Put text before the endings of a name: those of the format and of compression."""
    match = re.search(r"(\.[A-Za-z0-9]+)?(\.gz|\.bz2|\.fz)?\Z", name)
    start = match.start() if match else len(name)
    return name[:start] + suffix + name[start:]


def _correct(
    paths: list[Path],
    targets: list[Path],
    edits: Any,
    hdu: str | None,
    *,
    checksum: bool,
    in_place: bool,
    overwrite: bool,
) -> None:
    """Write corrected files, after all that can be refused before."""
    import ccdfx
    from ccdfx.io.fits.edit_header import missing_keywords
    from ccdfx.io.writing import refuse_same_file

    headers = []
    for path, target in zip(paths, targets, strict=True):
        if not in_place:
            try:
                refuse_same_file(target, paths)
            except ArgumentError as error:
                raise click.UsageError(f"{error} (--in-place corrects the files themselves)") from error
            refuse_place(target, overwrite)
        with naming(path):
            headers.append(ccdfx.read_header(path, hdu=None if hdu == "all" else hdu_of(hdu)))
    missing = missing_keywords(headers, edits)
    if missing and hdu != "all":
        raise ArgumentError(
            "header", "must have the cards that are renamed or removed, and no file has one", value=", ".join(missing),
            remedy="'ccdfx header FILE --hdu all' prints all cards",
        )  # fmt: skip
    for path, target in zip(paths, targets, strict=True):
        with naming(path):
            changes = _corrected(path, target, edits, hdu, checksum, overwrite or in_place)
        say(f"{target}: {'; '.join(changes) if changes else 'nothing to change'}")


def _corrected(
    path: Path, target: Path, edits: Any, hdu: str | None, checksum: bool, overwrite: bool
) -> tuple[str, ...]:
    """Write one file corrected and return what was changed."""
    from ccdfx.io.atomic import atomic_path
    from ccdfx.io.fits.edit_header import edit_fits
    from ccdfx.io.one_writer import one_writer
    from ccdfx.io.reading import find_format

    found = find_format(path)
    if found.name != "fits":
        raise FileError(
            path, f"is {found.name}, and only headers of FITS files are corrected",
            remedy=f"'ccdfx convert {path} -o copy.fits' writes it as FITS",
        )  # fmt: skip
    which = "all" if hdu == "all" else hdu_of(hdu)
    with one_writer(target), atomic_path(target, overwrite) as temporary:
        return edit_fits(path, Path(temporary), edits, hdu=which, checksum=checksum)
