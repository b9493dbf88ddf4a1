"""Rejection rules for combining: records that bind options to a compiled rule of `ccdfx.kernels.rules`, cut
by the same words as there.

Imports no other room of operations.
"""
