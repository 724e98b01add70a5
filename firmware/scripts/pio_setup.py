"""Prepares PlatformIO for the emulated boards where its registry cannot be reached.

PlatformIO fetches its own build tool (SCons) from its registry before it builds anything. Here the
same SCons comes from pip, and cppcheck from PATH, as PlatformIO packages in its core folder
(~/.platformio or $PLATFORMIO_CORE_DIR). Where the registry answers, nothing is made, and what an
earlier run without a network made is removed.
"""

from __future__ import annotations

import argparse
import configparser
import json
import os
import re
import shutil
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib import util
from pathlib import Path

PROBE_SECONDS = 3.0
MARKER = ".made-without-registry"  # in every folder that this script made
SETTINGS = {"enable_telemetry": False, "check_platformio_interval": 36500}  # both need a network
PROJECT = Path(__file__).resolve().parent.parent

SCONS = """\
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "scons-local"))
import SCons.Script

SCons.Script.main()
"""

CPPCHECK = """\
#!/bin/sh
if ! command -v cppcheck > /dev/null; then
    echo "cppcheck is not on PATH; Debian, Ubuntu: apt-get install cppcheck" >&2
    exit 1
fi
exec cppcheck "$@"
"""

# Takes the place of a platform that could not be fetched, so that `pio run -e uno` says so at once.
PLATFORM = '''\
"""Says that this platform could not be fetched, and makes room for it once it can be."""
import importlib.util
import shutil
from pathlib import Path

from platformio.exception import UserSideException
from platformio.platform.base import PlatformBase

SETUP = Path({script!r})


class {cls}(PlatformBase):
    def configure_project_packages(self, env, targets=None):
        again = f"connect to the network, run: python {{SETUP}}, then the same again"
        if SETUP.is_file():
            spec = importlib.util.spec_from_file_location("pio_setup", SETUP)
            setup = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(setup)
            if setup.registry_answers():
                shutil.rmtree(Path(__file__).parent)
                again = "it can be reached now: run the same again"
        raise UserSideException(
            f"the PlatformIO platform {name} is not installed, and PlatformIO's registry could not "
            f"be reached for it; {{again}} (the emulated boards need no registry)"
        )
'''


def registry_answers(seconds: float = PROBE_SECONDS) -> bool:
    """Return whether PlatformIO's registry answers within so many seconds, proxies included.

    It is not asked, and taken as silent, where PYEXPORT_OFFLINE is set.
    """
    from platformio import __registry_mirror_hosts__

    if os.environ.get("PYEXPORT_OFFLINE"):
        return False
    answers: list[bool] = []

    def ask(url: str) -> None:
        try:
            urllib.request.urlopen(url, timeout=seconds).close()
            answers.append(True)
        except urllib.error.HTTPError as error:
            answers.append(error.code == 404)  # the server itself; a proxy refuses with others
        except OSError:
            pass

    # A name server that is silent cannot be timed out, so the question has a thread of its own.
    url = f"https://api.{__registry_mirror_hosts__[0]}/"
    thread = threading.Thread(target=ask, args=(url,), daemon=True)
    thread.start()
    thread.join(seconds)
    return any(answers)


def core_dir() -> Path:
    """Return PlatformIO's core folder."""
    from platformio.project.config import ProjectConfig

    return Path(ProjectConfig.get_instance().get("platformio", "core_dir"))


def write_package(folder: Path, kind: str, name: str, version: str, manifest: str) -> None:
    """Write what makes PlatformIO take a folder as the package `name` of its own registry."""
    description = {"name": name, "version": version, "description": "made without the registry"}
    if kind == "platform":
        description |= {"title": name}
    else:
        description |= {"system": "*"}
    spec = {"owner": "platformio", "id": None, "name": name, "requirements": None, "uri": None}
    metadata = {"type": kind, "name": name, "version": version, "spec": spec}
    (folder / manifest).write_text(json.dumps(description), encoding="utf-8")
    (folder / ".piopm").write_text(json.dumps(metadata), encoding="utf-8")
    (folder / ".piokeep").touch()  # PlatformIO's clean-up leaves such a folder alone
    (folder / MARKER).touch()


def is_package(folder: Path) -> bool:
    """Return whether a folder is a whole package, which PlatformIO or this script put there."""
    for name in ("package.json", "platform.json", ".piopm"):
        try:
            json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        return True
    return False


def move_away(folder: Path, staging: Path) -> None:
    """Take a folder out of PlatformIO's sight at once: removing it in place may be interrupted."""
    if folder.exists():
        folder.rename(staging / "old")


