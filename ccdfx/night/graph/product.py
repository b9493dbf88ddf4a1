"""Products of a night: what each is made of, by which maker, with which options; and the graph of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from typing import Any

from ccdfx.night.cameras.camera_noise import CameraNoise
from ccdfx.night.frames.frame import Frame
from ccdfx.night.graph.keys import digest, versions
from ccdfx.night.settings.choices import NightRecipe

FACTS_FOLDER = "facts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a maker is told besides its plan: the tables of the recipe that it depends on, and the noise of the camera.

    `tables` are the names of these tables. `contents` holds the SHA-256 of files that the recipe names, by their names.
    """

    recipe: NightRecipe
    tables: tuple[str, ...] = ()
    noise: CameraNoise = field(default_factory=CameraNoise)
    contents: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Product:
    """One product: its file, its inputs, its maker and the options of that.

    Parameters
    ----------
    file : str
        Relative to the output, with forward slashes.
    kind : str
        Such as "bias", "calibrated" or "combined".
    maker : str
        Name of its maker, a part of the key.
    make : callable
        ``make(plan, context)`` returns what was `Made`; a function of a module, so that other processes find it.
    plan : record
        What the maker makes, as planned.
    settings : Settings
    raw : tuple of Frame
        Raw frames that it is made of.
    needs : tuple of str
        Files of the products that it is made of.
    memory : int
        Bytes that its maker needs, roughly.
    has_image : bool
        Whether it is an image, or facts alone.
    """

    file: str
    kind: str
    maker: str
    make: Callable[[Any, Any], Any]
    plan: Any
    settings: Settings
    raw: tuple[Frame, ...] = ()
    needs: tuple[str, ...] = ()
    memory: int = 0
    has_image: bool = True

    def key_parts(self, keys: Mapping[str, str], raw_keys: Mapping[str, str | None]) -> dict[str, Any]:
        """Return what the key is computed of: maker, versions, options, and the keys of all inputs by name.

        Parameters
        ----------
        keys, raw_keys : mapping
            Keys of products and of raw frames by their files.
        """
        raw = {frame.file: raw_keys.get(frame.file) for frame in self.raw}
        options = {
            "plan": digest(self.plan),
            "noise": digest(self.settings.noise),
            "contents": digest(self.settings.contents),
            "recipe": {name: digest(getattr(self.settings.recipe, name)) for name in self.settings.tables},
        }
        return {
            "maker": self.maker,
            "versions": dict(versions()),
            "options": options,
            "raw": raw,
            "inputs": {file: keys[file] for file in self.needs},
        }


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Products by file, in the order in which they were planned; each needs only products of the graph.

    `notes` say what plugins planned and was refused.

    Examples
    --------
    >>> facts = {"maker": "master", "make": print, "plan": None, "settings": None}
    >>> bias = Product(file="masters/bias.fits", kind="bias", **facts)
    >>> flat = Product(file="masters/flat.fits", kind="flat", needs=("masters/bias.fits",), **facts)
    >>> graph = Graph.of([flat, bias])
    >>> graph.order
    ('masters/bias.fits', 'masters/flat.fits')
    >>> graph.only(lambda product: product.kind == "bias").order
    ('masters/bias.fits',)
    """

    products: Mapping[str, Product]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, products: Any, notes: tuple[str, ...] = ()) -> Graph:
        """Make a graph of products."""
        return cls({product.file: product for product in products}, notes)

    @property
    def order(self) -> tuple[str, ...]:
        """Files in an order in which each comes after those that it needs."""
        return tuple(TopologicalSorter(self.edges).static_order())

    @property
    def edges(self) -> dict[str, tuple[str, ...]]:
        """The files that each product needs."""
        return {file: product.needs for file, product in self.products.items()}

    def only(self, wanted: Callable[[Product], bool]) -> Graph:
        """Return the graph of the products that are wanted, and of all that they need."""
        kept = [file for file, product in self.products.items() if wanted(product)]
        reached: set[str] = set()
        while kept:
            file = kept.pop()
            if file not in reached:
                reached.add(file)
                kept += self.products[file].needs
        return replace(
            self, products={file: self.products[file] for file in self.products if file in reached}
        )

    def of_kind(self, *kinds: str) -> Iterator[Product]:
        """Iterate over the products of some kinds."""
        return (product for product in self.products.values() if product.kind in kinds)
