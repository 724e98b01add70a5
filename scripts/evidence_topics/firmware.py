"""The firmware: built, flashed and questioned on emulated boards, and through a noisy line."""

from __future__ import annotations

from scripts.evidence_topics.figures import Task, Topic
from scripts.evidence_topics.firmware_boards import boards, clean_checkout
from scripts.evidence_topics.firmware_noise import fuzz_figures, noise_figures

FIRMWARE = Topic(
    name="firmware",
    title="The firmware: flashed boards that answer as the simulator does",
    introduction=(
        "The PlatformIO project `firmware/` with its example, a 64-32-16-10 network that reads 8x8 "
        "digits, on [emulated boards](../boards.md). Nothing was measured on real boards. The "
        "[serial link](../link.md) is tried with bit errors that no real line has."
    ),
    tasks=(
        Task("boards", boards),
        Task("noise", noise_figures),
        Task("fuzzer", fuzz_figures),
        Task("clean checkout", clean_checkout),
    ),
)
