"""Integer primitives of the PX1 arithmetic (docs/arithmetic.md), in plain Python integers."""

INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1

MULTIPLIER_BITS = 15  # q15x: a multiplier is below 2**15
MAX_SHIFT = 30  # p + 2**(s - 1) stays inside int32 for every s up to here

RANGES = {
    "u8": (0, 255),
    "s8": (-128, 127),
    "s16": (-32768, 32767),
    "u16": (0, 65535),
    "s32": (INT32_MIN, INT32_MAX),
}
ITEM_BYTES = {"u8": 1, "s8": 1, "u16": 2, "s16": 2, "s32": 4, "u32": 4, "f32": 4}


def round_shift_right(value: int, shift: int) -> int:
    """Return value / 2**shift, halves rounded towards +infinity; shift 0 returns value."""
    if shift == 0:
        return value
    return (value + (1 << (shift - 1))) >> shift


def clamp(value: int, low: int, high: int) -> int:
    """Return the number nearest to value in [low, high]."""
    return low if value < low else high if value > high else value


def requantize_q15x(acc: int, multiplier: int, shift: int, pre_shift: int = 0) -> int:
    """Return acc * 2**pre_shift * multiplier / 2**(16 + shift), halves rounded up, unclamped.

    acc * 2**pre_shift is an int32, multiplier is in 0..2**15 - 1, shift in 1..30. The 48-bit
    product is never formed: its floor by 2**16 comes from two 16x16 products, so a core needs
    no 64-bit type. It is rounded once: floor((floor(a) + n) / b) = floor((a + n) / b) for integers
    n and b.
    """
    acc <<= pre_shift
    high, low = acc >> 16, acc & 0xFFFF
    product = high * multiplier + ((low * multiplier) >> 16)
    return round_shift_right(product, shift)


def encode_multiplier(ratio: float, shift: int) -> int:
    """Return round(ratio * 2**(16 + shift)), the q15x multiplier of ratio at this shift."""
    return int(ratio * 2.0 ** (16 + shift) + 0.5)


def normalized_shift(ratio: float) -> int:
    """Return the largest shift in 1..30 at which ratio's multiplier stays below 2**15.

    Raises ValueError if ratio is 1/4 or more: shift the accumulator left first.
    """
    if encode_multiplier(ratio, 1) >= 1 << MULTIPLIER_BITS:
        raise ValueError(f"ratio {ratio!r} needs a left shift of the accumulator first")
    shift = 1
    while shift < MAX_SHIFT and encode_multiplier(ratio, shift + 1) < 1 << MULTIPLIER_BITS:
        shift += 1
    return shift
