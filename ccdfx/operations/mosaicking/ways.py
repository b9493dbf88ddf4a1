"""The ways in which the images of a mosaic are placed; apart from their code, so that naming them loads nothing."""

WAYS = ("auto", "wcs", "detsec")
