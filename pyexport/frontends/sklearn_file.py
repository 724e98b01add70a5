"""Loads a pickle or joblib file of a scikit-learn model, which runs whatever the file says.

Only for files that the user has said to trust; every other reader of this folder runs nothing.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import replace

from pyexport.errors import FileFormatError, PyexportError, ToolMissingError
from pyexport.frontends.sklearn_estimators import MODELS, from_sklearn
from pyexport.ir import Model
from pyexport.untrusted import printable


def load_trusted(data: bytes, where: str, source_name: str) -> Model:
    """Return the model of a pickle in memory. RUNS CODE that the pickle names."""
    try:
        import joblib
    except ImportError:
        raise ToolMissingError(
            "scikit-learn is not installed; pip install 'pyexport[sklearn]' brings it"
        ) from None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            estimator = joblib.load(io.BytesIO(data))
        except Exception as error:  # the file's own code may raise anything
            reason = printable(str(error) or type(error).__name__, 200)
            raise FileFormatError(
                f"{where}: loading it failed ({type(error).__name__}: {reason}); load it where it "
                f"was saved, or save a fitted {MODELS.replace(' and ', ' or ')} with joblib.dump "
                f"({ran(source_name)})"
            ) from None
    try:
        model = from_sklearn(estimator)
    except PyexportError as error:
        raise type(error)(f"{where}: {error} ({ran(source_name)})") from None
    metadata = replace(
        model.metadata,
        source_name=source_name,
        source_sha256=hashlib.sha256(data).hexdigest(),
        warnings=(ran(source_name), *_first_lines(caught), *model.metadata.warnings),
    )
    return replace(model, metadata=metadata)


def ran(what: str) -> str:
    """Return the warning that code of a file was run."""
    return f"--trust ran the code in {what}, with your rights"


def _first_lines(caught: list[warnings.WarningMessage]) -> tuple[str, ...]:
    """Return what scikit-learn warned of, for example another version, in one line each."""
    found = (printable(str(w.message).partition(". ")[0], 200) for w in caught)
    return tuple(dict.fromkeys(found))
