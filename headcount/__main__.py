"""`python -m headcount` is the `headcount` command."""

import sys

from headcount.beam_pipeline.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
