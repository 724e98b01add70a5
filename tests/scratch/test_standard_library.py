"""Every module of the scratch engine works where no package is installed."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "pyexport" / "scratch").rglob("*.py")
)


def python(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    return subprocess.run(
        [sys.executable, *options, "-c", start + code], capture_output=True, text=True
    )


def test_every_module_is_imported_without_site_packages():
    done = python("\n".join(f"import {name}" for name in MODULES), "-I", "-S")
    assert done.returncode == 0, done.stderr
    assert len(MODULES) > 15


def test_a_network_is_trained_saved_and_read_with_numpy_blocked(tmp_path):
    done = python(
        "sys.modules['numpy'] = None\n"
        "from pyexport.scratch import SGD, MLP\n"
        "from pyexport.scratch.checkpoint_reader import build_network, read_checkpoint\n"
        f"path = {str(tmp_path / 'model.pt')!r}\n"
        "net = MLP(3, 4, 2)\n"
        "net.step([0.5, 1.0, 0.25], 1, loss='cross_entropy', optimizer=SGD(0.1))\n"
        "net.save(path)\n"
        "again = build_network(read_checkpoint(path), 'packed')\n"
        "assert again([0.5, 1.0, 0.25]) == net([0.5, 1.0, 0.25])\n"
    )
    assert done.returncode == 0, done.stderr


def test_nothing_of_the_engine_is_loaded_with_the_package():
    done = python("import pyexport\nassert not any('scratch' in name for name in sys.modules)")
    assert done.returncode == 0, done.stderr
