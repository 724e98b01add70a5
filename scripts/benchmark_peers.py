"""What other libraries were counted to need for the same networks, and what ours must need.

Counted once, with gcc 12.2 and its best of -Os, -O3 and -Ofast, by the emulators that count ours;
networks of equal accuracy, not of equal bytes. Nothing of these libraries is in this repository.
"""

from __future__ import annotations

from dataclasses import dataclass

# network, target -> the best peer, and instructions an inference; of an ATmega cycles
PEERS: dict[tuple[str, str], tuple[str, int]] = {
    ("a", "cortex-m4"): ("CMSIS-NN", 8_142),
    ("a", "cortex-m0"): ("NNoM", 20_976),
    ("a", "rv32imc"): ("CMSIS-NN", 17_525),
    ("a", "rv32ec"): ("int8 C, libgcc's product", 129_356),
    ("a", "atmega328p"): ("plain int8 C", 82_094),
    ("b", "cortex-m4"): ("CMSIS-NN", 57_333),
    ("b", "cortex-m0"): ("CMSIS-NN", 173_058),
    ("b", "rv32imc"): ("CMSIS-NN", 143_031),
    ("b", "rv32ec"): ("BitNetMCU", 436_290),
    ("b", "atmega328p"): ("plain int8 C", 635_785),
    ("b4", "cortex-m4"): ("BitNetMCU", 210_216),
    ("b4", "cortex-m0"): ("BitNetMCU", 349_722),
    ("b4", "rv32imc"): ("BitNetMCU", 214_950),
    ("c", "cortex-m4"): ("CMSIS-NN", 515_716),
    ("c", "cortex-m0"): ("CMSIS-NN", 1_263_425),
    ("c", "rv32imc"): ("CMSIS-NN", 755_535),
}


@dataclass(frozen=True)
class PeerCount:
    """What another implementation of a network needs, counted here."""

    network: str
    target: str
    peer: str
    compiler: str  # and its level
    mean: float  # over the 20 samples
    worst: int  # over these and those with 1 for every 0
    per_mac: float
    flash: int
    ram: int
    stack: int
    right: str  # of what it computes, in words


@dataclass(frozen=True)
class Demand:
    """The most that one network may need on one target."""

    network: str
    target: str
    must: int
    stretch: int | None = None
    # "portable": C without assembly; "constant": one count for every input; "tables": no immediates
    kind: str = "best"
    flash: int | None = None  # bytes that it may take

    @property
    def what(self) -> str:
        """What the line of the table is called."""
        unit = "cycles" if self.target == "atmega328p" else "instructions"
        kinds = {"portable": ", portable C", "constant": ", constant time", "tables": ", blocks"}
        kind = kinds.get(self.kind, "")
        room = f", at most {self.flash:,} bytes of flash" if self.flash else ""
        return f"network {self.network.upper()}, {self.target}, {unit} an inference{kind}{room}"


PACKED = 20_000  # bytes of flash of network B with weights of 4 bits: "about 15 kB" of tables
DEMANDS = (
    Demand("a", "cortex-m4", 3_100, 2_800),
    Demand("a", "cortex-m0", 6_000, None, "portable"),
    Demand("a", "cortex-m0", 5_100, 4_800),
    Demand("a", "rv32imc", 3_700, 3_400),
    Demand("a", "rv32ec", 12_000, 10_000),
    Demand("a", "atmega328p", 20_600, 18_500, "tables"),
    Demand("a", "atmega328p", 14_900, 13_500),
    Demand("b", "cortex-m4", 20_200, 18_500, "portable"),
    Demand("b", "cortex-m4", 26_800, None, "constant"),
    Demand("b", "cortex-m0", 39_000, None, "portable"),
    Demand("b", "cortex-m0", 28_000, 26_500),
    Demand("b", "rv32imc", 20_900, 19_500),
    Demand("b", "atmega328p", 113_500, 105_000),
    Demand("b4", "cortex-m4", 24_000, flash=PACKED),
    Demand("b4", "cortex-m0", 51_000, flash=PACKED),
    Demand("b4", "rv32imc", 30_000, flash=PACKED),
    Demand("c", "cortex-m4", 113_500, 102_150),
    Demand("c", "cortex-m0", 214_000, 192_600),
    Demand("c", "rv32imc", 145_000, 130_500),
)
DENSE_FACTOR = 1.7  # times fewer than the peer for inputs without any 0, of A and B
DENSE_TARGETS = ("cortex-m4", "cortex-m0", "rv32imc")
ACCURACY_POINTS = 0.3  # that integers may cost
