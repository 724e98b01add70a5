"""Archives whose JSON lies: giants, negative numbers, nesting, names meant for C and terminals."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable

from scripts.hostile_files import clean
from scripts.hostile_files.case import EXPORTS, Case
from scripts.hostile_files.clean import EXTRA, MODEL, WEIGHTS, Document, edited, replaced

BREAKOUT = 'x"; */ int evil(void) { return 1; } /* \\\n#define evil\x1b[2J ??/ [/red]'


def cases(canary: str) -> list[Case]:
    """Return the archives; what they would call makes a file at `canary`."""
    twin = clean.archive()
    call = f"__import__('os').system(\"touch '{canary}'\")"
    found = [Case(name, edited(WEIGHTS, change), twin) for name, change in _weights().items()]
    found += [Case(name, edited(MODEL, change), twin) for name, change in _graphs(call).items()]
    found += [Case(name, data, twin) for name, data in _texts().items()]
    found += [
        Case(name, edited(member, change), twin, EXPORTS)
        for name, (member, change) in _exporting(call).items()
    ]
    return found


def _meta(document: Document, name: str = "0.weight") -> Document:
    meta: Document = document["config"][name]["tensor_meta"]
    return meta


def _ints(*values: int) -> list[Document]:
    return [{"as_int": value} for value in values]


def _graph(document: Document) -> Document:
    graph: Document = document["graph_module"]["graph"]
    return graph


def _weights() -> dict[str, Callable[[Document], object]]:
    giant = {"sizes": _ints(1 << 20, 1 << 20), "strides": _ints(0, 0)}
    large = {"sizes": _ints(4096, 4096), "strides": _ints(0, 0)}
    return {
        "weight-pickle": lambda d: d["config"]["0.weight"].update(use_pickle=True),
        "weight-stride-0": lambda d: _meta(d).update(giant),
        "weight-stride-0-below-the-limit": lambda d: _meta(d).update(large),
        "weight-negative-offset": lambda d: _meta(d).update(storage_offset={"as_int": -4}),
        "weight-negative-stride": lambda d: _meta(d).update(strides=_ints(-3, 1)),
        "weight-outside": lambda d: _meta(d).update(storage_offset={"as_int": 1 << 40}),
        "weight-huge": lambda d: _meta(d).update(sizes=_ints(1 << 62, 3)),
        "weight-rank": lambda d: _meta(d).update(sizes=_ints(*[1] * 70), strides=_ints(*[1] * 70)),
        "weight-path": lambda d: d["config"]["0.weight"].update(path_name="../../../etc/passwd"),
        "weight-dtype": lambda d: _meta(d).update(dtype=-1),
        "weight-sizes-text": lambda d: _meta(d).update(sizes="44"),
        "weight-expression": lambda d: _meta(d).update(sizes=[{"as_expr": {"expr_str": "1"}}] * 2),
        "weight-missing": lambda d: d["config"].pop("0.weight"),
    }


def _relu_of_a_giant(document: Document) -> None:
    document["graph_module"]["signature"]["input_specs"][:-1] = []
    graph = _graph(document)
    graph["nodes"] = [clean.node("relu", "linear_1", "0", "ReLU", self="input")]
    for name in ("input", "linear_1"):
        graph["tensor_values"][name]["sizes"] = _ints(1, 1 << 33)


def _wide() -> bytes:
    """Return an archive of 40 kB whose layer has a million outputs."""
    width = 1 << 20

    def change(document: Document) -> None:
        graph = _graph(document)
        graph["nodes"] = [graph["nodes"][0]]
        graph["nodes"][0]["outputs"] = [{"as_tensor": {"name": "linear_1"}}]
        graph["tensor_values"]["linear_1"]["sizes"] = _ints(1, width)

    model, config = clean.model_document(), json.loads(clean.members()[WEIGHTS])
    change(model)
    for name, shape in (("0.weight", (width, 3)), ("0.bias", (width,))):
        config["config"][name]["tensor_meta"] = clean.tensor_meta(shape)
    changes: dict[str, bytes | None] = {
        MODEL: json.dumps(model).encode(),
        WEIGHTS: json.dumps(config).encode(),
        "data/weights/weight_0": bytes(12 * width),
        "data/weights/weight_1": bytes(4 * width),
    }
    return replaced(changes, method=zipfile.ZIP_DEFLATED)


def _graphs(call: str) -> dict[str, Callable[[Document], object]]:
    symbol = {"as_expr": {"expr_str": call, "hint": {"as_int": 3}}}

    def sizes(value: Document) -> Callable[[Document], object]:
        return lambda d: _graph(d)["tensor_values"]["input"].update(sizes=[{"as_int": 1}, value])

    def target(name: str) -> Callable[[Document], object]:
        return lambda d: _graph(d)["nodes"][1].update(target=name)

    return {
        "graph-expression": sizes(symbol),
        "graph-input-giant": sizes({"as_int": 1 << 40}),
        "graph-relu-of-a-giant": _relu_of_a_giant,
        "graph-input-rank": lambda d: _graph(d)["tensor_values"]["input"].update(
            sizes=_ints(*[(1 << 63) - 1] * 20_000)
        ),
        "graph-input-negative": sizes({"as_int": -3}),
        "graph-target-system": target("os.system"),
        "graph-target-eval": target("builtins.eval"),
        "graph-target-breakout": target(BREAKOUT),
        "graph-cycle": lambda d: _graph(d)["nodes"].reverse(),
        "graph-itself": lambda d: _graph(d)["nodes"][0]["inputs"][0].update(
            arg={"as_tensor": {"name": "linear"}}
        ),
        "graph-schema-major": lambda d: d["schema_version"].update(major=99),
        "graph-schema-text": lambda d: d["schema_version"].update(major="8"),
        "graph-no-schema": lambda d: d.pop("schema_version"),
        "graph-nodes-object": lambda d: _graph(d).update(nodes={"a": 1}),
        "graph-custom-object": lambda d: d["graph_module"]["signature"]["input_specs"].insert(
            0, {"custom_obj": {"arg": {"name": "x"}, "target_name": call}}
        ),
        "graph-mutation": lambda d: d["graph_module"]["signature"]["output_specs"].append(
            {"buffer_mutation": {"arg": {"name": "x"}, "buffer_name": BREAKOUT}}
        ),
        "graph-aliases": _aliases,
    }


def _aliases(document: Document) -> None:
    specs = document["graph_module"]["signature"]["input_specs"]
    for index in range(50_000):
        specs.insert(0, {"parameter": {"arg": {"name": f"p{index}"}, "parameter_name": "0.weight"}})


def _texts() -> dict[str, bytes]:
    keys = ",".join(f'"k{i}":0' for i in range(90_000)).encode()
    values = json.dumps(clean.model_document())
    model = {
        "json-nan": values.replace('"major": 8', '"major": NaN').encode(),
        "json-infinity": values.replace('"major": 8', '"major": -Infinity').encode(),
        "json-1e999": values.replace('"major": 8', '"major": 1e999').encode(),
        "json-duplicate": values.replace('"major": 8', '"major": 8, "major": 8').encode(),
        "json-duplicate-among-many": b"{" + keys + b',"k89999":1}',
        "json-deep": b"[" * 200_000,
        "json-deep-objects": b'{"a":' * 60_000 + b"1" + b"}" * 60_000,
        "json-nested-100": values.replace('10}', "[" * 100 + "]" * 100 + "}").encode(),
        "json-many-lists": b"[" + b"[]," * (4 << 20) + b"[]]",
        "json-many-objects": b"[" + b"{}," * (5 << 20) + b"{}]",
        "json-long-number": values.replace('"major": 8', '"major": ' + "8" * 5000).encode(),
        "json-utf-16": values.encode("utf-16"),
        "json-surrogate": values.replace("2.13.0", "\\ud800").replace("linear", "\\udfff").encode(),
        "json-cut": values.encode()[:-7],
        "json-null": values.encode()[:-1] + b"\0}",
    }  # fmt: skip
    found = {name: replaced({MODEL: content}) for name, content in model.items()}
    infinite, nan = b"\0\0\x80\x7f", b"\0\0\xc0\x7f"
    extra = {"format": "pyexport/1", "input": {"range": [0, 1]}}
    rows = {"dtype": "F64", "shape": [1 << 40, 3], "data": ""}
    extras = {
        "extra-format": {"format": "pyexport/99"},
        "extra-range": extra | {"input": {"range": [1, 0]}},
        "extra-rows-giant": extra | {"calibration": {"inputs": rows}},
        "extra-rows-rank": extra
        | {"calibration": {"inputs": rows | {"shape": [(1 << 63) - 1] * 5000}}},
        "extra-rows-base64": extra
        | {"calibration": {"inputs": rows | {"shape": [1, 3], "data": "%%%"}}},
        "extra-labels": extra | {"labels": [BREAKOUT] * 2000},
        "extra-unknown-key": extra | {"__reduce__": BREAKOUT},
    }
    found |= {name: replaced({EXTRA: json.dumps(doc).encode()}) for name, doc in extras.items()}
    return found | {
        "weight-nan": replaced({"data/weights/weight_1": nan * 4}),
        "weight-infinite": replaced({"data/weights/weight_1": infinite * 4}),
        "weight-short": replaced({"data/weights/weight_0": b"12"}),
        "archive-big-endian": replaced({"byteorder": b"big"}),
        "archive-version-word": replaced({"archive_format": b"pt2\0; rm"}),
        "graph-wide-layer": _wide(),
        "archive-no-model": replaced({MODEL: None}),
    }


def _exporting(call: str) -> dict[str, tuple[str, Callable[[Document], object]]]:
    """Return what may be read, because the hostile part is text that is escaped or left out."""
    return {
        "graph-module-path": (
            MODEL,
            lambda d: _graph(d)["nodes"][0]["metadata"].update(
                nn_module_stack=f",,a;b,{BREAKOUT},torch.nn.{BREAKOUT}".replace(";", "")
            ),
        ),
        "graph-module-markup": (
            MODEL,
            lambda d: _graph(d)["nodes"][0]["metadata"].update(
                nn_module_stack="a,[/red][link=file:///etc/passwd]x,torch.nn.Linear"
            ),
        ),
        "graph-stack-trace": (
            MODEL, lambda d: _graph(d)["nodes"][0]["metadata"].update(stack_trace=BREAKOUT),
        ),
        "graph-producer": (MODEL, lambda d: d.update(torch_version=BREAKOUT)),
        "graph-guards": (MODEL, lambda d: d.update(guards_code=[call])),
        "graph-constraint": (MODEL, lambda d: d.update(range_constraints={call: {"min_val": 0}})),
        "extra-label-breakout": (EXTRA, lambda d: d.update(labels=[BREAKOUT, "%s%n"])),
        "extra-text-breakout": (
            EXTRA,
            lambda d: d.update(
                input=d["input"] | {"unit": BREAKOUT, "name": BREAKOUT},
                output={"unit": BREAKOUT, "name": BREAKOUT},
                provenance=dict.fromkeys(("author", "license", "source", "notes"), BREAKOUT),
            ),
        ),
    }  # fmt: skip
