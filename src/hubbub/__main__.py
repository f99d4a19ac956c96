"""`python -m hubbub` is the `hubbub` command."""

import sys

from hubbub_registry.cli import main

sys.exit(main())
