"""Pictures of products for pages: drawn while the pixels are in memory."""

from __future__ import annotations

from pathlib import Path

from ccdfx import plots
from ccdfx.records.image import Image

SIZE = 300  # pixels


def write_preview(image: Image, path: Path, *, kind: str) -> None:
    """Write a PNG of a product, as large as the page shows it; a map of bad pixels is drawn as one."""
    from ccdfx.io.atomic import atomic_path
    from ccdfx.night.report.pixel_map import draw_bad_pixels

    is_map = kind == "bad_pixels"
    png = draw_bad_pixels(image, size=2 * SIZE) if is_map else plots.thumbnail(image, size=SIZE)
    with atomic_path(path, True) as temporary:
        temporary.write_bytes(png)
