"""The environments of boards on a desk, which are never built here, are complete.

They name platform, board and framework, what a program may use of flash and RAM, and nothing that
would compile other sources than uno_sim_arduino, which is built and run.
"""

from __future__ import annotations

import configparser
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.emulated_boards import copy_project, prepare_core

ROOT = Path(__file__).resolve().parent.parent.parent
FIRMWARE = ROOT / "firmware"
BOARDS_MD = ROOT / "docs" / "boards.md"
TWIN = "uno_sim_arduino"


@dataclass(frozen=True)
class Board:
    """What the environment of a board must say, from PlatformIO's and the vendors' descriptions."""

    environment: str
    platform: str
    board: str
    flash: int  # bytes for a program: without bootloader, other partitions, file system
    ram: int


BOARDS = (
    Board("uno", "atmelavr", "uno", 32_256, 2_048),
    Board("mega2560", "atmelavr", "megaatmega2560", 253_952, 8_192),
    Board("nano33ble", "nordicnrf52", "nano33ble", 983_040, 262_144),
    Board("nucleo_f446re", "ststm32", "nucleo_f446re", 524_288, 131_072),
    Board("bluepill_f103c8", "ststm32", "bluepill_f103c8", 65_536, 20_480),
    Board("pico", "raspberrypi", "pico", 2_097_152, 270_336),
    Board("esp32dev", "espressif32", "esp32dev", 1_310_720, 327_680),
    Board("esp32c3", "espressif32", "esp32-c3-devkitm-1", 1_310_720, 327_680),
    Board("d1_mini", "espressif8266", "d1_mini", 1_044_464, 81_920),
)


@pytest.fixture(scope="module")
def ini() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(FIRMWARE / "platformio.ini", encoding="utf-8")
    return parser


def test_every_environment_is_emulated_or_one_of_these_boards(
    ini: configparser.ConfigParser,
) -> None:
    names = {s.removeprefix("env:") for s in ini.sections() if s.startswith("env:")}
    real = {name for name in names if not ini.has_option(f"env:{name}", "extends")}
    assert real == {board.environment for board in BOARDS}
    assert len(names - real) == 10


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.environment)
def test_an_environment_names_platform_framework_board_and_memory(
    board: Board, ini: configparser.ConfigParser
) -> None:
    assert dict(ini[f"env:{board.environment}"]) == {
        "platform": board.platform,
        "board": board.board,
        "framework": "arduino",
        "board_upload.maximum_size": str(board.flash),
        "board_upload.maximum_ram_size": str(board.ram),
    }


def test_the_boards_that_are_built_without_being_named_need_no_registry(
    ini: configparser.ConfigParser,
) -> None:
    for name in ini["platformio"]["default_envs"].split(","):
        assert ini.has_option(f"env:{name.strip()}", "extends")


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.environment)
def test_the_page_of_boards_has_the_same_figures_and_says_what_was_not_built(board: Board) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", BOARDS_MD.read_text(encoding="utf-8"), re.M)
    cells = {name: [cell.strip() for cell in rest.split("|")] for name, rest in rows}
    row = cells[board.environment]
    assert row[1:4] == [board.platform, f"{board.flash:,}", f"{board.ram:,}"]
    assert row[-1].startswith("never built here")


def families() -> dict[str, str]:
    """Return the sections of the page that are about boards on a desk, by title."""
    text = BOARDS_MD.read_text(encoding="utf-8")
    text = text[text.index("## Boards on your desk") : text.index("## Another board")]
    return dict(re.findall(r"^### (.*?)\n(.*?)(?=^### |\Z)", text, re.M | re.S))


@pytest.mark.parametrize("family", families())
def test_a_family_has_wiring_commands_what_to_see_and_what_can_go_wrong(family: str) -> None:
    text = families()[family]
    for part in ("*Wiring*", " -t upload", "pyexport board --port ", "*You should see*"):
        assert part in text, part
    assert "*What can go wrong*" in text


def test_every_board_has_a_command_in_its_family() -> None:
    text = "".join(families().values())
    for board in BOARDS:
        assert f"pio run -d firmware -e {board.environment} -t upload" in text


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """A new project, and which of its files uno_sim_arduino compiles."""
    pytest.importorskip("platformio")
    folder = tmp_path_factory.mktemp("project")
    made = copy_project(folder / "firmware", prepare_core(folder / "core"))
    done = made.pio("run", "-e", TWIN, "-t", "compiledb")
    assert done.returncode == 0, done.stdout + done.stderr
    project = made.folder
    commands = json.loads((project / "compile_commands.json").read_text(encoding="utf-8"))
    files = {str(entry["file"]) for entry in commands}
    return project, {file for file in files if file.startswith(("src/", "lib/"))}


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.environment)
def test_a_board_compiles_exactly_the_sources_of_its_emulated_twin(
    board: Board, compiled: tuple[Path, set[str]]
) -> None:
    from platformio import fs
    from platformio.project.config import ProjectConfig

    project, twin_files = compiled
    config = ProjectConfig(str(project / "platformio.ini"))
    section, twin = f"env:{board.environment}", f"env:{TWIN}"
    for option in ("build_flags", "build_src_flags", "build_unflags", "extra_scripts"):
        assert config.get(section, option) == config.get(twin, option)
    for option in ("lib_deps", "lib_ldf_mode", "lib_ignore", "lib_extra_dirs", "lib_archive"):
        assert config.get(section, option) == config.get(twin, option)
    chosen = config.get(section, "build_src_filter")
    own = fs.match_src_files(str(project / "src"), chosen, ["c", "cc", "cpp", "S", "ino"])
    assert {f"src/{name}" for name in own} == {f for f in twin_files if f.startswith("src/")}


def test_the_twin_compiles_all_of_the_link_library(compiled: tuple[Path, set[str]]) -> None:
    project, files = compiled
    sources = {path.relative_to(project) for path in (project / "lib").rglob("*.c")}
    assert {str(path) for path in sources} == {f for f in files if f.startswith("lib/")}
    assert sources
