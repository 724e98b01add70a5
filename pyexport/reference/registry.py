"""The rules of all float operators, by class."""

from __future__ import annotations

from pyexport.ir import Op
from pyexport.reference import (
    activation,
    conv,
    elementwise,
    linear,
    normalize,
    pool,
    recurrent,
    reduce,
    shape,
    spiking,
)
from pyexport.reference.rule import Rule

RULES: dict[type[Op], Rule] = {
    **linear.RULES,
    **conv.RULES,
    **pool.RULES,
    **elementwise.RULES,
    **activation.RULES,
    **shape.RULES,
    **reduce.RULES,
    **normalize.RULES,
    **recurrent.RULES,
    **spiking.RULES,
}
