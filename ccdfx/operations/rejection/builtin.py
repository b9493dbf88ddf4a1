"""The built-in rejection rules."""

from __future__ import annotations

from ccdfx.operations.rejection import noise, profile, ranks, robust, sigma

REJECTIONS = (*ranks.RULES, *sigma.RULES, *noise.RULES, *profile.RULES, *robust.RULES)
