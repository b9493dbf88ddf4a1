"""Templates, responses of the bands, and the fluxes of the templates in the bands at a redshift."""

from __future__ import annotations

import copy
import difflib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx import ArgumentError, ArgumentTypeError, FormatError, UnknownNameError

REDSHIFTS = (0.0, 2.0)
# The number of redshifts at which `kcorrect.kcorrect.Kcorrect` projects the templates; it interpolates
# between them. The same grid and precision give the same results; an exact projection differs by about
# 1e-4 mag.
_NODES = 4000


@dataclass(frozen=True, slots=True)
class RestFrame:
    """The bands at rest, the distance and the templates of a K-correction.

    Parameters
    ----------
    bands : sequence of str, optional
        The rest-frame band of each absolute magnitude, one for each observed band; by default the same bands.
    band_shift : float
        Shift these bands to the blue by 1 + band_shift: 0.1 gives magnitudes such as ^0.1 r.
    distance_modulus : float, optional
        In mag; by default that of the redshift in the Planck 2018 cosmology.
    templates : path or kcorrect.template.SED, optional
        Spectra at 10 pc; by default the five of `kcorrect`.

    Examples
    --------
    >>> RestFrame(band_shift=0.1).band_shift
    0.1
    """

    bands: Sequence[str] | None = None
    band_shift: float = 0.0
    distance_modulus: float | None = None
    templates: Any = None

    def __post_init__(self) -> None:
        if self.bands is not None:
            object.__setattr__(self, "bands", checked_bands(self.bands, "RestFrame.bands"))
        shift = finite(self.band_shift, "band_shift")
        if not REDSHIFTS[0] <= shift <= REDSHIFTS[1]:
            raise ArgumentError(
                "band_shift", "must lie between 0 and 2", value=shift, remedy="0.1 is customary for SDSS"
            )
        if self.distance_modulus is not None:
            finite(self.distance_modulus, "distance_modulus")


def bands() -> list[str]:
    """List the names of all bands whose response is known, such as 'sdss_g0'.

    Examples
    --------
    >>> [name for name in bands() if name.startswith("bessell_")]
    ['bessell_B', 'bessell_I', 'bessell_R', 'bessell_U', 'bessell_V']
    """
    with _quiet():
        from kcorrect.response import ResponseDict, all_responses

        # The dictionary is shared by the process; a user may have added a response.
        return sorted({*all_responses(), *ResponseDict()})


def checked_bands(names: Any, subject: str) -> tuple[str, ...]:
    """Check that each band is known and named once, and return their names."""
    if isinstance(names, str) or not hasattr(names, "__iter__"):
        raise ArgumentTypeError(
            subject,
            "must be the names of bands",
            value=names,
            remedy="give a list such as ['sdss_g0', 'sdss_r0']",
        )
    wanted, known = tuple(names), bands()
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 3, 0.4)
            hint = f"did you mean {', '.join(near)}? " if near else ""
            raise UnknownNameError(
                subject, "has no such band", value=name, remedy=f"{hint}ccdfx_kcorrect.bands() lists all"
            )
    for name in wanted:
        if wanted.count(name) > 1:
            raise ArgumentError(
                subject, "must name each band once", value=name, remedy="combine the images of one band first"
            )
    return wanted


def finite(value: Any, subject: str) -> float:
    """Convert a value to a finite number, or refuse it."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if isinstance(value, bool) or not np.isfinite(number):
        raise ArgumentError(
            subject, "must be a finite number", value=value, remedy="give a number such as 0.02"
        )
    return number


def load_templates(given: Any) -> Any:
    """Load the spectra of a file or of `kcorrect` (None); return a template object as it is."""
    if hasattr(given, "set_redshift") and hasattr(given, "restframe_flux"):
        return given
    with _quiet():
        import kcorrect

        path = Path(kcorrect.KCORRECT_DIR, "data", "templates", "kcorrect-default-v4.fits")
    return _read_templates(str(path if given is None else given))


@cache
def _read_templates(path: str) -> Any:
    with _quiet():
        from kcorrect.template import Template

        try:
            return Template(filename=path, interpolate=True)
        except Exception as error:  # a file of another origin may raise anything
            raise FormatError(path, f"holds no templates: {error}", remedy="see kcorrect.template") from error


def maggies(names: Sequence[str], templates: Any, redshift: float) -> np.ndarray | None:
    """Return the fluxes of the templates, AB maggies (bands, templates), at 10 pc; None out of range."""
    if not REDSHIFTS[0] <= redshift <= REDSHIFTS[1]:
        return None
    responses = tuple(_response(name) for name in names)
    wanted = np.float32(redshift)
    nodes = np.float32(REDSHIFTS[1]) * np.arange(_NODES, dtype=np.float32) / np.float32(_NODES - 1)
    upper = int(np.clip(np.searchsorted(nodes, wanted), 1, _NODES - 1))
    low, high = nodes[upper - 1 : upper + 1]
    below, above = (_projected(responses, templates, float(node)) for node in (low, high))
    return np.asarray((above - below) / (high - low) * (wanted - low) + below, np.float64)


@lru_cache(maxsize=64)  # reused for the windows and nights of one object
def _projected(responses: tuple[Any, ...], templates: Any, redshift: float) -> np.ndarray:
    with _quiet():
        spectra = copy.copy(templates)  # its arrays are replaced below, not changed
        spectra.set_redshift(np.float32(redshift))
        if spectra.interp is None:
            spectra.set_interp()
        rows = [np.broadcast_to(response.project(sed=spectra), spectra.nsed) for response in responses]
    return np.array(rows, np.float32)


def _response(name: str) -> Any:
    with _quiet():
        from kcorrect.response import ResponseDict

        responses = ResponseDict()
        try:
            responses.load_response(name)
        except Exception as error:  # some files of the package cannot be read
            raise FormatError(
                name, f"its response cannot be read: {error}", remedy="use another band"
            ) from error
        return responses[name]


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress warnings of files that `kcorrect` leaves open, and of the libraries it imports."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def distance_modulus(redshift: float) -> float:
    """Return the distance modulus, in mag, in the Planck 2018 cosmology of `kcorrect`; NaN if undefined."""
    if not 0 < redshift <= REDSHIFTS[1]:
        return np.nan
    from astropy.cosmology import Planck18

    return float(Planck18.distmod(redshift).value)
