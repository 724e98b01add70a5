"""Whatever a header does that a chip would not bear ends in one error that says what and where."""

from pathlib import Path

import numpy as np
import pytest

from pyexport.errors import CheckFailedError, ToolFailedError
from pyexport.runners import sanitized, simavr, unicorn_runner, wasm
from pyexport.runners.protocol import Array, RunResult
from pyexport.runners.unicorn_runner import UnicornRunner
from pyexport.targets import get_target
from tests.runners.support import CHIPS, UNICORN, open_toy
from tests.runners.toy import faulty, toy_batch, toy_inputs

WRITE_TABLE = "((volatile int8_t *)(uintptr_t)toy_hidden_weight)[0] = 1;"
READ_NOWHERE = "(void)*(volatile uint32_t *)(uintptr_t)0x40000000u;"
READ_ODD = "(void)*(volatile uint32_t *)((uintptr_t)in | 1u);"
CALL_RAM = "((void (*)(void))((uintptr_t)in | 1u))();"
LDRD_ODD = '__asm__ volatile("ldrd r2, r3, [%0]" : : "r"((uintptr_t)in | 1u) : "r2", "r3");'
HANG = 'for (;;) { __asm__ volatile(""); }'
STRICT = ("cortex-m0", "rv32imc", "rv32ec")
RELAXED = ("cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33")


def _fault(name: str, folder: Path, code: str) -> str:
    with pytest.raises(CheckFailedError) as caught:
        open_toy(name, faulty(folder, code=code)).run(toy_inputs(8))
    message = str(caught.value)
    assert message.startswith(f"{folder / 'toy.h'}: {name}: ")
    assert "\n" not in message
    return message


IT_STORE = """
    uint32_t skipped = 1;
    uint32_t to;
    __asm__ volatile(
        "cmp %1, #0\\n\\tit ne\\n\\tstrne %1, [%1]\\n\\t"
        "cmp %1, %1\\n\\tb 1f\\n1: mov %0, #0"
        : "+r"(skipped) : "r"(&to) : "cc", "memory");
    out[0] = (int8_t)(out[0] ^ (int8_t)skipped);
"""


@pytest.mark.parametrize("name", RELAXED)
def test_what_follows_a_conditional_store_runs_while_accesses_are_watched(
    name: str, tmp_path: Path
) -> None:
    """Unicorn 2.1.4 keeps the condition for the next block if a hook saw the store."""
    inputs = toy_inputs(8)
    outputs = open_toy(name, faulty(tmp_path, code="{" + IT_STORE + "}")).run(inputs).outputs
    assert np.array_equal(outputs, toy_batch(inputs)[0])


@pytest.mark.parametrize("name", UNICORN)
def test_a_write_to_flash_is_caught(name: str, tmp_path: Path) -> None:
    message = _fault(name, tmp_path, WRITE_TABLE)
    assert "write to flash: 1 bytes at" in message
    assert "(toy_hidden_weight+0x0)" in message
    assert "at pyx_predict+0x" in message


@pytest.mark.parametrize("name", UNICORN)
def test_a_read_outside_the_chip_is_caught(name: str, tmp_path: Path) -> None:
    message = _fault(name, tmp_path, READ_NOWHERE)
    assert "read outside flash and RAM: 4 bytes at 0x40000000" in message


@pytest.mark.parametrize("access", ["(void)*{}", "*{} = 1u"])
def test_an_access_right_behind_the_ram_of_a_small_chip_is_caught(
    access: str, tmp_path: Path
) -> None:
    chip = get_target("rv32ec")  # less RAM than a page of the emulator
    end = chip.ram_origin + chip.ram_bytes
    code = access.format(f"(volatile uint8_t *)(uintptr_t)0x{end:x}u") + ";"
    assert f"outside flash and RAM: 1 bytes at 0x{end:08x}" in _fault("rv32ec", tmp_path, code)


@pytest.mark.parametrize("name", UNICORN)
def test_code_in_ram_is_caught(name: str, tmp_path: Path) -> None:
    assert "code in RAM" in _fault(name, tmp_path, CALL_RAM)


@pytest.mark.parametrize("name", STRICT)
def test_an_unaligned_word_is_caught_where_the_core_refuses_it(name: str, tmp_path: Path) -> None:
    message = _fault(name, tmp_path, READ_ODD)
    assert "unaligned access: 4 bytes" in message or "exception" in message


@pytest.mark.parametrize("name", RELAXED)
def test_an_unaligned_word_is_fine_where_the_core_allows_it(name: str, tmp_path: Path) -> None:
    open_toy(name, faulty(tmp_path, code=READ_ODD)).run(toy_inputs(8))


@pytest.mark.parametrize("name", RELAXED)
def test_an_unaligned_double_load_is_caught_though_the_emulator_runs_it(
    name: str, tmp_path: Path
) -> None:
    assert "unaligned access: " in _fault(name, tmp_path, LDRD_ODD)


@pytest.mark.parametrize("name", CHIPS)
def test_a_stack_that_outgrows_the_ram_is_caught(name: str, tmp_path: Path) -> None:
    size = get_target(name).ram_bytes - 64
    # with a constant index, compilers keep only the bytes that are used
    code = f"{{ volatile unsigned at = 0; volatile uint8_t big[{size}];"
    code += " big[at] = in[0]; (void)big[at]; }"
    message = _fault(name, tmp_path, code)
    assert "stack overflow" in message or "write outside flash and RAM" in message


