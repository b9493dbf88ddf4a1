"""The error of a cluster."""

from __future__ import annotations

from ccdfx import CcdfxError


class ClusterError(CcdfxError):
    """A cluster cannot be reached, is not compatible, or has finally lost a tile."""
