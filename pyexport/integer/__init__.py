"""The integer operators that quantization makes, one family a file, and the registry of them."""

from pyexport.integer import (
    conv,
    elementwise,
    matmul,
    normalize,
    pool,
    recurrent,
    shape,
    softmax,
    table,
)
from pyexport.integer.base import Record
from pyexport.ir import Op

_RECORDS: tuple[Record, ...] = (
    *conv.RECORDS,
    *pool.RECORDS,
    *normalize.RECORDS,
    *recurrent.RECORDS,
    *matmul.RECORDS,
    *elementwise.RECORDS,
    *shape.RECORDS,
    *softmax.RECORDS,
    *table.RECORDS,
)

BY_TYPE: dict[type[Op], Record] = {record.op: record for record in _RECORDS}
BY_KIND: dict[str, Record] = {record.op.kind: record for record in _RECORDS}

__all__ = ["BY_KIND", "BY_TYPE", "Record"]
