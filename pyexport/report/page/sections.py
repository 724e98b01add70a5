"""The parts of the page, in order. To add one: a function that returns its values, a line here."""

from __future__ import annotations

from pyexport.report.page.comparison import comparison_values
from pyexport.report.page.disagreements import hunt_values
from pyexport.report.page.inputs import attack_values, generated_values
from pyexport.report.page.layers import cost_values, error_values
from pyexport.report.page.provenance import provenance_values
from pyexport.report.page.scores import scores_values
from pyexport.report.page.section import Section
from pyexport.report.page.sizes import sizes_values
from pyexport.report.page.spiking import spike_values

SECTIONS = (
    Section("Firmware and simulator", "comparison.html.j2", comparison_values),
    Section("Memory", "sizes.html.j2", sizes_values),
    Section("Accuracy", "tables.html.j2", scores_values),
    Section("Error by layer", "errors.html.j2", error_values),
    Section("Spikes", "spikes.html.j2", spike_values),
    Section("Cost by layer", "costs.html.j2", cost_values),
    Section("Generated inputs", "generated.html.j2", generated_values),
    Section("Adversarial inputs", "attack.html.j2", attack_values),
    Section("Disagreements", "hunt.html.j2", hunt_values),
    Section("Provenance", "provenance.html.j2", provenance_values),
)
