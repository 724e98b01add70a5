"""Bugs of spiking kernels, planted in the C of four small networks, by the network they are for."""

from __future__ import annotations

from pyexport.verify.mutants import Mutant

_HIDDEN = r"(?s)(static inline void \w+_lif0\(.*?)"
_LAST = r"(?s)(static inline void \w+_lif1\(.*?)"
_ENCODE = r"(?s)(static inline void \w+_encode0\(.*?)"
_READ = r"(?s)(static inline void \w+_readout0\(.*?)"
_RESET = r"(?s)(static inline void \w+_reset\(\w+ \*state\)\n.*?)"
_TAKEN = r" - \(fired \? (\w+) : 0\)"
_LEAK = r"u - \(u >> (\d+)\)"


def _kept(state: str) -> Mutant:
    """A reset that forgets one state."""
    pattern = _RESET + rf"state->{state}\[i\] = (\d+);"
    return Mutant(f"stale {state}", pattern, rf"\1(void)state->{state};")


# rate encoding, shift leak, delayed subtraction, count; one step a call
RATE = (
    Mutant("fires at the threshold", _HIDDEN + r"fires = u > limit", r"\1fires = u >= limit"),
    Mutant("resets at the threshold", _HIDDEN + r"fired = u > limit", r"\1fired = u >= limit"),
    Mutant("threshold of the last layer + 1", _LAST + r"(fires = u > \d+)", r"\1\2 + 1"),
    Mutant("threshold of the last layer - 1", _LAST + r"(fires = u > \d+)", r"\1\2 - 1"),
    Mutant(
        "resets in the same step",
        _HIDDEN + _TAKEN + r";(.*?membrane\[k\] = \(int\d+_t\))u;",
        r"\1; (void)fired;\3(u - (fires ? limit : 0));",
    ),
    Mutant("resets to zero", _HIDDEN + r"u = (u - \(u >> \d+\))( \+ current)" + _TAKEN,
           r"\1u = (fired ? 0 : \2)\3"),
    Mutant("never resets", _HIDDEN + _TAKEN, r"\1 - (fired ? 0 : 0)"),
    Mutant("resets before the leak", _HIDDEN + r"u = " + _LEAK + r" \+ current" + _TAKEN,
           r"\1u -= fired ? limit : 0;\n                u = u - (u >> \2) + current"),
    Mutant("leaks after the current", _HIDDEN + r"u = " + _LEAK + r" \+ current",
           r"\1u = u + current - ((u + current) >> \2)"),
    Mutant("leak rounded towards zero", _HIDDEN + _LEAK, r"\1u - u / (1 << \2)"),
    Mutant("leak rounded to the nearest", _LAST + _LEAK, r"\1u - ((u + 4) >> \2)"),
    Mutant("leak of another shift", _LAST + _LEAK, r"\1u - (u >> (\2 + 1))"),
    Mutant("no leak", _HIDDEN + _LEAK, r"\1u"),
    Mutant("current of another unit", _HIDDEN + r"INT32_C\(4\)", r"\1INT32_C(2)"),
    Mutant("bias turned round", _LAST + r" \+ (\(int16_t\)PYEXPORT_READ_U16\(&bias)", r"\1 - \2"),
    Mutant("last event lost", _HIDDEN + r"event != end", r"\1event + 1 < end"),
    Mutant("membranes of 12 bits", _HIDDEN + r"membrane\[k\] = \(int\d+_t\)u;",
           r"\1membrane[k] = (int16_t)(u < -2048 ? -2048 : u > 2047 ? 2047 : u);"),
    Mutant("current given as membrane", _LAST + r"membranes\[at\] = \(int16_t\)u;",
           r"\1membranes[at] = (int16_t)current;"),
    Mutant("a neuron's spike lost", _HIDDEN + r"if \(fires\) \{", r"\1if (fires && k != 3) {"),
    Mutant("rate spikes above the range alone", _ENCODE + r"sum >= 32", r"\1sum > 32"),
    Mutant("rate empties its accumulator", _ENCODE + r"\(int16_t\)\(sum - 32\)", r"\g<1>0"),
    Mutant("rate starts empty", _RESET + r"(accumulator\[i\] = )\d+", r"\1\g<2>0"),
    Mutant("tie-break lost", _READ + r"\(uint32_t\)score\)", r"\g<1>0u * (uint32_t)score)"),
    Mutant("tie-break without its last bits", _READ + r"\(uint32_t\)score\)",
           r"\1((uint32_t)score & ~(uint32_t)15))"),
    Mutant("tie-break turned round", _READ + r"sum \+= \*u;", r"\1sum -= *u;"),
    Mutant("sum of membranes not rounded", _READ + r"sum \+ INT32_C\(\d+\)", r"\1sum"),
    Mutant("count stops early", _READ + r"count < 6", r"\1count < 3"),
    Mutant("argmax takes the last of a tie", r"out\[i\] > out\[best\]", "out[i] >= out[best]"),
    _kept("lif0_membrane"),
    _kept("lif1_membrane"),
    _kept("encode0_accumulator"),
    _kept("readout0_sums"),
    _kept("readout0_counts"),
)  # fmt: skip

