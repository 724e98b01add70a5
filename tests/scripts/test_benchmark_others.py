"""Other implementations are counted like ours, and one that computes something else is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pyexport.pipeline import ExportOptions, export_model
from scripts.benchmark_counts import Count
from scripts.benchmark_emlearn import write_emlearn
from scripts.benchmark_models import load_network
from scripts.benchmark_others import Peer, count_peer, plain_peer, right
from scripts.benchmark_page import markdown
from scripts.benchmark_plots import plot
from tests.scripts.test_benchmark import published


def test_plain_c_is_counted_and_a_wrong_byte_is_refused(tmp_path: Path) -> None:
    network = load_network("a")
    peer = plain_peer(network, tmp_path / "plain")
    one = count_peer(network, "cortex-m4", peer)
    assert 10_000 < one.mean < 20_000
    assert one.right == "95.33 %"
    ours = Count(**published()["a cortex-m4 speed 16"])
    assert "| cortex-m4 | plain int8 C |" in markdown([ours], {}, [one])
    path = peer.folder / "a.h"
    path.write_text(path.read_text().replace("v > high ? high", "v > high ? low"))
    with pytest.raises(ValueError, match="bytes differ"):
        count_peer(network, "cortex-m4", peer)
    path.write_text('#include <stdint.h>\n#include "given.h"\n')
    (peer.folder / "given.h").write_text(
        "static inline void a_predict(const uint8_t *in, int8_t *out)"
        "{ for (int o = 0; o < 10; o++) out[o] = in[0]; }"
    )
    other = count_peer(network, "cortex-m4", Peer("first class", peer.folder))
    assert other.mean < 200
    assert float(other.right.split()[0]) < 20


def test_convolutions_and_poolings_as_plain_c_give_the_same_bytes(tmp_path: Path) -> None:
    network = load_network("c")
    export = export_model(network.model, ExportOptions("c"))
    assert right(network, export, plain_peer(network, tmp_path)).endswith(" %")


def test_emlearn_gets_the_weights_and_convolutions_have_no_part(
    tmp_path: Path, monkeypatch: Any
) -> None:
    given = {}

    class Converted:
        def save(self, file: str, name: str) -> None:
            Path(file).write_text(f"#include <eml_net.h>\n/* {name} */\n")

    module: Any = ModuleType("emlearn")
    module.__file__ = str(tmp_path / "emlearn" / "__init__.py")
    module.__version__ = "1.2\n"
    module.convert = lambda model, dtype: given.update(model=model) or Converted()
    (tmp_path / "emlearn").mkdir()
    (tmp_path / "emlearn" / "eml_net.h").write_text("#include <eml_common.h>\n")
    monkeypatch.setitem(sys.modules, "emlearn", module)
    assert write_emlearn(load_network("c"), tmp_path) is None
    assert write_emlearn(load_network("a"), tmp_path) == "1.2"
    assert [c.shape for c in given["model"].coefs_] == [(64, 32), (32, 16), (16, 10)]
    assert '"eml_net.h"' in (tmp_path / "a.h").read_text()
    assert '"eml_common.h"' in (tmp_path / "eml_net.h").read_text()


def test_a_plot_needs_no_colour_and_is_the_same_again(tmp_path: Path) -> None:
    counts = [Count(**one) for one in published().values()]
    plot("a", counts, tmp_path / "one.svg")
    plot("a", counts, tmp_path / "two.svg")
    text = (tmp_path / "one.svg").read_text()
    assert text == (tmp_path / "two.svg").read_text()
    assert "best peer" in text
    fast = next(one for one in counts if one.key == "a cortex-m4 speed 16")
    assert f"{fast.mean:,.0f}" in text
