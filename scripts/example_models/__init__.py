"""The example models: their data, networks and training; scripts/train_examples.py runs them."""
