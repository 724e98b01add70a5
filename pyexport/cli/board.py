"""pyexport board: says what runs on a board, or at which serial ports one may be."""

from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pyexport.cli.common import JsonOption, err, out, plain_table, print_json, say
from pyexport.errors import CheckFailedError
from pyexport.runners import require_board_modules
from pyexport.untrusted import printable

if TYPE_CHECKING:
    from pyexport.runners.messages import BoardInfo


def board_command(
    port: Annotated[
        str | None,
        typer.Option(help="Serial port of the board, or socket://HOST:PORT; none: list the ports."),
    ] = None,
    patience: Annotated[
        float, typer.Option(help="Seconds that the board may take to answer.")
    ] = 10.0,
    json: JsonOption = False,
) -> None:
    """Ask a board which model it runs; without a port, list the serial ports of this computer."""
    require_board_modules()
    if port is None:
        _list_ports(json)
    else:
        _identify(port, patience, json)


def _list_ports(json: bool) -> None:
    from pyexport.runners.lines import serial_ports

    ports = serial_ports()
    if json:
        print_json([{"port": port, "description": description} for port, description in ports])
        return
    if not ports:
        say("no serial port on this computer; plug the board in, or name a socket://HOST:PORT")
        return
    table = plain_table("port", "~description")
    for port, description in ports:
        table.add_row(printable(port), printable(description))
    out.print(table)
    say("\npyexport board --port PORT asks what runs there; opening a port restarts some boards")


def _identify(port: str, patience: float, json: bool) -> None:
    from pyexport.runners.link import open_link

    with err.status(f"asking {port}"), closing(open_link(port, patience=patience)) as link:
        info = link.identify()
    if json:
        print_json({"port": port, **asdict(info)})
    else:
        _print(port, info)
    if not info.selftest:
        raise CheckFailedError(
            f"{port}: the board's self-test fails, so {info.model} computes other values there; "
            "flash it again, and `pyexport verify` shows where they differ"
        )


def _print(port: str, info: "BoardInfo") -> None:
    clock = "it counts no cycles"
    if info.clock_hz:
        clock = f"{info.clock_hz / 1e6:g} MHz; last inference {info.last_cycles} cycles"
    ram = "unknown" if info.free_ram is None else f"{info.free_ram} bytes were never used"
    lines = {
        "board": f"{info.board} at {port}",
        "model": f"{info.model}, {info.profile}, exported by pyexport {info.exporter}",
        "identity": info.identity,
        "input": f"{info.input_size} x {info.input_dtype}",
        "output": f"{info.output_size} x {info.output_dtype}",
        "state": f"{info.state_bytes} bytes, kept from step to step",
        "self-test": "passed" if info.selftest else "FAILED: the board computes other values",
        "RAM": ram,
        "cycles": clock,
        "link": f"{info.requests} requests, {info.dropped} damaged, {info.repeats} repeated",
    }
    if not info.state_bytes:
        del lines["state"]
    for name, value in lines.items():
        say(f"{name:10} {value}")
