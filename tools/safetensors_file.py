"""Reads and writes safetensors files of float tensors.

A library of export.py. The format: the length of a JSON header (64 bits, little-endian), the
header padded with spaces to 8 bytes, then the bytes of the tensors it describes.
"""
import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

ALIGNMENT = 8
NUMPY_TYPES = {"F16": "<f2", "F32": "<f4"}
DTYPE_NAMES = {torch.float16: "F16", torch.float32: "F32"}


def write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    header: dict = {"__metadata__": {"format": "pt"}}
    contents = []
    offset = 0
    for name, tensor in tensors.items():
        content = tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": DTYPE_NAMES[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [offset, offset + len(content)]}
        contents.append(content)
        offset += len(content)
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % ALIGNMENT)
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + b"".join(contents))


def read(path: Path) -> dict[str, Tensor]:
    data = path.read_bytes()
    header_size, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + header_size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + header_size + offset for offset in entry["data_offsets"])
        values = np.frombuffer(data[begin:end], NUMPY_TYPES[entry["dtype"]])
        tensors[name] = torch.from_numpy(values.reshape(entry["shape"]).copy())
    return tensors
