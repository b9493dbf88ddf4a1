"""A command of the command line, `ccdfx brightest FILE...`."""

from __future__ import annotations

import click


@click.command("brightest")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def brightest(files: tuple[str, ...]) -> None:
    """Print the brightest good pixel of each image: file, x, y (0-based), value."""
    import numpy as np

    import ccdfx

    for file in files:
        image = ccdfx.read(file)
        if not image.good.any():
            raise ccdfx.ArgumentError(file, "has no good pixel", remedy="look at its flags with ccdfx info")
        values = np.where(image.good, image.array, -np.inf)
        y, x = np.unravel_index(np.argmax(values), values.shape)
        click.echo(f"{file} {x} {y} {image.array[y, x]:g}")
