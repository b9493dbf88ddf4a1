"""Command line, with one module per command.

`TABLE` holds all that `ccdfx --help` needs about the built-in commands. The module of a command is imported
only when that command runs, so that the general help takes no longer than starting Python and click.

May import all rooms; nobody imports it.
"""

from __future__ import annotations

from ccdfx.cli.builtin import TABLE, load

__all__ = ["TABLE", "load", "main"]


def main() -> None:
    """Run the command line and exit; the entry point of the `ccdfx` script and of `python -m ccdfx`."""
    import os
    import sys

    # Products are made side by side; threads of BLAS, for which its problems are too small here, would only wait.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from ccdfx.cli.signals import end_on_signals

        end_on_signals()
        from ccdfx.cli.group import start

        start()
    except KeyboardInterrupt:  # before signals are handled
        sys.exit(130)
