"""Equality of images, which `Image` itself does not define, because ``==`` on arrays is elementwise."""

from __future__ import annotations

import numpy as np

from ccdfx.records.image import Image


def assert_same_image(image: Image, expected: Image) -> None:
    """Raise AssertionError unless all five fields agree to the last bit; NaN equals NaN.

    Different types are an error. So is a mask of None against one of zeros, and another order, comment or
    duplicate of header cards.

    Examples
    --------
    >>> assert_same_image(Image([[1.0, float("nan")]]), Image([[1.0, float("nan")]]))
    >>> assert_same_image(Image([[1.0]]), Image([[1.0]], mask=[[0]]))
    Traceback (most recent call last):
    AssertionError: mask: None, expected uint8
    """
    for name in ("array", "mask", "variance"):
        found, wanted = getattr(image, name), getattr(expected, name)
        kinds = [None if plane is None else plane.dtype.name for plane in (found, wanted)]
        if kinds[0] != kinds[1]:
            raise AssertionError(f"{name}: {kinds[0]}, expected {kinds[1]}")
        if found is not None:
            np.testing.assert_array_equal(found, wanted, err_msg=name, strict=True)
    if image.range != expected.range:
        raise AssertionError(f"range: {image.range}, expected {expected.range}")
    if image.header != expected.header:
        cards = [
            (a, b)
            for a, b in zip(image.header.cards, expected.header.cards, strict=False)
            if repr(a) != repr(b)
        ]
        found, wanted = cards[0] if cards else (len(image.header.cards), len(expected.header.cards))
        raise AssertionError(f"header: {found}, expected {wanted}")
