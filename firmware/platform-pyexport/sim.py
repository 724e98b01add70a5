"""Runs a firmware image on an emulated board.

usage: sim.py run --board BOARD [--no-input] [--seconds N] IMAGE     in the foreground; its status
       sim.py serve --board BOARD [--port PORT] [--flash FILE] [IMAGE]   its serial line on TCP
       sim.py stop STATE_FILE...                                     boards that an upload started
       sim.py boards
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import emulator
import power
from boards import BOARDS, BoardError, load_board
from serve import serve


def run_board(arguments: argparse.Namespace) -> int:
    """Run in the foreground; the board's serial line is standard input and output."""
    board = load_board(arguments.board)
    with tempfile.TemporaryDirectory(prefix="board-") as folder:
        flash = None
        if board.kind == "simavr":
            flash = Path(folder) / "flash"
            emulator.make_flash(board, arguments.image, flash)
        line = emulator.command(board, arguments.image, flash, bootloader=False)
        child = emulator.start(line, subprocess.DEVNULL if arguments.no_input else None, None)
        try:
            status = child.wait(arguments.seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            raise BoardError(
                f"{board.name} did not end within {arguments.seconds:g} seconds"
            ) from None
        except KeyboardInterrupt:
            child.terminate()
            return child.wait() and 130
    return status if status >= 0 else 128 - status


def serve_board(arguments: argparse.Namespace) -> int:
    """Serve the board on a TCP port until it is told to stop."""
    board = load_board(arguments.board)
    with tempfile.TemporaryDirectory(prefix="board-") as folder:
        flash = arguments.flash
        if board.kind == "simavr" and flash is None:
            flash = Path(folder) / "flash"
            emulator.make_flash(board, arguments.image, flash)
        line = emulator.command(board, arguments.image, flash)
        return serve(board, line, arguments.port, arguments.idle, arguments.owner)


def stop_boards(arguments: argparse.Namespace) -> int:
    """Stop boards that `pio run -t upload` started, by their state files in .pio/boards."""
    for state in arguments.state:
        print(f"{state.stem}: {'stopped' if power.stop(state) else 'not running'}")
    return 0


def list_boards(arguments: argparse.Namespace) -> int:
    """Print the names of the boards."""
    for path in sorted(BOARDS.glob("*.json")):
        print(f"{path.stem:16} {load_board(path.stem).title}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="sim.py", description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="in the foreground; returns the board's exit status")
    run.set_defaults(function=run_board)
    run.add_argument("--no-input", action="store_true", help="nothing comes in over the line")
    run.add_argument("--seconds", type=float, help="stop it after so many seconds, as an error")
    run.add_argument("image", type=Path)
    server = commands.add_parser("serve", help="its serial line on a TCP port of this computer")
    server.set_defaults(function=serve_board)
    server.add_argument("--port", type=int, default=0, help="0: any; `port N` is printed")
    server.add_argument("--flash", type=Path, help="file that is the flash of an AVR board")
    server.add_argument("--idle", type=float, default=600.0, help="seconds without a client")
    server.add_argument(
        "--owner", type=int, default=os.getppid(), help="it ends with this process; 0: none"
    )
    server.add_argument("image", type=Path, nargs="?")
    stop = commands.add_parser("stop", help="stops boards that an upload started")
    stop.set_defaults(function=stop_boards)
    stop.add_argument("state", type=Path, nargs="+", help="a file of .pio/boards")
    commands.add_parser("boards", help="lists them").set_defaults(function=list_boards)
    for command in (run, server):
        command.add_argument("--board", required=True)
    arguments = parser.parse_args()
    try:
        return int(arguments.function(arguments))
    except BoardError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
