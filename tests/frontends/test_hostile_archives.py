"""A hostile or damaged graph in a .pt2 file ends in a PyexportError of one line."""

import pytest

from tests.frontends.hostile import CLEAN, MODEL, WEIGHTS, edited, read, refusal, replaced


def meta(document: dict) -> dict:
    return document["config"]["0.weight"]["tensor_meta"]


def graph(document: dict) -> dict:
    return document["graph_module"]["graph"]


def signature(document: dict) -> dict:
    return document["graph_module"]["signature"]


def test_the_clean_archive_is_read():
    assert read(CLEAN) is not None
    assert read(edited(MODEL, lambda d: None)) is not None


@pytest.mark.parametrize(
    ("member", "edit", "message"),
    [
        (WEIGHTS, lambda d: d["config"]["0.weight"].update(use_pickle=True), "stored as a pickle"),
        (WEIGHTS, lambda d: d["config"]["0.weight"].update(use_pickle=0), "true or false"),
        (WEIGHTS, lambda d: d["config"]["0.weight"].update(path_name="../x"), "outside its folder"),
        (WEIGHTS, lambda d: d["config"]["0.weight"].update(path_name="gone"), "no member"),
        (WEIGHTS, lambda d: d["config"].pop("0.weight"), "0.weight is not in the archive"),
        (WEIGHTS, lambda d: meta(d).update(storage_offset={"as_int": -1}), "a size of 0 or more"),
        (WEIGHTS, lambda d: meta(d).update(storage_offset={"as_int": 1}), "outside its buffer"),
        (WEIGHTS, lambda d: meta(d)["strides"].__setitem__(0, {"as_int": -3}), "a size of 0"),
        (WEIGHTS, lambda d: meta(d)["strides"].__setitem__(0, {"as_int": 4}), "outside its buffer"),
        (WEIGHTS, lambda d: meta(d)["strides"].pop(), "2 sizes and 1 strides"),
        (WEIGHTS, lambda d: meta(d)["sizes"].__setitem__(0, {"as_int": 5}), "outside its buffer"),
        (WEIGHTS, lambda d: meta(d)["sizes"].__setitem__(0, {"as_int": 0}), "not a matrix"),
        (WEIGHTS, lambda d: meta(d)["sizes"].__setitem__(0, {"as_int": 1 << 70}), "an integer"),
        (WEIGHTS, lambda d: meta(d)["sizes"].__setitem__(0, {"as_expr": "s0"}), "lacks 'as_int'"),
        (
            WEIGHTS,
            lambda d: meta(d).update(
                sizes=[{"as_int": 1 << 20}, {"as_int": 1 << 20}],
                strides=[{"as_int": 0}, {"as_int": 0}],
            ),
            "claims 1099511627776 elements",
        ),
        (
            WEIGHTS,
            lambda d: meta(d).update(sizes=[{"as_int": 1}] * 9, strides=[{"as_int": 1}] * 9),
            "9 sizes",
        ),
        (WEIGHTS, lambda d: meta(d).update(dtype=10), "complex64"),
        (WEIGHTS, lambda d: meta(d).update(dtype=99), "of type 99"),
        (WEIGHTS, lambda d: meta(d).update(dtype=5), "outside its buffer"),
        (WEIGHTS, lambda d: meta(d).update(dtype=4), "is int32; save float weights"),
        (WEIGHTS, lambda d: meta(d).update(layout=1), "sparse"),
        (WEIGHTS, lambda d: d.update(config=[]), "an object"),
        (MODEL, lambda d: d["schema_version"].update(major=9), "schema 9"),
        (MODEL, lambda d: d["schema_version"].update(major="8"), "an integer"),
        (MODEL, lambda d: d.pop("graph_module"), "lacks 'graph_module'"),
        (MODEL, lambda d: d.update(graph_module=7), "an object"),
        (MODEL, lambda d: d.update(torch_version="2\n3"), ""),
        (MODEL, lambda d: graph(d).update(nodes={}), "a list"),
        (MODEL, lambda d: graph(d)["nodes"][0].update(target=3), "a text"),
        (MODEL, lambda d: graph(d)["nodes"][0].update(target="os.system"), "os.system"),
        (MODEL, lambda d: graph(d)["nodes"][0].update(target="x\n\x1b[1m"), "\\n\\x1b"),
        (MODEL, lambda d: graph(d)["nodes"][0].update(outputs=[]), "no output"),
        (MODEL, lambda d: graph(d)["nodes"][0]["inputs"].pop(0), "input is no tensor"),
        (MODEL, lambda d: graph(d)["nodes"][0]["inputs"][0].update(arg={}), "one key"),
        (MODEL, lambda d: graph(d)["nodes"].pop(0), "unknown"),
        (
            MODEL,
            lambda d: graph(d)["tensor_values"]["linear"].update(sizes=[{"as_int": 1}]),
            "the file says (1,), its operands give (1, 4)",
        ),
        (MODEL, lambda d: graph(d)["tensor_values"].pop("input"), "not a tensor"),
        (
            MODEL,  # their product has 380,000 digits, which Python refuses to print
            lambda d: graph(d)["tensor_values"]["input"].update(
                sizes=[{"as_int": (1 << 63) - 1}] * 20_000
            ),
            "is not a shape of at most 8 sizes",
        ),
        (
            MODEL,
            lambda d: graph(d)["tensor_values"]["input"].update(
                sizes=[{"as_int": 1}, {"as_int": 9}]
            ),
            "takes 3 inputs, not 9",
        ),
        (
            MODEL,
            lambda d: graph(d)["tensor_values"]["input"].update(
                sizes=[{"as_int": 1}, {"as_int": 0}]
            ),
            "input is empty",
        ),
        (MODEL, lambda d: signature(d)["input_specs"].append({"custom_obj": {}}), "custom_obj"),
        (MODEL, lambda d: signature(d)["input_specs"].append({"token": {}, "b": {}}), "one key"),
        (MODEL, lambda d: signature(d).update(input_specs=[]), "0 inputs"),
        (MODEL, lambda d: signature(d).update(output_specs=[]), "0 outputs"),
        (
            MODEL,
            lambda d: signature(d)["output_specs"].append(
                {"buffer_mutation": {"arg": {"name": "x"}, "buffer_name": "count"}}
            ),
            "changes its buffer count",
        ),
    ],
)
def test_a_lie_in_the_json_is_refused(member, edit, message):
    data = edited(member, edit)
    if not message:
        assert "2\\n3" in read(data).metadata.producer
        return
    assert message in refusal(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (replaced(MODEL, b'{"a": 1, "a": 2}'), "twice"),
        (replaced(MODEL, b"[" * 100_000), "nested too deeply"),
        (replaced(MODEL, b'{"a":' + b"[" * 80 + b"]" * 80 + b"}"), "nested deeper"),
        (replaced(MODEL, b'{"schema_version": NaN}'), "NaN"),
        (replaced(MODEL, b'{"schema_version": 1e999}'), "too large"),
        (replaced(MODEL, b"\xff\xfe"), "not valid JSON"),
        (replaced(MODEL, b"9" * 5000), "not valid JSON"),
        (replaced("byteorder", b"big"), "big-endian"),
        (replaced("archive_format", b"aoti"), "not a torch.export archive"),
        (replaced("data/weights/weight_0", b"1234"), "outside its buffer"),
        (replaced("extra/pyexport.json", b""), ""),
    ],
)
def test_a_damaged_member_is_refused(data, message):
    if not message:
        assert read(data) is not None  # this archive has no such member
        return
    assert message in refusal(data)


@pytest.mark.parametrize("target", ["", "linear", "torch.ops."])
def test_an_operator_without_a_namespace_is_refused(target):
    def name_badly(document: dict) -> None:
        node = graph(document)["nodes"][0]
        node["target"] = target
        node["inputs"] = [a for a in node["inputs"] if a["name"] != "input"]  # constants alone

    assert "is not supported" in refusal(edited(MODEL, name_badly))
