"""pyexport takes a trained neural network to a microcontroller and proves that the two agree."""

__version__ = "0.1.0"
