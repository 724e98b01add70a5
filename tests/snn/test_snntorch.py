"""Networks of snnTorch: converted ones fire the same, what has no form is refused by name."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import snntorch

from pyexport.errors import UnsupportedModelError, UnsupportedOperatorError, UsageError
from pyexport.snn import LIF, from_snntorch
from scripts.compare_snntorch import MODES, Row, compare_modules, compare_reference, random_net


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: "-".join(map(str, mode)))
def test_every_spike_and_membrane_is_snntorchs(mode: tuple[str, str, bool]) -> None:
    row = Row(*mode)
    for seed in (1, 2):
        net = random_net(mode, 20, seed)
        x = torch.rand(30, net[0].in_features)
        compare_modules(row, net, x)
        compare_reference(row, net.double(), x.double())
    assert (row.differ, row.membranes, row.reference) == (0, 0, 0)
    assert 0.05 * row.compared < row.fired < 0.95 * row.compared


def test_the_reset_in_the_same_step_is_not_the_plain_one() -> None:
    """A neuron that its reset left above the threshold needs twice the threshold to fire again."""
    currents = torch.tensor([2.5, 0.0, 0.6])[None, :, None]
    net = nn.Sequential(nn.Linear(1, 1), snntorch.Leaky(1.0, reset_delay=False))
    found = from_snntorch(net, steps=None, encoding=None, readout="count")[1](currents)[0]
    plain = LIF(1.0, reset="subtract", reset_delay=False)(currents)
    assert found[0, :, 0].tolist() == [1, 0, 1]
    assert plain[0, :, 0].tolist() == [1, 1, 1]


class Net(nn.Module):
    """A network as snnTorch's tutorials write it: states by hand, a loop over the steps."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.fc1, self.fc2 = nn.Linear(6, 9), nn.Linear(9, 4)
        self.lif1, self.lif2 = snntorch.Leaky(beta=0.9), snntorch.Leaky(beta=0.8)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        spikes, membranes = [], []
        for _ in range(7):
            spk1, mem1 = self.lif1(self.fc1(x), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spikes.append(spk2)
            membranes.append(mem2)
        return torch.stack(spikes), torch.stack(membranes)


LAYERS = ("fc1", "lif1", "fc2", "lif2")


def test_a_forward_with_a_loop_is_converted_by_the_names_of_its_layers() -> None:
    net, x = Net(), torch.rand(5, 6) * 6
    found = from_snntorch(
        net, layers=LAYERS, steps=7, encoding="direct", readout="count", example=x
    )
    assert [name for name, _ in found.named_children()] == ["encode", *LAYERS, "readout"]
    counts = net(x)[0].sum(0)
    assert counts.sum() > 0
    assert torch.equal(found(x).floor(), counts)


def test_layers_in_another_order_than_forward_calls_them_are_found_out() -> None:
    crossed = ("fc1", "lif2", "fc2", "lif1")
    x = torch.rand(5, 6) * 6
    with pytest.raises(UnsupportedModelError, match="does not compute what the layers named do"):
        from_snntorch(Net(), layers=crossed, steps=7, encoding="direct", readout="count", example=x)


def test_another_number_of_steps_than_forward_takes_is_found_out() -> None:
    with pytest.raises(UnsupportedModelError, match=r"correct layers, steps or encoding"):
        x = torch.rand(5, 6)
        from_snntorch(Net(), layers=LAYERS, steps=8, encoding="direct", readout="count", example=x)


def test_a_forward_of_its_own_without_layers_is_asked_for_them() -> None:
    with pytest.raises(UsageError, match=r"say layers=.*'fc1', 'fc2', 'lif1', 'lif2'"):
        from_snntorch(Net(), steps=7, encoding="direct", readout="count")
    with pytest.raises(UsageError, match="there is no layer 'fc3'"):
        from_snntorch(Net(), layers=("fc3",), steps=7, encoding="direct", readout="count")


def test_trained_parameters_stay_trained_and_the_network_is_copied() -> None:
    net = nn.Sequential(nn.Linear(3, 2), snntorch.Leaky(torch.rand(2), learn_beta=True))
    found: Any = from_snntorch(net, steps=5, encoding="rate", readout="count")
    assert [name for name, _ in found.named_parameters()] == ["0.weight", "0.bias", "1.beta"]
    assert found[1].weight is not net[0].weight


def leaky(**options: Any) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return snntorch.Leaky(0.9, **options)


def changed() -> nn.Module:
    neuron = leaky()
    neuron.reset_mechanism = "zero"
    return neuron


@pytest.mark.parametrize(
    ("neuron", "words"),
    [
        (lambda: leaky(inhibition=True), "has inhibition"),
        (lambda: leaky(graded_spikes_factor=2.0), "has graded spikes"),
        (lambda: leaky(learn_graded_spikes_factor=True), "has graded spikes"),
        (lambda: leaky(state_quant=lambda u: u.round()), "has state_quant"),
        (lambda: leaky(spike_grad=torch.sigmoid), "has a spike_grad that is no step"),
        (lambda: leaky(threshold=-1.0), "has a threshold that is not above 0"),
        (changed, "has a reset_mechanism that was changed"),
        (lambda: snntorch.Lapicque(beta=0.9), "is a Lapicque; use Leaky or Synaptic"),
        (lambda: snntorch.RLeaky(beta=0.9, linear_features=2), "is a RLeaky; use Leaky"),
        (lambda: nn.Conv2d(1, 1, 3), "is a Conv2d; between spiking layers only Linear"),
        (lambda: nn.BatchNorm1d(2), "is a BatchNorm1d; between spiking layers only Linear"),
    ],
)
def test_what_has_no_form_is_refused_by_name(neuron: Any, words: str) -> None:
    net = nn.Sequential(nn.Linear(3, 2), neuron(), nn.Linear(2, 2), leaky())
    with pytest.raises(UnsupportedOperatorError, match=f"from_snntorch: 1 .*{words}"):
        from_snntorch(net, steps=4, encoding="direct", readout="count")


def test_a_network_that_does_not_end_with_neurons_is_refused() -> None:
    net = nn.Sequential(nn.Linear(3, 2), leaky(), nn.Linear(2, 2))
    with pytest.raises(UnsupportedModelError, match="must end with a Leaky or Synaptic layer"):
        from_snntorch(net, steps=4, encoding="direct", readout="count")
