"""Emulated boards: what builds, what answers, which bytes differ, how much RAM an Uno needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.emulated_boards import ENVIRONMENTS, free_port
from scripts.evidence_topics.figures import Context, Figure, markdown_table
from scripts.evidence_topics.firmware_worker import DIGITS, RANDOM, BoardResult

SHORT = ("native", "qemu_cortex_m0", "uno_sim_arduino")
UNO = "uno_sim_arduino"
UNO_RAM, UNO_LIMIT = 2_048, 900  # bytes
CHECKOUT_LIMIT = 60  # seconds


def boards(context: Context) -> tuple[Figure, ...]:
    """Measure the emulated environments in a process that reaches no network."""
    environments = SHORT if context.short else ENVIRONMENTS
    context.say(f"{len(environments)} boards, cold")
    cut_off, results = measure(environments)
    works = [r for r in results if r.built and r.answered and r.tested]
    differing = sum(r.differing_bytes for r in results)
    rows = sum(r.rows for r in results)
    network = "no network" if cut_off else "with a network (unshare is not allowed here)"
    uno = next(r for r in results if r.environment == UNO)
    needed = UNO_RAM if uno.unused_ram is None else UNO_RAM - uno.unused_ram
    stack = needed - (uno.static_ram or 0)
    return (
        Figure(
            "emulated environments that build, upload, run and test, cold, without a network",
            "all" if context.short else "10 of 10",
            f"{len(works)} of {len(results)}, {network}",
            len(works) == len(environments) and (cut_off or context.short),
            (*_board_table(results), *_problems(results)),
        ),
        Figure(
            "bytes that differ over the serial line, all emulated environments",
            "0",
            f"{differing} in {rows:,} answers ({DIGITS} digits and {RANDOM} random inputs each)",
            differing == 0 and rows == len(environments) * (DIGITS + RANDOM),
        ),
        Figure(
            "Uno: RAM of the whole Arduino firmware with the digits network, static and stack",
            f"at most {UNO_LIMIT} of {UNO_RAM:,} bytes",
            f"{needed} bytes ({uno.static_ram} static, {stack} stack); flash {uno.flash:,} bytes",
            uno.unused_ram is not None and 0 < needed <= UNO_LIMIT,
            (
                "Arduino's own core, flashed by `avrdude` through the bootloader. At its start the "
                "firmware paints the RAM that is free; what keeps its color until all questions "
                "are answered was never used, and all the rest counts as needed.",
            ),
        ),
    )


def measure(environments: tuple[str, ...]) -> tuple[bool, list[BoardResult]]:
    """Return whether no network was in reach, and what each environment did."""
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        result = Path(folder) / "result.json"
        worker = [sys.executable, "-m", "scripts.evidence_topics.firmware_worker", str(result)]
        alone = ["unshare", "--map-root-user", "--net"]
        if subprocess.run([*alone, "true"], capture_output=True).returncode != 0:
            alone = []
        root = Path(__file__).resolve().parent.parent.parent
        subprocess.run([*alone, *worker, *environments], cwd=root, check=True)
        document = json.loads(result.read_text(encoding="utf-8"))
    return document["cut_off"], [BoardResult(**board) for board in document["boards"]]


def clean_checkout(context: Context) -> tuple[Figure, ...]:
    """Time the way from a clone to an answer of a flashed, emulated Uno."""
    context.say("clean checkout")
    port = f"socket://127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        checkout = Path(folder) / "checkout"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        environment |= {"PLATFORMIO_CORE_DIR": str(Path(folder) / "core"), "PYTHON": sys.executable}
        environment["PYTHONPATH"] = str(checkout)
        environment["PYEXPORT_BOARD_OWNER"] = str(os.getpid())  # the board ends with this process
        pio = [sys.executable, "-m", "platformio", "run", "-d", "firmware", "-e", UNO]
        pio += ["--upload-port", port]
        steps = (
            ["git", "clone", "--quiet", str(context.root), str(checkout)]
            if (context.root / ".git").exists()
            else ["cp", "-r", str(context.root), str(checkout)],
            [str(checkout / "scripts" / "pio_setup")],
            [*pio, "-t", "upload"],
            [sys.executable, "-m", "pyexport", "board", "--port", port],
        )
        started = time.perf_counter()
        seconds = []
        for command in steps:
            before = time.perf_counter()
            done = subprocess.run(
                command,
                cwd=checkout if checkout.exists() else folder,
                env=environment,
                capture_output=True,
                text=True,
            )
            seconds.append(time.perf_counter() - before)
            if done.returncode != 0:
                raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
        total = time.perf_counter() - started
        answered = "self-test  passed" in done.stdout
        subprocess.run([*pio, "-t", "stop"], cwd=checkout, env=environment, capture_output=True)
    names = ("clone", "pio_setup", "build and flash", "answer")
    parts = ", ".join(f"{n} {s:.1f} s" for n, s in zip(names, seconds, strict=True))
    return (
        Figure(
            "clean checkout to a flashed emulated Uno that answers",
            f"under {CHECKOUT_LIMIT} s wall after installation",
            f"{total:.1f} s ({parts})",
            answered and total < CHECKOUT_LIMIT,
        ),
    )


def _board_table(results: list[BoardResult]) -> tuple[str, ...]:
    header = ("environment", "flash", "static RAM", "unused RAM", "cycles", "seconds")
    return markdown_table(
        header,
        [
            (
                result.environment,
                *(
                    "" if value is None else f"{value:,.0f}"
                    for value in (result.flash, result.static_ram, result.unused_ram, result.cycles)
                ),
                f"{result.seconds:.0f}",
            )
            for result in results
        ],
    )


def _problems(results: list[BoardResult]) -> tuple[str, ...]:
    return tuple(f"\n- {r.environment}: {r.problem}" for r in results if r.problem)
