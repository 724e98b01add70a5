#!/usr/bin/env python3
"""Makes the inputs that a model takes for each class, without installing.

python scripts/generate_digits.py model.pt is `pyexport generate model.pt`.
scripts/train_digits.py makes such a model of scikit-learn's digits.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyexport.cli import main  # the checkout must be on the path first

if __name__ == "__main__":
    sys.argv.insert(1, "generate")
    main()
