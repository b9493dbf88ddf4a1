"""`python -m ccdfx` is the `ccdfx` command."""

from ccdfx.cli import main

if __name__ == "__main__":
    main()
