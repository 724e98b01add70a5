"""What kernels with several sums in a word, or weights in the code, have to do: their counts."""

from __future__ import annotations

from typing import Any

Work = dict[str, float]
Params = dict[str, Any]

ROUND = 4  # entries of a list that a round takes
FEW_BLOCKS = 2  # of which each adds up its inputs, where weights have 4 bits


def outputs_of(p: Params, kind: str = "") -> Work:
    """Count the outputs of a layer, and what rounds some layers further: kind is part of a name."""
    n_out = p["n_out"]
    return {
        f"outputs{kind}": n_out,
        "outputs shifted first": n_out if p.get("pre_shift") else 0,
        "outputs with own shifts": 0 if p.get("shift", 1) else n_out,
    }


def blocks_of(p: Params) -> list[int]:
    """Return how many outputs each block has."""
    full, rest = divmod(p["n_out"], p["block"])
    return [p["block"]] * full + [rest] * bool(rest)


def listed(p: Params, density: float) -> Work:
    """Count a linear layer that lists the inputs other than 0 first."""
    entries = p["n_in"] * density
    rounds = entries + (ROUND - 1) / 2 * (entries < p["n_in"])  # filled up: by half a round
    words = p["blocks"] * p["pairs"]
    return {
        "calls": 1,
        "inputs": p["n_in"],
        "inputs other than 0": entries,
        **outputs_of(p),
        "blocks": p["blocks"],
        "words of blocks": words,
        "entries of blocks": p["blocks"] * rounds,
        "words": words * rounds,
    }


def singles(p: Params, density: float) -> Work:
    """Count a linear layer whose sums have a register each, a block of outputs at a time."""
    n_in, sizes = p["n_in"], blocks_of(p)
    left = n_in % ROUND  # behind the last round: never skipped
    share = (n_in - left) * density + left if p["skips"] else n_in
    kind = "" if p["skips"] else ", never skipped"
    return {
        "calls": 1,
        **outputs_of(p, kind),
        f"blocks{kind}": len(sizes),
        f"inputs{kind}": n_in * len(sizes),
        f"inputs other than 0{kind}": share * len(sizes) if p["skips"] else 0,
        f"products{kind}": share * p["n_out"],
    }


def immediate(p: Params, density: float) -> Work:
    """Count a linear layer whose weights are in the code; equal products are made once."""
    n_in, sizes = p["n_in"], [int(n) for n in str(p["blocks"]).split()]
    flat = memoryview(bytes.fromhex(p["weights"])).cast("b").tolist()
    products, at = 0, 0
    for size in sizes:
        for column in range(n_in):
            made = {abs(flat[(at + row) * n_in + column]) for row in range(size)}
            products += len(made - {0})
        at += size
    kind = ", negative ones early" if p["low"] >= p["zero_point"] else ""
    return {
        "calls": 1,
        **outputs_of(p, kind),
        "blocks": len(sizes),
        "inputs": n_in * len(sizes),
        "inputs other than 0": n_in * len(sizes) * density,
        "products": products * density,
        "sums": sum(weight != 0 for weight in flat) * density,
    }


def nibbles(p: Params, density: float) -> Work:
    """Count a linear layer with weights of 4 bits, several sums at a time."""
    n_in, sizes = p["n_in"], blocks_of(p)
    left = n_in % ROUND
    share = n_in if not p["skips"] else (n_in - left) * density + left
    kind = "" if p["skips"] else ", never skipped"
    pairs = sum(-(-size // 2) for size in sizes)
    return {
        "calls": 1,
        **outputs_of(p, kind),
        f"blocks{kind}": len(sizes),
        f"words of blocks{kind}": pairs,
        f"inputs{kind}": n_in * len(sizes),
        f"inputs other than 0{kind}": share * len(sizes) if p["skips"] else 0,
        "inputs added once": n_in if len(sizes) > FEW_BLOCKS else 0,
        f"words of weights{kind}": share * sum(-(-size // 8) for size in sizes),
        f"words{kind}": share * pairs,
    }


def halves(p: Params) -> Work:
    """Count a linear layer with weights of 4 bits, output after output."""
    return {
        "calls": 1,
        **outputs_of(p),
        "pairs of products": p["n_out"] * (p["n_in"] // 2),
        "single products": p["n_out"] * (p["n_in"] % 2),
    }


def tiles(p: Params, density: float, inputs: int) -> Work:
    """Count a convolution whose weights are read once for all windows of a pool."""
    area, sizes = p["pool_height"] * p["pool_width"], blocks_of(p)
    pools = p["out_height"] * p["out_width"] // area
    bytes_read = pools * p["kernel_height"] * p["kernel_width"] * p["channels"]
    words = sum(-(-size // 2) for size in sizes)
    padded = any(p[f"pad_{side}"] for side in ("height", "width", "bottom", "right"))
    return {
        "calls": 1,
        "bytes copied": inputs if padded else 0,
        "pools": pools,
        **{name: pools * count for name, count in outputs_of(p).items()},
        "blocks": pools * len(sizes),
        "rows of taps": pools * len(sizes) * p["kernel_height"],
        "words read": bytes_read * words,
        "inputs": bytes_read * area * len(sizes),
        "words": bytes_read * area * words * density,
        "words compared": pools * area * words,
    }


def planes(p: Params) -> Work:
    """Count a depthwise convolution of two places a word, a plane of words a channel."""
    half = -(-p["a_out"] // 2)
    tiles = -(-half // p["tile"])
    places = p["n_out"] * tiles * p["b_out"]  # of tiles
    kind = "" if p["skips"] else ", never skipped"
    reads = (p["tile"] - 1) * min(p["a_stride"], p["a_kernel"]) + p["a_kernel"]
    return {
        "calls": 1,
        "channels": p["channels"],
        "lines": p["channels"] * p["lines"],
        "words made": p["channels"] * p["lines"] * p["columns"],
        "outputs of a channel": p["n_out"],
        "tiles": p["n_out"] * tiles,
        f"words rounded{kind}": places * p["tile"],
        "places of tiles": places,
        "words read": places * reads * p["b_kernel"],
        "words": places * p["tile"] * p["a_kernel"] * p["b_kernel"],
    }
