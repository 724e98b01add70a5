"""pyexport takes a trained neural network to a microcontroller and proves that the two agree.

load, quantize, export, simulate, stream, verify, check, save, from_torch and from_sklearn are
fetched on first use: importing pyexport loads nothing.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyexport.api import (
        check,
        export,
        from_sklearn,
        from_torch,
        load,
        quantize,
        save,
        simulate,
        stream,
        verify,
    )

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "check",
    "export",
    "from_sklearn",
    "from_torch",
    "load",
    "quantize",
    "save",
    "simulate",
    "stream",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        import pyexport.api

        return getattr(pyexport.api, name)
    raise AttributeError(f"module 'pyexport' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps `pyexport.verify` the function although a folder is called verify too."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
