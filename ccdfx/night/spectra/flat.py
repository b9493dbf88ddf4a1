"""Master flats of spectra: their axis, and their response without the light of the lamp."""

from __future__ import annotations

from ccdfx import registry
from ccdfx.night.settings.choices import FlatChoice
from ccdfx.night.spectra.axis import require_axis, with_axis
from ccdfx.night.spectra.response import without_response
from ccdfx.records.history import history_text
from ccdfx.records.image import Image


def normalised_spectrum(flat: Image, dispersion: str, choice: FlatChoice) -> Image:
    """Divide a combined flat of spectra by its light, line by line; its axis is written into the header as DISPAXIS.

    Parameters
    ----------
    flat : Image
    dispersion : str
        "rows" or "columns"; "unknown" has the pixels tell it, where they do so clearly.
    choice : FlatChoice
        Its `smooth` and `response` are used.

    Raises
    ------
    ArgumentError
        Nothing tells the axis, or the fit does not follow the light.

    Examples
    --------
    >>> import numpy as np
    >>> lamp = np.linspace(100, 900, 200) * np.ones((100, 1))
    >>> flat = normalised_spectrum(Image(lamp), "unknown", FlatChoice())
    >>> flat.header["DISPAXIS"], bool(abs(flat.array - 1).max() < 1e-3)
    (1, True)
    """
    axis = require_axis(dispersion, flat)
    made = without_response(flat, dispersion=axis, smooth=choice.smooth, response=choice.response)
    said = history_text({"dispersion": axis, "smooth": choice.smooth, "response": choice.response})
    header = with_axis(made.header, axis).add_history(f"ccdfx {registry.version()} without_response {said}")
    return made.replace(header=header)
