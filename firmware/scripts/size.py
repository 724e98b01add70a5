"""PlatformIO runs this after linking: it says in one sentence when the firmware is too big.

PlatformIO's own check looks at flash and at variables; this one leaves room for the stack too.
"""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

from SCons.Script import Import

Import("env")
env = globals()["env"]
project = Path(env.subst("$PROJECT_DIR"))
sys.path.insert(0, str(project / "scripts"))

model_choice = import_module("model_choice")  # beside this file, like the next
firmware_size = import_module("firmware_size")


def sections(program, env):
    """Return what the platform's size tool prints, and its patterns for flash and RAM."""
    command, flash, ram = (
        env.get(name) for name in ("SIZECHECKCMD", "SIZEPROGREGEXP", "SIZEDATAREGEXP")
    )
    if not command:  # as PlatformIO does
        command = "$SIZETOOL -B -d $SOURCES"
        flash, ram = r"^(\d+)\s+(\d+)\s+\d+\s", r"^\d+\s+(\d+)\s+(\d+)\s+\d+"
    words = command if isinstance(command, list) else command.split()
    words = [env.subst(word.replace("$SOURCES", str(program))) for word in words]
    done = subprocess.run(words, capture_output=True, text=True, env=env["ENV"], check=False)
    return done.stdout if done.returncode == 0 else "", flash, ram


def check(source, target, env):
    """Fail the build when the firmware does not fit the board."""
    board = env.BoardConfig()
    output, flash_pattern, ram_pattern = sections(target[0], env)
    try:
        model = model_choice.read_model(project)
        size = firmware_size.FirmwareSize(
            flash=firmware_size.matching_bytes(output, flash_pattern),
            static_ram=firmware_size.matching_bytes(output, ram_pattern),
            stack=firmware_size.stack_bytes(project, model, "avr" in env.subst("$CC")),
        )
        flash = int(board.get("upload.maximum_size", 0))
        ram = int(board.get("upload.maximum_ram_size", 0))
        firmware_size.check_size(model, str(env["PIOENV"]), size, flash, ram)
    except model_choice.ModelError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    return 0


# A test program holds tests instead of the application.
if "BOARD" in env and env.get("SIZETOOL") and "__test" not in sys.argv:
    env.AddPostAction("$BUILD_DIR/${PROGNAME}${PROGSUFFIX}", env.VerboseAction(check, "Fitting"))
