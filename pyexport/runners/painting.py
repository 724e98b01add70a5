"""What painted scratch shows: that predict stays inside it, and that the plan is what it uses."""

from __future__ import annotations

from pyexport.runners.protocol import Finding, HeaderInterface

OUTSIDE = 0xFFFFFFFF  # PYX_SCRATCH_OUTSIDE of pyx_scratch.h


def scratch_finding(interface: HeaderInterface, high: int, inputs: int) -> Finding:
    """Return whether predict wrote the scratch up to its planned end and nothing beside it.

    high: bytes up to the highest one written for some inputs, or OUTSIDE.
    """
    planned = interface.scratch_bytes
    if high == OUTSIDE:
        return Finding("scratch", False, f"a byte beside the {planned} planned was written")
    if high < interface.scratch_written:
        detail = f"{high} bytes were written, the plan has tensors in {interface.scratch_written}"
        return Finding("scratch", False, detail)
    detail = f"{inputs} inputs: {high} of {planned} planned bytes written, none beside"
    return Finding("scratch", True, detail)
