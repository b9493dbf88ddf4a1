"""Rejection rules on sorted lanes, by the same words as in `ccdfx.operations.rejection`.

May import `compile` and `stack`.
"""
