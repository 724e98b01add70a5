"""A neural network library from scratch: readable first, then fast, on the standard library alone.

    net = Sequential(Linear(784, 64), ReLU(), Linear(64, 10), seed=0, engine="packed")
    optimizer = SGD(linear_decay(0.02, 0.001, steps=60_000))
    net.train()  # dropout on
    for image, label in samples:  # image: bytes, k standing for k / 256; or a list of floats
        loss = net.step(image, label, loss="cross_entropy", optimizer=optimizer)
    net.eval()
    scores = net(image)  # list of floats, one an output

Engines, all with the same layers and losses:

    value   every number is a graph node (engine.Value): slow, and the oracle of the others
    lists   every vector is a node, its numbers a list of floats: every optimizer
    packed  the lists' graph, but a row of weights is one integer: fast; SGD without momentum

`layer.weight` and `layer.bias` are float copies in every engine; `layer.load(weight, bias)` sets
them. `net.step_batch` takes many samples; `net.value_and_gradient(x, loss=, target=)` also
differentiates with respect to the input.

    net.save("model.pt", input_scale=1 / 256, input_range=(0, 255))  # for pyexport export
    net = load("model.pt")  # the same network in the same engine; train on with the same bits

Spiking networks: Encode, Lif and Readout (pyexport.scratch.spiking) around Linear layers.

What holds bytes counts as bytes: bytearray, array("B"), a NumPy array of uint8. Other arrays count
as the numbers they hold, and have one dimension.
"""

from pyexport.scratch.checkpoint_reader import load
from pyexport.scratch.draw import draw
from pyexport.scratch.engine import Value
from pyexport.scratch.layers import Dropout, LeakyReLU, Linear, ReLU, Sigmoid, Softmax, Tanh
from pyexport.scratch.losses import LOSSES
from pyexport.scratch.mlp import MLP
from pyexport.scratch.nn import Sequential
from pyexport.scratch.node import Node
from pyexport.scratch.optim import SGD, Adam
from pyexport.scratch.schedules import constant, cosine_decay, linear_decay, step_decay
from pyexport.scratch.spiking import Encode, Lif, Readout

__all__ = [
    "LOSSES",
    "MLP",
    "SGD",
    "Adam",
    "Dropout",
    "Encode",
    "LeakyReLU",
    "Lif",
    "Linear",
    "Node",
    "ReLU",
    "Readout",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "Value",
    "constant",
    "cosine_decay",
    "draw",
    "linear_decay",
    "load",
    "step_decay",
]
