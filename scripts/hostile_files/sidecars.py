"""Texts of model.toml beside a harmless archive that says nothing about itself."""

from __future__ import annotations

from scripts.hostile_files import clean
from scripts.hostile_files.case import EXPORTS, REFUSED, Case

TWIN = b'labels = ["no", "yes"]\n\n[input]\nrange = [0, 1]\nunit = "volt"\n'
BREAKOUT = "'x\"; */ int evil(void) { return 1; } /* \\\\ ??/ [/red]'"  # a literal TOML string


def cases() -> list[Case]:
    """Return the archives with their texts beside them."""
    model = clean.replaced({clean.EXTRA: None})
    texts: dict[str, bytes] = {
        "path-parent": b'calibration = "../rows.npz"',
        "path-absolute": b'calibration = "/etc/passwd"',
        "path-device": b'evaluation = "/dev/zero"',
        "path-backslash": b"calibration = '..\\rows.npz'",
        "path-nul": b'calibration = "rows\\u0000.npz"',
        "path-empty": b'calibration = ""',
        "range-nan": TWIN.replace(b"[0, 1]", b"[nan, inf]"),
        "range-1e999": TWIN.replace(b"[0, 1]", b"[0, 1e999]"),
        "range-backwards": TWIN.replace(b"[0, 1]", b"[1, 0]"),
        "deep": b"labels = " + b"[" * 20_000,
        "deep-keys": b".".join([b"a"] * 20_000) + b" = 1",
        "duplicate": TWIN + b'unit = "ampere"\n',
        "duplicate-table": TWIN + b"[input]\n",
        "unknown-key": b'__reduce__ = "os.system"\n',
        "unknown-input-key": TWIN + b"evil = 1\n",
        "large": TWIN + b"#" * (1 << 20),
        "utf-16": TWIN.decode().encode("utf-16"),
        "cut": TWIN[:-3],
        "labels-numbers": b"labels = [1, 2]",
        "labels-many": b"labels = [" + b'"a",' * 10_000 + b"]",
        "labels-long": b'labels = ["no", "' + b"y" * 5000 + b'"]',
        "long-number": b"labels = " + b"9" * 10_000,
    }
    found = [_case(f"sidecar-{name}", model, text, REFUSED) for name, text in texts.items()]
    label = TWIN.replace(b'"yes"', BREAKOUT.encode())
    unit = TWIN.replace(b'"volt"', BREAKOUT.encode())
    return [
        *found,
        _case("sidecar-label-breakout", model, label, EXPORTS),
        _case("sidecar-unit-breakout", model, unit, EXPORTS),
    ]


def _case(name: str, model: bytes, text: bytes, ends: str) -> Case:
    beside, twin = {".toml": text}, {".toml": TWIN}
    return Case(name, model, model, ends, beside=beside, twin_beside=twin)
