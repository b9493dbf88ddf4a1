"""What can go wrong between this process and a cluster."""

from __future__ import annotations

from ccdfx import CcdfxError


class ClusterError(CcdfxError):
    """A cluster cannot be reached, does not fit, or lost a tile for good."""
