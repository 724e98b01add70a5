"""The committed example model is what this pyexport prints for its artifact, and it works.

After a wanted change: python scripts/make_firmware_example.py --from-artifact, then read the diff.
"""

from __future__ import annotations

import difflib
import re
import subprocess
from pathlib import Path

import pytest

import pyexport
from pyexport.project import EXAMPLE_FOLDER, NAMES_FILE
from scripts.make_firmware_example import FOLDER, from_artifact, project_files

ROOT = Path(__file__).resolve().parent.parent.parent
INCLUDE = ROOT / "firmware" / "include"
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Wundef", "-Wconversion", "-Wshadow", "-Werror")
PROGRAM = """
#include "model.h"
int main(void)
{
    static const uint8_t identity[32] = MODEL_IDENTITY_BYTES;
    static const char digits[] = MODEL_IDENTITY;
    static const char nibbles[] = "0123456789abcdef";
    model_input_t in[MODEL_INPUT_SIZE] = {0};
    model_output_t out[MODEL_OUTPUT_SIZE], again[MODEL_OUTPUT_SIZE];
    model_scratch_t scratch[MODEL_SCRATCH_SIZE];
    int i;
    for (i = 0; i < 32; i++) {
        if (digits[2 * i] != nibbles[identity[i] >> 4]) { return 2; }
        if (digits[2 * i + 1] != nibbles[identity[i] & 15]) { return 3; }
    }
    model_predict(in, out);
    model_predict_scratch(in, again, scratch);
    for (i = 0; i < MODEL_OUTPUT_SIZE; i++) {
        if (out[i] != again[i]) { return 4; }
    }
    if (MODEL_INPUT_BYTES != sizeof in || MODEL_OUTPUT_BYTES != sizeof out) { return 5; }
    if (MODEL_RAM_BYTES != sizeof in + sizeof out + sizeof scratch) { return 6; }
    if (MODEL_INPUT_DTYPE != WANTED || sizeof MODEL_NAME == 1) { return 7; }
#if MODEL_HAS_ARGMAX
    if (model_argmax(out) >= MODEL_OUTPUT_SIZE) { return 8; }
#endif
    return model_selftest() ? 0 : 1;
}
"""


def test_the_example_is_what_its_artifact_prints() -> None:
    version = f'"{pyexport.__version__}"'
    for name, content in project_files(from_artifact()).items():
        stored = (FOLDER / name).read_bytes()
        if name.endswith(".px"):
            assert stored == content
            continue
        wanted = stored.decode("ascii").splitlines()
        difference = difflib.unified_diff(wanted, content.decode("ascii").splitlines(), "stored")
        assert stored == content, f"{name}, version {version}:\n" + "\n".join(difference)


def test_the_example_is_small() -> None:
    assert FOLDER == ROOT / "firmware" / EXAMPLE_FOLDER
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 100_000


@pytest.mark.parametrize("language", ["c", "c++"])
@pytest.mark.parametrize(
    ("name", "scheme"), [(None, ""), ("gesture", "int8"), ("model", "int8"), ("Model", "float32")]
)
def test_the_names_of_the_firmware_fit_every_model(
    model: Path, tmp_path: Path, name: str | None, scheme: str, language: str
) -> None:
    include = tmp_path / "include"
    include.mkdir()
    (include / "model.h").write_bytes((INCLUDE / "model.h").read_bytes())
    if name is None:
        (include / "example").symlink_to(FOLDER)
    else:
        from pyexport.pipeline import ExportOptions, export_model

        export = export_model(pyexport.load(model), ExportOptions(name, scheme=scheme))
        (include / "model").mkdir()
        for file, content in project_files(export).items():
            (include / "model" / file).write_bytes(content)
        assert NAMES_FILE in project_files(export)
    source, program = tmp_path / "main.c", tmp_path / "main"
    source.write_text(PROGRAM, encoding="ascii")
    standard = "-std=c99" if language == "c" else "-std=c++11"
    wanted = "-DWANTED=MODEL_F32" if scheme == "float32" else "-DWANTED=MODEL_U8"
    command = ["gcc", "-x", language, standard, *STRICT, "-ffp-contract=off", wanted, "-I"]
    subprocess.run([*command, str(include), str(source), "-o", str(program)], check=True)
    assert subprocess.run([str(program)]).returncode == 0


def test_tables_stay_in_flash_on_an_esp8266(tmp_path: Path) -> None:
    """Its Arduino core offers the same macros as AVR's; here they are stand-ins that record use."""
    (tmp_path / "pgmspace.h").write_text(
        "#include <stdint.h>\n#include <string.h>\n"
        "#define TEXT_OF(n) #n\n#define NUMBERED(n) TEXT_OF(in_flash.n)\n"
        "#define PROGMEM __attribute__((section(NUMBERED(__COUNTER__))))\n"
        "static inline uint32_t read(const void *p, size_t n)\n"
        "{ uint32_t v = 0; memcpy(&v, p, n); return v; }\n"
        "#define pgm_read_byte(p) read(p, 1)\n#define pgm_read_word(p) read(p, 2)\n"
        "#define pgm_read_dword(p) read(p, 4)\n",
        encoding="ascii",
    )
    source, program = tmp_path / "main.c", tmp_path / "main"
    source.write_text(PROGRAM, encoding="ascii")
    flags = ["-DESP8266", "-DWANTED=MODEL_U8", f"-I{tmp_path}", f"-I{INCLUDE}"]
    subprocess.run(["gcc", *flags, str(source), "-o", str(program)], check=True)
    assert subprocess.run([str(program)]).returncode == 0
    sections = subprocess.run(
        ["size", "-A", str(program)], check=True, capture_output=True, text=True
    )
    in_flash = re.findall(r"^in_flash\S* +(\d+)", sections.stdout, re.M)
    assert sum(map(int, in_flash)) > 4_000, "weights, biases and stored vectors"
