"""Simulates an export without installing: python scripts/simulate.py digits.px rows.npy."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyexport.cli import main  # the checkout must be on the path first

if __name__ == "__main__":
    sys.argv.insert(1, "simulate")
    main()
