"""Reads ONNX models without the onnx package: wire format, messages, tensors, lowering."""
