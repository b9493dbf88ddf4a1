"""Reduction steps as values: a step binds an operation to its options, a pipeline joins steps, a recipe is
its text form, and `run` applies it to many frames.

May import operations, io, engines and the registry.
"""
