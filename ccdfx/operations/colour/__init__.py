"""Mosaics of colour filters: the pattern of a camera, planes of one colour each, and interpolated colour images.

Imports no other room of operations.
"""
