"""`python -m hubbub_registry` is the `hubbub` command."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
