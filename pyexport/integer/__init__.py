"""The operators that an export holds, one family a file, and the registry of them.

All are integer operators that quantization makes, but for those of the float32 scheme (single.py).
"""

from pyexport.integer import (
    conv,
    elementwise,
    linear,
    matmul,
    normalize,
    pool,
    recurrent,
    shape,
    single,
    softmax,
    spiking,
    table,
)
from pyexport.integer.base import Record
from pyexport.ir import Op

_RECORDS: tuple[Record, ...] = (
    *linear.RECORDS,
    *conv.RECORDS,
    *pool.RECORDS,
    *normalize.RECORDS,
    *recurrent.RECORDS,
    *spiking.RECORDS,
    *matmul.RECORDS,
    *elementwise.RECORDS,
    *shape.RECORDS,
    *softmax.RECORDS,
    *table.RECORDS,
    *single.RECORDS,
)

BY_TYPE: dict[type[Op], Record] = {record.op: record for record in _RECORDS}
BY_KIND: dict[str, Record] = {record.op.kind: record for record in _RECORDS}

__all__ = ["BY_KIND", "BY_TYPE", "Record"]
