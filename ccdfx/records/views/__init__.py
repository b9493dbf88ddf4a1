"""How records look in a terminal and in a notebook.

May import the errors, and the cards and flags of the records.
"""
