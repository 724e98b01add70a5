"""Every kernel has counts and a price; counts of kernels with several sums in a word, by hand."""

from __future__ import annotations

from typing import Any

from pyexport.lower.kernels import KERNELS
from pyexport.lower.lane_work import halves, immediate, listed, nibbles, planes, singles, tiles
from pyexport.lower.window_work import convolution, lane_convolution
from pyexport.lower.work import COUNTS
from pyexport.targets import TARGETS
from pyexport.targets.costs import read_costs

# kernels that no table prices, and why
OWN_CHIP = "computes spikes of a chip whose spiking kernels have no price"
UNPRICED = {
    "encode_latency_step": "streams are not counted",
    "lif_avr16": OWN_CHIP,
    "lif_bitlist": OWN_CHIP,
    "lif_bitserial": OWN_CHIP,
}
NAMES = dict.fromkeys(kernel.name for kernel in KERNELS)


def test_every_kernel_has_a_price_on_some_target_or_a_reason() -> None:
    tables = [table for target in TARGETS if (table := read_costs(target.name)) is not None]
    lacking = [name for name in NAMES if not any(table.knows(name) for table in tables)]
    assert lacking == list(UNPRICED)


def test_every_priced_kernel_has_counts_of_its_own() -> None:
    tables = [table for target in TARGETS if (table := read_costs(target.name)) is not None]
    priced = {name for table in tables for name in table.prices}
    assert [name for name in priced if name not in COUNTS] == []
    assert [name for name in COUNTS if name not in NAMES] == []


def test_prices_are_of_counts_that_their_kernel_has() -> None:
    for target in TARGETS:
        table = read_costs(target.name)
        for kernel, prices in table.prices.items() if table is not None else ():
            assert "calls" in prices, (target.name, kernel)
            assert all(price >= 0.0 for price in prices.values()), (target.name, kernel)


def test_a_list_is_made_once_and_read_by_every_block() -> None:
    p = {"n_in": 16, "n_out": 20, "blocks": 2, "pairs": 5, "shift": 20}
    full, half = listed(p, 1.0), listed(p, 0.5)
    assert (full["inputs"], half["inputs"]) == (16, 16)
    assert (full["inputs other than 0"], half["inputs other than 0"]) == (16, 8)
    assert full["words"] == 16 * 2 * 5
    assert half["words"] == (8 + 1.5) * 2 * 5  # filled up to rounds of four


def test_an_input_of_zero_spares_the_products_of_a_block_but_in_the_last_round() -> None:
    p = {"n_in": 9, "n_out": 10, "block": 4, "shift": 8, "skips": 1}
    assert singles(p, 1.0)["inputs"] == singles(p, 0.0)["inputs"] == 9 * 3
    assert [singles(p, share)["products"] for share in (0.0, 0.5, 1.0)] == [10, 50, 90]
    never = singles({**p, "skips": 0}, 0.0)
    assert never["products, never skipped"] == 90


def test_all_windows_of_a_pool_share_the_words_that_are_read() -> None:
    p = dict.fromkeys(("pad_height", "pad_width", "pad_bottom", "pad_right"), 1) | {
        "pool_height": 2, "pool_width": 2, "out_height": 4, "out_width": 6, "kernel_height": 3,
        "kernel_width": 3, "channels": 2, "n_out": 10, "block": 8, "shift": 20,
    }  # fmt: skip
    work = tiles(p, 0.5, 48)
    assert work["words read"] == 6 * 18 * 5
    assert work["words"] == 0.5 * 4 * work["words read"]
    assert work["bytes copied"] == 48


def test_equal_products_of_an_input_are_made_once_a_block() -> None:
    rows = [[3, 0], [-3, 5], [7, 5]]  # outputs 0 and 1 are a block, output 2 another one
    flat = bytes(weight & 0xFF for row in rows for weight in row).hex()
    p = {"n_in": 2, "n_out": 3, "blocks": "2 1", "shift": 0, "low": 0, "zero_point": 4}
    work = immediate({**p, "weights": flat}, 1.0)
    assert work["products"] == 2 + 2  # 3 and 5; 7 and 5
    assert work["sums"] == 5
    assert work["inputs"] == 4
    assert work["outputs"] == work["outputs with own shifts"] == 3
    work = immediate({**p, "weights": flat, "zero_point": 0}, 1.0)
    assert work["outputs, negative ones early"] == 3


def test_inputs_behind_the_last_round_are_never_skipped() -> None:
    p = {"n_in": 10, "n_out": 12, "block": 8, "skips": 1, "shift": 20}
    work = nibbles(p, 0.0)
    assert work["inputs other than 0"] == 2 * 2  # two inputs left, in two blocks
    assert work["words"] == 2 * (4 + 2)
    assert nibbles({**p, "skips": 0}, 0.0)["words, never skipped"] == 10 * (4 + 2)
    assert halves({"n_in": 7, "n_out": 3, "shift": 4})["single products"] == 3


WINDOWS: dict[str, Any] = {  # 3x3 on 4x4, with a pixel of padding around
    "height": 4, "width": 4, "out_height": 4, "out_width": 4, "kernel_height": 3,
    "kernel_width": 3, "stride_height": 1, "stride_width": 1, "dilation_width": 1,
    "pad_height": 1, "pad_width": 1, "per_group": 2, "n_out": 6, "shift": 20, "in_dtype": "u8",
}  # fmt: skip
INSIDE = 3 * 4 - 2  # taps of an axis: the first and the last place lack one


def test_a_pooled_convolution_rounds_one_output_a_pool() -> None:
    p = {**WINDOWS, "block": 4, "skips": 1}
    alone = lane_convolution(p, 0.5)
    pooled = lane_convolution({**p, "pool_height": 2, "pool_width": 2}, 0.5)
    assert (alone["outputs"], pooled["outputs"]) == (96, 24)
    assert alone["words"] == pooled["words"] == INSIDE**2 * 2 * 0.5 * 3
    assert pooled["words compared"] == 16 * 3
    assert alone["blocks"] == alone["blocks of some taps"] == 16 * 2


def test_a_row_of_taps_is_one_run_unless_groups_lie_between() -> None:
    whole = convolution({**WINDOWS, "groups": 1, "in_zero": 0})
    apart = convolution({**WINDOWS, "groups": 2, "per_group": 1, "in_zero": 3})
    assert whole["products of some taps"] == INSIDE**2 * 6 * 2
    assert apart["single products"] == apart["products with an offset"] == INSIDE**2 * 6
    assert whole["taps outside"] == 2 + 4 * 2


def test_a_channel_becomes_words_once_for_all_its_outputs() -> None:
    p = {  # 3x3 on 6x4 with a pixel of padding: 3 lines of words with 4 sums each
        "channels": 2, "n_out": 4, "a_out": 6, "a_kernel": 3, "a_stride": 1, "b_out": 4,
        "b_kernel": 3, "lines": 5, "columns": 6, "tile": 3, "shift": 0, "skips": 1,
    }  # fmt: skip
    work = planes(p)
    assert work["words made"] == 2 * 5 * 6
    assert work["outputs of a channel"] == work["tiles"] == 4
    assert work["words rounded"] == 4 * 3 * 4
    assert work["words read"] == 4 * 4 * 5 * 3
    assert work["words"] == 4 * 3 * 4 * 9
