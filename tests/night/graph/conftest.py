"""A graph of small products: each is an image of one value, its own plus those of the products that it needs."""

from __future__ import annotations

import threading
import time
import warnings
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from ccdfx.errors import ArgumentError, CcdfxWarning
from ccdfx.night.graph.execute import execute
from ccdfx.night.graph.masters import forget_masters
from ccdfx.night.graph.product import Graph, Product, Settings
from ccdfx.night.graph.record import Made
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.records.image import Image


@dataclass(frozen=True)
class Value:
    """What a product adds, whether it fails, how long it takes, and what it warns of."""

    value: float = 1.0
    fails: bool = False
    seconds: float = 0.0
    says: str = ""


class Busy:
    """Notes which products are in the making at the same time."""

    def __init__(self) -> None:
        self.lock, self.now, self.seen, self.order = threading.Lock(), set(), [], []

    def __call__(self, file: str, begins: bool) -> None:
        with self.lock:
            (self.now.add if begins else self.now.remove)(file)
            if begins:
                self.order.append(file)
                self.seen.append(frozenset(self.now))


BUSY = Busy()


def make_sum(plan: Value, context) -> Made:
    """Make an image of the value of the plan plus those of all products that are needed and were made."""
    file = context.product.file
    BUSY(file, True)
    try:
        time.sleep(plan.seconds)
        if plan.says:
            warnings.warn(f"{plan.says} of {file}", CcdfxWarning, stacklevel=1)
        lost = [need for need in context.product.needs if not context.is_made(need)]
        if plan.fails or lost:
            raise ArgumentError(file, "fails", value=lost, remedy="none")
        total = plan.value
        total += sum(float(context.master(need).image.array[0, 0]) for need in context.product.needs)
        image = Image(np.full((4, 5), total, np.float32))
        return Made(image=image, facts={"file": file, "total": total}, used=("a.fits",))
    finally:
        BUSY(file, False)


def product(
    file: str, *needs: str, memory: int = 1, has_image: bool = True, raw: tuple = (), **plan
) -> Product:
    return Product(
        file=file,
        kind="toy",
        maker="sum",
        make=make_sum,
        plan=Value(**plan),
        settings=Settings(recipe=NightRecipe(), tables=("combine",)),
        raw=tuple(SimpleNamespace(file=name, path=name, stamp=None) for name in raw),
        needs=needs,
        memory=memory,
        has_image=has_image,
    )


class Toys:
    """The tools of the tests: products, graphs, and a folder in which they are made."""

    def __init__(self, output) -> None:
        self.output, self.busy, self.events = output, BUSY, []
        self.product = product
        BUSY.__init__()
        forget_masters()

    def run(self, *products: Product, raw_keys=None, **options):
        self.busy.__init__()
        self.events = []
        return execute(Graph.of(products), self.output, raw_keys or {}, told=self.events.append, **options)

    def states(self) -> dict[str, str]:
        return {event.file: event.state for event in self.events}

    def bytes(self) -> dict[str, bytes]:
        """The bytes of all products."""
        return {path.name: path.read_bytes() for path in sorted(self.output.glob("*.fits"))}


@pytest.fixture
def toys(tmp_path) -> Toys:
    return Toys(tmp_path / "out")
