"""`ccdfx arith`: arithmetic of images, with flags, variance and units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ccdfx.cli.completion import files
from ccdfx.cli.options import computing, naming, options, refuse_output, which_image
from ccdfx.cli.several import require_one_image
from ccdfx.cli.terminal import escape, say, talks


@click.command("arith")
@click.argument("expression")
@click.argument("images", nargs=-1, required=True, metavar="NAME=FILE...")
@click.option("-o", "--output", required=True, metavar="FILE", shell_complete=files, help="The result.")
@options("hdu", "plane", "no_checksum", "overwrite", "threads", "memory")
@talks
def command(
    expression: str,
    images: tuple[str, ...],
    output: str,
    overwrite: bool,
    threads: int | None,
    memory: int | None,
    **image: Any,
) -> None:
    """Compute an expression of images, such as '(a - b) / flat' a=sky.fits b=bias.fits flat=flat.fits.

    An expression has names, numbers, + - * / ** and brackets, abs(x), sqrt(x), and mean(x) and median(x), the level of the
    good pixels. Flags are joined; the variance is that of independent errors, where every image has one. Units must go
    together. An expression that begins with a minus sign follows --.
    """
    import ccdfx
    from ccdfx.errors import CcdfxError
    from ccdfx.io.provenance import file_sha256, with_provenance
    from ccdfx.operations.expression import names_in

    files = _files(images)
    try:
        used = names_in(expression)
    except CcdfxError as error:
        raise click.UsageError(str(error)) from error
    if used != files.keys():
        missing, more = sorted(used - files.keys()), sorted(files.keys() - used)
        words = [f"give {name}=FILE" for name in missing] + [f"leave out {name}=..." for name in more]
        raise click.UsageError(f"the images are not those of {expression!r}: {', '.join(words)}")
    refuse_output(output, overwrite, files.values())
    which, given = which_image(**image), {}
    for name, file in files.items():
        require_one_image(file, which)
        with naming(file):
            given[name] = ccdfx.read(file, **which)
    with computing(None, threads, memory):
        result = ccdfx.evaluate(expression, **given)
    header = with_provenance(
        result.header, "arithmetic", [(Path(file).name, file_sha256(Path(file))) for file in files.values()]
    )
    lines = [f"ccdfx {ccdfx.__version__} arith: {name} is {Path(file).name}" for name, file in files.items()]
    ascii_lines = [escape(text).encode("ascii", "backslashreplace").decode() for text in lines]
    ccdfx.write(result.replace(header=header.add_history(*ascii_lines)), output, overwrite=overwrite)
    unit = result.unit or "no known unit"
    say(
        f"{expression} written as {output}: in {unit}, {'with' if result.variance is not None else 'without'} variance"
    )


def _files(images: tuple[str, ...]) -> dict[str, str]:
    """Return the files by the names that the expression has for them."""
    files: dict[str, str] = {}
    for text in images:
        name, equals, file = text.partition("=")
        if not equals or not name.isidentifier() or not file:
            raise click.UsageError(f"{text!r} is not NAME=FILE, such as a=frame.fits")
        if name in files:
            raise click.UsageError(f"{name!r} is given twice")
        files[name] = file
    return files