# latency encoding, leak of 15 bits, hard reset in the same step, refractory, first spike
LATENCY = (
    Mutant("latency of the next byte", _ENCODE + r"when\[in\[k\]\]",
           r"\1when[in[k] > 0 ? in[k] - 1 : 0]"),
    Mutant("latency a step late", _ENCODE + r"to\[at\] = \(uint32_t\)\(to\[at\] \| bit\);",
           r"\1to[at < 5 ? at + 1 : at] |= bit;"),
    Mutant("zero spikes last", _ENCODE + r"if \(at != 6\) \{\n(\s+)to\[at\]",
           r"\1if (at == 6) { to[5] |= bit; } else {\n\2to[at]"),
    Mutant("leak not rounded", _HIDDEN + r" \+ INT32_C\(16384\)", r"\1"),
    Mutant("factor of the leak + 1", _LAST + r"INT32_C\(29491\)", r"\1INT32_C(29492)"),
    Mutant("leak rounded towards zero", _HIDDEN + r"(\(u \* INT32_C\(29491\)) \+ [^)]+\)\) >> 15",
           r"\1\2) / 32768"),
    Mutant("fires at the threshold", _HIDDEN + r"u > limit", r"\1u >= limit"),
    Mutant("subtracts instead of a hard reset", _LAST + r"u = -\d+;", r"\1u -= 486;"),
    Mutant("resets to zero", _HIDDEN + r"u = \(int16_t\)PYEXPORT_READ_U16\(&v_reset\[k\]\)",
           r"\1(void)v_reset; u = 0"),
    Mutant("never resets", _HIDDEN + r"u = \(int16_t\)PYEXPORT_READ_U16\(&v_reset\[k\]\);",
           r"\1(void)v_reset;"),
    Mutant("refractory for a step less", _HIDDEN + r"fires \? 2", r"\1fires ? 1"),
    Mutant("refractory for a step more", _LAST + r"fires \? 2", r"\1fires ? 3"),
    Mutant("a refractory neuron charges", _HIDDEN + r"if \(waits\[k\] == 0\)", r"\1if (true)"),
    Mutant("membranes kept from before", _HIDDEN + r"membrane\[k\] = 0;",
           r"\1static uint8_t known[12]; if (known[k] == 0) { membrane[k] = 0; known[k] = 1; }"),
    Mutant("count down kept from before", _LAST + r"waits\[k\] = 0;",
           r"\1static uint8_t known[4]; if (known[k] == 0) { waits[k] = 0; known[k] = 1; }"),
    Mutant("last spike instead of the first", _READ + r"count == 0 && ", r"\1"),
    Mutant("first spike a step off", _READ + r"6u - \(step\)", r"\g<1>5u - (step)"),
)  # fmt: skip

# direct current in 32 bits, shift leak, count
DIRECT = (
    Mutant("membranes of 16 bits, wrapping", _HIDDEN + r"membrane\[k\] = \(int32_t\)u;",
           r"\1membrane[k] = (int16_t)u;"),
    Mutant("membranes of 16 bits, saturating", _HIDDEN + r"membrane\[k\] = \(int32_t\)u;",
           r"\1membrane[k] = u > 32767 ? 32767 : u < -32768 ? -32768 : u;"),
    Mutant("current added once", _HIDDEN + r"current = steady\[k\]",
           r"\1current = step == 0 ? steady[k] : 0"),
    Mutant("black pixels end the row", _HIDDEN + r"if \(a != 0\) \{",
           r"\1if (a == 0) { break; } else {"),
    Mutant("silent in the last step", _HIDDEN + r"fires = u > limit",
           r"\1fires = step != 5 && u > limit"),
    Mutant("bits of the step before", _LAST + r"left = \*x\+\+",
           r"\1left = step == 0 ? *x++ : in[step - 1]"),
    Mutant("fraction without a limit", _READ + r"score < 0 \? 0 : ", r"\1"),
    Mutant("a count lost", _READ + r"step < 6", r"\1step < 5"),
)  # fmt: skip

# delta encoding, synaptic current, subtraction in the same step, mean membrane; one step a call
DELTA = (
    Mutant("events above the threshold alone", _ENCODE + r">= 3", r"\1> 3"),
    Mutant("no falling events", _ENCODE + r"falls < 2", r"\1falls < 1"),
    Mutant("reference follows every value",
           _ENCODE + r"if \(fires\) \{\n\s+(reference\[k\] = x\[k\];)", r"\1{ \2"),
    Mutant("synaptic current does not leak", _HIDDEN + r"synaptic\[k\] - \(synaptic\[k\] >> 1\)",
           r"\1synaptic[k]"),
    Mutant("synaptic current lost", _LAST + r"current \+= [^;]+;", r"\1"),
    Mutant("synaptic current leaks after", _HIDDEN + r"synaptic\[k\] = \(int16_t\)current;",
           r"\1synaptic[k] = (int16_t)(current - (current >> 1));"),
    Mutant("never resets", _HIDDEN + r"u -= limit;", r"\1;"),
    Mutant("a refractory neuron fires", _HIDDEN + r"fires = waits\[k\] == 0 && ", r"\1fires = "),
    Mutant("subtracts 1 too much", _LAST + r"u -= (\d+);", r"\1u -= \2 + 1;"),
    Mutant("mean of the spikes", _READ + r"sum \+= \*u;", r"\1sum += *u > 347;"),
    _kept("lif0_membrane"),
    _kept("lif1_synaptic"),
    _kept("encode0_reference"),
    _kept("readout0_sums"),
)  # fmt: skip

SPIKING_MUTANTS = {"rate": RATE, "latency": LATENCY, "direct": DIRECT, "delta": DELTA}
