"""PlatformIO runs this before a build: it chooses the model, says which one, and whether it fits.

The work is in model_choice.py, which needs no PlatformIO; here is what SCons gives and takes.
"""

import atexit
import os
import sys
from importlib import import_module
from pathlib import Path

from SCons.Script import GetBuildFailures, Import

Import("env")
env = globals()["env"]
project = Path(env.subst("$PROJECT_DIR"))
sys.path.insert(0, str(project / "scripts"))

model_choice = import_module("model_choice")  # beside this file

try:
    model_choice.rebuild(project, os.environ)
    model = model_choice.read_model(project)
    print(f"Model: {model.name}, identity {model.identity[:16]}..., {model.place}", flush=True)
    if "BOARD" in env:
        board = env.BoardConfig()
        flash = int(board.get("upload.maximum_size", 0))
        ram = int(board.get("upload.maximum_ram_size", 0))
        model_choice.check_fits(model, str(env["PIOENV"]), flash, ram)
except model_choice.ModelError as error:
    sys.stderr.write(f"Error: {error}\n")
    env.Exit(1)


def explain_failed_link():
    """Say in one sentence what a linker says in many, where the program itself failed to link."""
    failed = [Path(failure.node.get_abspath()) for failure in GetBuildFailures()]
    # a program that is there was linked, and size.py has said what is wrong with it
    if any(path.stem == env.subst("$PROGNAME") and not path.exists() for path in failed):
        sys.stderr.write(model_choice.link_failure(model, str(env["PIOENV"])) + "\n")


atexit.register(explain_failed_link)