def beside(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a temporary folder beside a package; PlatformIO finds no package in it."""
    return tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.")


def make_package(
    folder: Path, kind: str, version: str, manifest: str, fill: Callable[[Path], None]
) -> None:
    """Make a package afresh, whole or not at all; one that PlatformIO put there itself stays."""
    if is_package(folder) and not (folder / MARKER).exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with beside(folder) as staging:
        made = Path(staging) / "new"
        made.mkdir()
        fill(made)
        write_package(made, kind, folder.name, version, manifest)
        move_away(folder, Path(staging))
        made.rename(folder)


def tool_version(name: str) -> str:
    """Return the oldest version of a core package that this PlatformIO takes ("4.41101.0")."""
    from platformio.dependencies import get_core_dependencies

    return str(get_core_dependencies()[name]).lstrip("~^>=")


def make_scons(packages: Path) -> str:
    """Make tool-scons from pip's SCons; return what was made."""
    found = util.find_spec("SCons")
    if found is None or not found.submodule_search_locations:
        raise SystemExit(
            'pio_setup: no SCons in this Python; run: pip install "pyexport[firmware]"'
        )
    version = tool_version("tool-scons")
    source = Path(next(iter(found.submodule_search_locations)))

    def fill(made: Path) -> None:
        leave_out = shutil.ignore_patterns("docbook", "__pycache__")  # 20 MB of style sheets
        shutil.copytree(source, made / "scons-local" / "SCons", ignore=leave_out)
        (made / "scons.py").write_text(SCONS, encoding="utf-8")

    make_package(packages / "tool-scons", "tool", version, "package.json", fill)
    return f"tool-scons {version}"


def make_cppcheck(packages: Path) -> str:
    """Make tool-cppcheck, which runs the cppcheck on PATH; return what was made."""
    version = tool_version("tool-cppcheck")

    def fill(made: Path) -> None:
        script = made / "cppcheck"
        script.write_text(CPPCHECK, encoding="utf-8")
        script.chmod(0o755)

    make_package(packages / "tool-cppcheck", "tool", version, "package.json", fill)
    return f"tool-cppcheck {version}"


def registry_platforms(config: Path = PROJECT / "platformio.ini") -> list[str]:
    """Return the platforms of the project that come from the registry."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read(config, encoding="utf-8")
    names = {parser[section].get("platform", "") for section in parser.sections()}
    return sorted(name for name in names if re.fullmatch(r"[a-z0-9]+", name))


def make_platforms(platforms: Path) -> None:
    """Make, for each platform of the registry, one that says that it is not there."""
    for name in registry_platforms():
        script = str(Path(__file__).resolve())
        text = PLATFORM.format(script=script, name=name, cls=f"{name.capitalize()}Platform")

        def fill(made: Path, text: str = text) -> None:
            (made / "platform.py").write_text(text, encoding="utf-8")

        make_package(platforms / name, "platform", "0.0.0", "platform.json", fill)


def prepare(core: Path) -> str:
    """Make the packages; return one line that says what is there."""
    from platformio import app

    made = [make_scons(core / "packages"), make_cppcheck(core / "packages")]
    make_platforms(core / "platforms")
    for name, value in SETTINGS.items():
        app.set_setting(name, value)
    return f"PlatformIO's registry is not used; in {core}: {', '.join(made)}"


def remove(core: Path) -> str:
    """Remove what an earlier run made; return one line that says so, or that nothing is needed."""
    from platformio import app

    marked = [path.parent for path in sorted(core.glob(f"p*/*/{MARKER}"))]
    if not marked:
        return "PlatformIO's registry answers: nothing to prepare"
    for folder in marked:
        with beside(folder) as staging:
            move_away(folder, Path(staging))
    with app.State(lock=True) as state:
        settings = state.get("settings", {})
        for name, value in SETTINGS.items():
            if settings.get(name) == value:
                del settings[name]
        state.modified = True
    return f"PlatformIO's registry answers: removed what was made without it in {core}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="pio_setup", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--offline", action="store_true", help="do not ask the registry")
    arguments = parser.parse_args()
    if util.find_spec("platformio") is None:
        print(
            f"pio_setup: {sys.executable} has no PlatformIO; run: "
            'pip install "pyexport[firmware]", or set PYTHON to the Python that has it',
            file=sys.stderr,
        )
        return 2
    online = not arguments.offline and registry_answers()
    try:
        print(remove(core_dir()) if online else prepare(core_dir()))
    except OSError as error:
        failed = error.args[0][0][2] if isinstance(error, shutil.Error) else error  # of many files
        print(f"pio_setup: {failed}; see to that, then run the same again", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
