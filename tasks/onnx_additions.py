"""Small additions to published ONNX graphs: more of what they compute is put out, or can be scaled on its way.

An ONNX file is a protocol buffer, and a protocol buffer may be extended by what is appended to it: messages that occur
twice are merged. So a few bytes at the end add outputs, inputs and nodes, without a library that knows the format.
"""

from collections.abc import Sequence


def message(number: int, content: bytes | str) -> bytes:
    """Field `number` of a protocol buffer, holding text, bytes or another message."""
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    return bytes([value & 127 | 128]) + varint(value >> 7) if value > 127 else bytes([value])


def with_outputs(model: bytes, names: Sequence[str]) -> bytes:
    """An ONNX model that also puts out these tensors."""
    return model + message(7, b"".join(message(12, message(1, name)) for name in names))


def with_factor(model: bytes, tensor: str, name: str) -> bytes:
    """An ONNX model with a new input, float (1,), which multiplies a tensor before anything else reads it."""
    raw = tensor[:-1] + "*"  # the node that made the tensor now makes this one
    written = b"\x12" + varint(len(tensor))
    if model.count(written + tensor.encode()) != 1:
        raise ValueError(f"not one node makes {tensor}")
    model = model.replace(written + tensor.encode(), written + raw.encode())
    kind = message(1, b"\x08\x01" + message(2, message(1, b"\x08\x01")))  # float, of shape (1,)
    multiply = message(1, raw) + message(1, name) + message(2, tensor) + message(3, name) + message(4, "Mul")
    return model + message(7, message(11, message(1, name) + message(2, kind)) + message(1, multiply))
