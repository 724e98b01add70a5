"""Builds, uploads to and runs an emulated board (SCons script of the platform)."""

import os
import shlex
import sys
from pathlib import Path

from SCons.Script import COMMAND_LINE_TARGETS, AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
platform = env.PioPlatform()
board = env.BoardConfig()
build = board.get("build")
root = Path(platform.get_dir())
sys.path.insert(0, str(root))

import power  # noqa: E402
from boards import BoardError, load_board  # noqa: E402

NAME = env.subst("$BOARD")
TEST_S = 120  # a test program that has not ended by then hangs
PREFIX = build.get("prefix", "")

package = platform.get_package_dir(build.get("package", "")) if build.get("package") else None
if package:
    env.PrependENVPath("PATH", str(Path(package) / "bin"))

env.Replace(
    AR=f"{PREFIX}ar",
    AS=f"{PREFIX}gcc",
    CC=f"{PREFIX}gcc",
    CXX=f"{PREFIX}g++",
    LINK=f"{PREFIX}gcc" if PREFIX.startswith("riscv") else f"{PREFIX}g++",  # no libstdc++ there
    OBJCOPY=f"{PREFIX}objcopy",
    RANLIB=f"{PREFIX}ranlib",
    SIZETOOL=f"{PREFIX}size" if PREFIX else None,
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
)
flags = [*build.get("flags", []), "-g"]
env.Append(
    ASPPFLAGS=["-x", "assembler-with-cpp", *flags],
    CCFLAGS=flags,
    CXXFLAGS=["-std=gnu++11", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"],
    CFLAGS=["-std=gnu11"],
    LINKFLAGS=[*flags, *build.get("link_flags", [])],
    CPPDEFINES=list(build.get("defines", [])),
)
if PREFIX:
    env.Append(
        CCFLAGS=["-ffunction-sections", "-fdata-sections"],
        LINKFLAGS=["-Wl,--gc-sections"],
    )
memory = build.get("memory", None)
if memory:
    for region in ("flash", "ram"):
        origin, size = memory[region]
        env.Append(
            LINKFLAGS=[
                f"-Wl,--defsym=BSP_{region.upper()}_ORIGIN={origin}",
                f"-Wl,--defsym=BSP_{region.upper()}_BYTES={size}",
            ]
        )
    env.Append(LINKFLAGS=["-T", str(root / "bsp" / "common" / "sections.ld")])
if PREFIX:  # flash holds code, constants and the variables' first values
    env.Replace(
        SIZECHECKCMD="$SIZETOOL -A -d $SOURCES",
        SIZEPROGREGEXP=r"^(?:\.text|\.rodata|\.init_array|\.ARM\.exidx|\.data)\s+(\d+).*",
        SIZEDATAREGEXP=r"^(?:\.data|\.bss|\.noinit)\s+(\d+).*",
    )

parts = [root / "bsp" / part for part in build.get("bsp", [])]
if parts:
    env.Append(CPPPATH=[str(root / "bsp" / "common")])
    for part in parts:
        bsp_env = env.Clone()  # the project's own flags come later, and to its sources alone
        bsp_env.Prepend(CPPPATH=["$PROJECT_SRC_DIR", "$PROJECT_INCLUDE_DIR"])
        bsp_env.Append(CPPDEFINES=[("BOARD_NAME", env.StringifyMacro(env.subst("$PIOENV")))])
        bsp_env.BuildSources(str(Path("$BUILD_DIR") / "bsp" / part.name), str(part))


def sentence(action):
    """Let an action end in one line and exit status 1 where a board is missing something."""

    def run(target, source, env):
        try:
            return action(source)
        except BoardError as error:
            sys.stderr.write(f"Error: {error}\n")
            return 1

    return run


def write_launcher(target, source, env):
    """Write $BUILD_DIR/program, which `pio test` starts."""
    python, sim = shlex.quote(env.subst("$PYTHONEXE")), shlex.quote(str(root / "sim.py"))
    script = Path(target[0].get_abspath())
    run = f"exec {python} {sim} run --board {NAME} --no-input --seconds {TEST_S}"
    script.write_text(f'#!/bin/sh\n{run} "${{0%/*}}/firmware.elf"\n', encoding="utf-8")
    script.chmod(0o755)


def upload(source):
    port = power.port_number(env.subst("$UPLOAD_PORT"))
    state = state_file(port)
    chosen = load_board(NAME)
    if chosen.has_bootloader:
        power.flash_by_bootloader(chosen, Path(str(source[1])), port, state)
    else:
        power.start(chosen, Path(str(source[0])), port, state)
    print(f"{chosen.title} runs; its serial line is socket://127.0.0.1:{port}")


def stop(source):
    port = power.port_number(env.subst("$UPLOAD_PORT"))
    print(f"{env['PIOENV']}: {'stopped' if power.stop(state_file(port)) else 'not running'}")


def execute(source):
    sys.stdout.flush()
    arguments = [sys.executable, str(root / "sim.py"), "run", "--board", NAME, str(source[0])]
    status = os.spawnv(os.P_WAIT, sys.executable, arguments)
    if status != 0:
        sys.stderr.write(f"Error: {env['PIOENV']} ended with status {status}\n")
    return status


def state_file(port):
    return Path(env.subst("$PROJECT_WORKSPACE_DIR")) / "boards" / f"{env['PIOENV']}-{port}.json"


if "nobuild" in COMMAND_LINE_TARGETS:
    names = ["firmware.elf", "firmware.hex"] if PREFIX.startswith("avr-") else ["firmware.elf"]
    image = [env.File(str(Path("$BUILD_DIR") / name)) for name in names]
    AlwaysBuild(env.Alias("nobuild", image))
else:
    program = env.BuildProgram()
    launcher = env.Command(
        str(Path("$BUILD_DIR") / "program"),
        program,
        env.VerboseAction(write_launcher, "Building $TARGET"),
    )
    image = [program]
    if PREFIX.startswith("avr-"):
        hex_file = env.Command(
            str(Path("$BUILD_DIR") / "firmware.hex"),
            program,
            env.VerboseAction("$OBJCOPY -O ihex -R .eeprom $SOURCES $TARGET", "Building $TARGET"),
        )
        image.append(hex_file)
    AlwaysBuild(env.Alias("buildprog", [*image, launcher], [*image, launcher]))
    Default([*image, launcher])

env.AddPlatformTarget("upload", image, env.VerboseAction(sentence(upload), "Uploading"), "Upload")
env.AddPlatformTarget("exec", image, env.VerboseAction(sentence(execute), "Running"), "Run here")
env.AddPlatformTarget("stop", None, env.VerboseAction(sentence(stop), "Stopping"), "Stop the board")
