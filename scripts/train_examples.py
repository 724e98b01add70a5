#!/usr/bin/env python3
"""Trains an example model and saves it for `pyexport export`, with calibration and test rows.

    python scripts/train_examples.py lenet --data fashion --out build/examples/lenet_fashion.pt2
    python scripts/train_examples.py all

Each takes one to three minutes of one core (docs/examples.md).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyexport.errors import UsageError
from pyexport.scratch.console import progress, run_script
from scripts.example_models.catalog import EXAMPLES, FAMILIES, SOURCES, Example
from scripts.options import Options

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "examples"


def main() -> None:
    """Train what the options ask for."""
    parser = Options(__doc__)
    parser.add_argument("family", choices=(*FAMILIES, "all"), help="which network, or all")
    parser.add_argument("--data", choices=tuple(SOURCES), help="what it learns")
    parser.add_argument("--out", type=Path, help="file to write: build/examples/FAMILY_DATA.pt2")
    parser.add_argument("--seed", type=int, default=0, help="of weights and order")
    parser.add_argument("--evaluation", type=int, default=200, help="test rows inside the file")
    parser.add_argument("--calibration", type=int, default=200, help="training rows inside it")
    chosen = parser.parse_args()
    if chosen.family == "all":
        if chosen.data is not None or chosen.out is not None:
            raise UsageError("--data and --out go with one family, not with all")
        examples: tuple[Example, ...] = EXAMPLES
    else:
        data = chosen.data or FAMILIES[chosen.family].data[0]
        if data not in FAMILIES[chosen.family].data:
            raise UsageError(
                f"--data: {chosen.family} learns {' or '.join(FAMILIES[chosen.family].data)}"
            )
        examples = (Example(chosen.family, data),)
    if chosen.evaluation < 0 or chosen.seed < 0 or chosen.calibration < 1:
        raise UsageError("--evaluation and --seed start at 0, --calibration at 1")
    if chosen.out is not None and chosen.out.suffix != ".pt2":
        raise UsageError("--out: name a file that ends in .pt2")
    for example in examples:
        path = chosen.out or FOLDER / f"{example.name}.pt2"
        path.parent.mkdir(parents=True, exist_ok=True)
        train(example, path, chosen.seed, (chosen.calibration, chosen.evaluation))


def train(example: Example, path: Path, seed: int, rows: tuple[int, int]) -> None:
    """Train one example, save it with so many calibration and test rows, and print its score."""
    import torch  # seconds that --help need not take

    from scripts.example_models import training

    torch.set_num_threads(1)  # sums in one order
    torch.use_deterministic_algorithms(True)
    started = time.process_time()
    progress(f"{example.name}: data")
    data = SOURCES[example.data]()
    model = training.train(
        example.recipe, data, seed, lambda text: progress(f"{example.name}: {text}")
    )
    score = training.score(example.recipe, model, data)
    written = training.save(example, model, data, path, seed, rows)
    seconds = time.process_time() - started
    measured = f"AUC {score:.4f}" if example.recipe.is_anomaly else f"accuracy {100 * score:.2f} %"
    progress(f"{example.name}: {seconds:.0f} s of one core", last=True)
    print(f"{example.name}: {measured} on {len(data.test.targets):,} test rows")
    for each in written:
        print(f"wrote {each.relative_to(ROOT) if each.is_relative_to(ROOT) else each}")


if __name__ == "__main__":
    run_script(main)
