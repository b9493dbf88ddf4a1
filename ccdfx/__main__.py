"""Entry point of `python -m ccdfx`, the same as the `ccdfx` command."""

from ccdfx.cli import main

if __name__ == "__main__":
    main()
