"""What tests of ccdfx, of plugins and of pipelines need."""

from __future__ import annotations

from ccdfx.testing.equality import assert_same_image

__all__ = ["assert_same_image"]
