"""Readouts found in headers: which pixels each amplifier read, and where they belong on its detector.

May import records, noise and the readouts of operations; no file is read here.
"""
