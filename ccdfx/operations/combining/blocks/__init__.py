"""Blocks of a stack that is looked at several times: how it is divided (`division`), and its pixels (`prepared`).

May import what is planned and read (`plan`, `tile_reader`).
"""
