"""Arduino's AVR core from PATH's distribution, built as Arduino builds it (SCons script)."""

import sys
from pathlib import Path

from SCons.Script import DefaultEnvironment

env = DefaultEnvironment()
sys.path.insert(0, env.PioPlatform().get_dir())

from boards import BoardError  # noqa: E402
from emulator import arduino_core  # noqa: E402

try:
    core = arduino_core()
except BoardError as error:
    sys.stderr.write(f"Error: {error}\n")
    env.Exit(1)

build = env.BoardConfig().get("build")
sources = str(core / "cores" / build["core"])
variant = str(core / "variants" / build["variant"])
env.Append(CPPPATH=[sources, variant], LIBSOURCE_DIRS=[str(core / "libraries")])
library = env.BuildLibrary(str(Path("$BUILD_DIR") / "FrameworkArduino"), sources)
env.Prepend(LIBS=[library])
env.Append(LIBS=["m"])
