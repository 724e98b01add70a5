#!/usr/bin/env python3
"""Changes inputs until a model gives them another class, without installing.

python scripts/attack_digits.py model.pt is `pyexport attack model.pt`.
scripts/train_digits.py makes such a model of scikit-learn's digits.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyexport.cli import main  # the checkout must be on the path first

if __name__ == "__main__":
    sys.argv.insert(1, "attack")
    main()
