"""The built-in commands by name, with their one-line helps, and how one is loaded."""

from __future__ import annotations

TABLE: dict[str, str] = {
    "scan": "List the frames of a directory, from their headers alone.",
    "reduce": "Reduce a night: masters, calibrated and combined frames, a report.",
    "watch": "Reduce a night while its frames arrive.",
    "report": "Draw the report of a reduced night again, from its facts.",
    "verify": "Check the products of a reduced night: bytes, keys and inputs.",
    "history": "Print the tree of how a product came about.",
    "combine": "Combine frames into one, with rejection and alignment.",
    "arith": "Compute an expression of images, with flags, variance and units.",
    "run": "Apply the steps of a recipe to files.",
    "sources": "Find the stars of images: positions, fluxes, widths.",
    "instrument": "Describe a camera: draft an instrument file from frames, check one.",
    "header": "Print the cards of files, or correct them in copies.",
    "info": "Show what a file holds: images, shapes, header values.",
    "stats": "Print the statistics of images.",
    "noise": "Measure gain and read noise of a night, or of flats and biases.",
    "mask": "Map the bad pixels of a detector, from biases, darks, flats or frames.",
    "split-colours": "Split mosaics of colours into the pixels of each colour.",
    "debayer": "Make red, green and blue images of mosaics of colours.",
    "convert": "Write images in another format.",
    "show": "Draw an image, into a file or a window.",
    "hist": "Draw the histogram of an image, into a file or a window.",
    "mosaic": "Draw cut-outs of images side by side.",
    "inspect": "Click into images: values, cuts, widths of stars; mask regions.",
    "plugins": "List all plugins and what they provide; write a new one.",
    "warm": "Compile the kernels that a night needs, before there is one.",
    "demo": "Simulate a night, reduce it, and check the result against the truth.",
    "help": "Print the help of a command.",
}


def load(name: str):
    """Return the click command of the built-in `name` (a key of `TABLE`)."""
    from importlib import import_module

    return import_module(f"ccdfx.cli.{name.replace('-', '_')}").command
