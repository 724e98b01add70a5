"""The list of examples: which network learns which data, and for how long. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.example_models.data import Source
from scripts.example_models.gestures import gestures
from scripts.example_models.images import fashion, mnist
from scripts.example_models.machine import machine
from scripts.example_models.words import words

SOURCES: dict[str, Source] = {
    "mnist": mnist,
    "fashion": fashion,
    "gestures": gestures,
    "words": words,
    "machine": machine,
}


@dataclass(frozen=True)
class Recipe:
    """A family of models: its network, the data it can learn, and how it is trained."""

    title: str
    network: str  # a name in networks.py
    data: tuple[str, ...]  # keys of SOURCES; the first is the default
    epochs: int
    rate: float
    rows: int | None = None  # training rows that are used; None: all
    batch: int = 64
    is_anomaly: bool = False  # learns to reproduce its input; scored by the error


FAMILIES = {
    "lenet": Recipe("LeNet-5", "lenet", ("mnist", "fashion"), 4, 3e-3),
    "separable": Recipe("depthwise-separable CNN", "separable", ("mnist", "fashion"), 3, 1e-2),
    "resnet": Recipe("ResNet-8, half width", "resnet", ("fashion", "mnist"), 3, 1e-2),
    "keywords": Recipe("DS-CNN, half width", "keywords", ("words",), 15, 1e-2),
    "series": Recipe("1-D CNN", "series", ("gestures",), 20, 5e-3),
    "gru": Recipe("GRU 24", "GruClassifier", ("gestures",), 40, 1e-2),
    "lstm": Recipe("LSTM 32", "LstmClassifier", ("words",), 30, 1e-2),
    "autoencoder": Recipe(
        "autoencoder 640-8-640", "autoencoder", ("machine",), 25, 3e-3, is_anomaly=True
    ),
}


@dataclass(frozen=True)
class Example:
    """One model to train: a family on one of its data sets."""

    family: str
    data: str

    @property
    def name(self) -> str:
        """How its files are called: lenet_fashion."""
        return f"{self.family}_{self.data}"

    @property
    def recipe(self) -> Recipe:
        """How it is trained."""
        return FAMILIES[self.family]


# resnet_mnist can be trained too; for the published table one of the two is enough.
EXAMPLES = tuple(
    Example(family, data)
    for family, recipe in FAMILIES.items()
    for data in (recipe.data if family != "resnet" else recipe.data[:1])
)