ASM = '__asm__ volatile("{}");'
FOREIGN = {
    # core -> an instruction that it lacks, as raw code so that the assembler lets it pass
    "cortex-m0": ASM.format(".inst.w 0xfbb1f0f2"),  # udiv r0, r1, r2
    "cortex-m3": ASM.format(".inst.w 0xfa2ff081"),  # sxtb16 r0, r1
    "cortex-m4": ASM.format(".inst.w 0xee310b02"),  # vadd.f64 d0, d1, d2
    "cortex-m7": ASM.format(".inst.w 0xe841f000"),  # tt r0, r1
    "cortex-m33": ASM.format(".inst.w 0xee310b02"),
    "rv32imc": ASM.format(".word 0x00c5f553"),  # fadd.s
    "atmega328p": ASM.format(".word 0x9404"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_an_instruction_that_the_core_lacks_is_caught(name: str, tmp_path: Path) -> None:
    _fault(name, tmp_path, FOREIGN[name])


SILENT = {
    # core -> an instruction that it lacks, though the emulator runs it
    "cortex-m0": ('__asm__ volatile(".inst.n 0xb100\\n\\tnop" : : : "r0");', "cbz"),
    "cortex-m3": ('__asm__ volatile(".inst.w 0xfb21f002" : : : "r0");', "smuad"),
}
# of RV32E, as raw code: GNU's assembler refuses these for it, as it should
UPPER = {
    "mul": ".word 0x02c58533",  # mul a0, a1, a2
    "divu": ".word 0x02c5d533",
    "add a7": ".word 0x00c588b3",  # add a7, a1, a2
    "mv t4": ".short 0x8eae",  # mv t4, a1
    "lw t3": ".word 0x00012e03",  # lw t3, 0(sp)
    "c.lwsp t6": ".short 0x4f82",  # lw t6, 0(sp)
    "addi a6": ".short 0x0805",
    "sw a7": ".word 0xff112e23",  # sw a7, -4(sp)
    "add a1": ".short 0x95f2",  # add a1, a1, t3
}


def _raw(code: str) -> str:
    return f'__asm__ volatile("{code}" : : : "a0", "a1");'


@pytest.mark.parametrize(
    ("name", "code", "mnemonic"),
    [
        *((name, *planted) for name, planted in SILENT.items()),
        *(("rv32ec", _raw(code), mnemonic) for mnemonic, code in UPPER.items()),
    ],
)
def test_the_check_finds_instructions_that_the_emulator_lets_pass(
    name: str, code: str, mnemonic: str, tmp_path: Path
) -> None:
    findings = open_toy(name, faulty(tmp_path, code=code)).check()
    bad = [finding for finding in findings if not finding.ok]
    assert [finding.name for finding in bad] == ["instructions"]
    assert mnemonic in bad[0].detail


def test_zigs_assembler_refuses_an_instruction_that_the_core_lacks(tmp_path: Path) -> None:
    header = faulty(tmp_path, code=ASM.format("udiv r0, r1, r2"))
    with pytest.raises(ToolFailedError, match=r"toy.h:70.*error: .*requires"):
        open_toy("cortex-m0", header, compiler="zig").run(toy_inputs(8))


@pytest.mark.parametrize("name", [*UNICORN, "wasm32", "atmega328p", "host-sanitized"])
def test_an_endless_loop_ends_in_an_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unicorn_runner, "_PATIENCE", 0.3)
    monkeypatch.setattr(wasm, "_SECONDS", 0.3)
    monkeypatch.setattr(sanitized, "_SECONDS", 0.5)
    monkeypatch.setattr(simavr, "_CYCLES", 300_000)
    with pytest.raises(ToolFailedError, match="no result after"):
        open_toy(name, faulty(tmp_path, code=HANG)).run(toy_inputs(8))


def test_a_long_inference_is_no_hang_because_twenty_of_them_take_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches = []
    batch = UnicornRunner._batch

    def recorded(self: UnicornRunner, kind: str, inputs: Array, *a: int, watch: bool) -> RunResult:
        batches.append((len(inputs), watch))
        return batch(self, kind, inputs, *a, watch=watch)

    monkeypatch.setattr(UnicornRunner, "_batch", recorded)
    monkeypatch.setattr(unicorn_runner, "_BATCH_SECONDS", 0.0)  # every inference takes too long
    runner = open_toy("cortex-m0")
    assert len(runner.run(toy_inputs(23)).outputs) == 23
    assert batches == 20 * [(1, True)] + 3 * [(1, False)]
    batches.clear()
    monkeypatch.setattr(unicorn_runner, "_BATCH_SECONDS", 1e6)
    runner.run(toy_inputs(23))
    assert batches == [(1, True), (19, True), (3, False)]


def test_a_chip_runs_on_after_a_fault(tmp_path: Path) -> None:
    runner = open_toy("cortex-m4", faulty(tmp_path, code=f"if (in[0] == 255u) {{ {WRITE_TABLE} }}"))
    inputs = toy_inputs(8)
    with pytest.raises(CheckFailedError, match="write to flash"):
        runner.run(inputs)
    good = inputs[inputs[:, 0] != 255]
    assert runner.run(good).outputs.shape == (len(good), 2)


AVR = {
    "a read behind the RAM": ("(void)*(volatile uint8_t *)0x1000u;", "0x1000|nvalid|CORE"),
    "sleep without interrupts": ('__asm__ volatile("cli\\n\\tsleep");', "core stopped|leep"),
}


@pytest.mark.parametrize("what", AVR)
def test_simavr_reports(what: str, tmp_path: Path) -> None:
    code, pattern = AVR[what]
    with pytest.raises(CheckFailedError, match=rf"atmega328p: .*({pattern}).*pc 0x"):
        open_toy("atmega328p", faulty(tmp_path, code=code)).run(toy_inputs(8))
