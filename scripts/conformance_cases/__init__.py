"""The ONNX backend tests as a measure of the exporter: cases, their reading, verdicts, table."""
