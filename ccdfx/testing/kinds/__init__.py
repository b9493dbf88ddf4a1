"""The laws of each kind of object: a module has them as functions, and in `LAWS`.

May import all rooms; only `ccdfx.testing` imports it.
"""
