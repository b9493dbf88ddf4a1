"""The laws that ccdfx has for every step."""

import numpy as np

from ccdfx import Image
from ccdfx.testing import Conformance

_SKY = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 6.2, "CRPIX2": 4.3,
    "CD1_1": -1e-4, "CD1_2": 1e-5, "CD2_1": 1e-5, "CD2_2": 1e-4,
}  # fmt: skip

ccdfx_conformance = [
    Conformance(
        "reproject",
        options={"reproject_image": {"target": Image(np.zeros((8, 10)), _SKY)}},
        # An array has no WCS; and the content moves onto the pixels of the target, whose WCS and range the result has,
        # those of a window too.
        without={
            "reproject_image": [
                "a plain array will do",
                "sky positions stay",
                "a window is treated as that part of its frame",
            ]
        },
        examples=15,
    )
]
