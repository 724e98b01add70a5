"""The public names of pyexport are these and no others, and importing it costs little."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pyexport

PUBLIC = {
    "load", "quantize", "export", "simulate", "stream", "verify", "check", "save", "from_torch",
    "from_sklearn",
}  # fmt: skip


def test_all_lists_the_public_names() -> None:
    assert sorted(pyexport.__all__) == sorted(PUBLIC | {"__version__"})


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_is_a_documented_function(name: str) -> None:
    value = getattr(pyexport, name)
    assert callable(value)
    assert value.__doc__


def test_public_functions_outlive_the_import_of_folders_of_the_same_name() -> None:
    code = (
        "import pyexport, importlib\n"
        "for name in ('quantize', 'verify', 'pipeline'):\n"
        "    importlib.import_module(f'pyexport.{name}')\n"
        f"assert all(type(getattr(pyexport, n)).__name__ == 'function' for n in {sorted(PUBLIC)})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_dir_shows_the_public_names() -> None:
    assert set(dir(pyexport)) >= PUBLIC


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(pyexport, "no_such" + "_name")


def test_import_pyexport_loads_no_third_party_package() -> None:
    code = (
        "import sys; before = set(sys.modules); import pyexport; "
        "tops = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(tops - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['pyexport']"
