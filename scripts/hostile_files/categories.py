"""Which cases stand for which kind of attack; a test says that each kind has some."""

from __future__ import annotations

CATEGORIES: dict[str, tuple[str, ...]] = {
    "pickle opcode REDUCE": ("pickle-reduce", "torch-zip-reduce", "state-dict-call"),
    "pickle opcode NEWOBJ": ("pickle-newobj", "torch-zip-newobj"),
    "pickle opcode NEWOBJ_EX": ("pickle-newobj-ex", "torch-zip-newobj-ex"),
    "pickle opcode OBJ": ("pickle-obj", "torch-zip-obj"),
    "pickle opcode INST": ("pickle-inst", "torch-zip-inst"),
    "pickle opcode BUILD": ("pickle-build", "torch-zip-build-state"),
    "pickle opcode GLOBAL": ("pickle-eval", "pickle-getattr", "pickle-torch-alias"),
    "pickle opcode STACK_GLOBAL": ("pickle-stack-global", "pickle-memo-names"),
    "pickle opcodes EXT1, EXT2, EXT4": (
        "pickle-extension", "pickle-extension-2", "torch-zip-extension-4",
    ),
    "pickle opcodes PERSID, BINPERSID": ("pickle-persid", "torch-zip-binpersid"),
    "pickle that floods": (
        "torch-zip-memo-flood", "torch-zip-opcode-flood", "torch-zip-get-flood", "torch-zip-deep",
        "torch-zip-copy-flood",
    ),
    "where torch.export.load runs code: the sample inputs": ("archive-sample-inputs",),
    "where torch.export.load runs code: pickled weights and constants": (
        "archive-weight-is-a-pickle", "archive-constant-is-a-pickle", "weight-pickle",
    ),
    "where torch.export.load runs code: expressions": (
        "graph-expression", "graph-guards", "graph-constraint",
    ),
    "zip bomb": ("zip-bomb", "zip-bomb-many", "samples-npz-bomb", "samples-gzip-bomb"),
    "zip bomb, nested": ("zip-nested",),
    "zip bomb, overlapping": ("zip-overlapping",),
    "stride-0 giant": (
        "weight-stride-0", "weight-stride-0-below-the-limit", "state-dict-stride-0",
    ),
    "negative offset or stride": (
        "weight-negative-offset", "weight-negative-stride", "state-dict-negative-offset",
        "state-dict-negative-stride", "scratch-offsets-negative", "safetensors-offsets-negative",
    ),
    "member name with .. or an absolute path": (
        "zip-parent-folder", "zip-absolute", "zip-drive", "zip-backslashes", "weight-path",
        "state-dict-storage-path", "sidecar-path-parent", "sidecar-path-absolute",
        "samples-npz-parent-folder",
    ),
    "lying length": (
        "zip-lying-size", "zip-lying-size-bzip2", "zip-lying-size-lzma", "zip-entry-count",
        "zip-directory-offset", "torch-zip-lying-length", "state-dict-lying-count",
        "scratch-header-giant", "scratch-header-beyond", "scratch-header-short",
        "samples-npy-header-lying-length", "artifact-header-length.px", "junk-onnx-length",
    ),
    "NaN": ("json-nan", "weight-nan", "scratch-nan", "samples-csv-nan", "artifact-nan.px",
            "artifact-vectors-nan.px", "sidecar-range-nan"),
    "infinity": ("json-infinity", "weight-infinite", "samples-npy-infinite"),
    "1e999": ("json-1e999", "scratch-description-overflow", "samples-csv-1e999",
              "artifact-json-1e999.px", "sidecar-range-1e999"),
    "deep nesting": (
        "json-deep", "json-deep-objects", "json-nested-100", "scratch-description-deep",
        "junk-json-deep", "sidecar-deep", "sidecar-deep-keys", "artifact-json-deep.px",
        "samples-npy-header-deep",
    ),
    "duplicate keys": (
        "json-duplicate", "json-duplicate-among-many", "scratch-description-duplicate",
        "sidecar-duplicate", "artifact-json-duplicate.px", "samples-npy-duplicate-key", "zip-twice",
    ),
    "name that leaves a C comment": (
        "graph-module-path", "graph-producer", "extra-text-breakout", "sidecar-unit-breakout",
        "artifact-module-breakout.px", "artifact-producer-breakout.px",
    ),
    "name that leaves a C string": (
        "extra-label-breakout", "sidecar-label-breakout", "scratch-breakout",
        "artifact-label-breakout.px",
    ),
    "name that leaves an identifier": (
        "state-dict-name", "graph-target-breakout", "artifact-name-breakout.px",
        "artifact-name-keyword.px", "artifact-node-name.px", "scratch-tensor-name",
    ),
    "name that leaves a file name": (
        "sidecar-path-nul", "sidecar-path-backslash", "lookalike-onnx-external-data",
        "weight-path",
    ),
    "huge shape": (
        "weight-huge", "weight-rank", "graph-input-giant", "graph-input-rank",
        "scratch-shape-giant", "scratch-giant", "extra-rows-giant", "extra-rows-rank",
        "samples-npy-shape-giant", "samples-idx-shape-giant", "artifact-shape-giant.px",
        "graph-relu-of-a-giant", "graph-wide-layer",
    ),
    "truncation": (
        *(f"{kind}-cut-{place}" for kind in ("zip", "state-dict") for place in (
            "magic", "local-header", "name", "first-member", "last-local-header", "last-member",
            "before-directory", "directory-entry", "directory", "before-end", "end-record",
            "last-byte",
        )),
        *(f"scratch-cut-{size}" for size in (7, 8, 9, 100)), "safetensors-cut-60", "json-cut",
        "state-dict-truncated", "sidecar-cut", "samples-npy-cut", "samples-npy-cut-in-header",
        "samples-npz-cut", "samples-idx-cut", "samples-idx-cut-in-shape", "samples-gzip-cut",
        "artifact-cut-in-length.px", "artifact-cut-in-header.px", "artifact-cut-in-tensors.px",
        "header-cut.h", "lookalike-onnx-cut",
    ),
    "wrong endianness": (
        "archive-big-endian", "state-dict-big-endian", "scratch-header-big-endian",
        "artifact-header-big-endian.px", "samples-idx-little-endian",
    ),
    "unknown schema version": (
        "graph-schema-major", "graph-schema-text", "graph-no-schema", "scratch-format",
        "extra-format", "artifact-format.px", "artifact-profile.px", "samples-npy-version",
    ),
    "model.toml": ("sidecar-unknown-key", "sidecar-labels-many", "sidecar-large"),
    "sample file that would call": (
        "samples-npy-objects", "samples-npz-pickle", "samples-npy-code-in-shape",
        "samples-csv-formula",
    ),
    "scikit-learn pickle without --trust": ("lookalike-sklearn", "lookalike-sklearn-compressed"),
    "look-alike of another program's file": (
        "lookalike-onnx", "lookalike-tflite", "lookalike-hdf5", "lookalike-keras",
        "lookalike-torchscript", "lookalike-aotinductor", "lookalike-gguf",
    ),
    "header that is not what it says": ("header-other-identity.h", "header-spaces.h"),
}  # fmt: skip
