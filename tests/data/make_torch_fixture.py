#!/usr/bin/env python3
"""Writes tests/data/torch with PyTorch itself (Debian's python3-torch), as evidence that does not
come from this project. Values follow from their index, so that the tests can state them."""

import pathlib
import zipfile

import torch

folder = pathlib.Path(__file__).parent / "torch"
folder.mkdir(exist_ok=True)


def values(count, dtype):
    return (torch.arange(count, dtype=torch.float64) * 3 - 5).to(dtype)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(3, 2, bias=False)
        self.head.weight.data = values(6, torch.float32).reshape(2, 3)


state = Model().state_dict()
weight = state["head.weight"]
state["tied"] = weight
state["transposed"] = weight.t()
state["row"] = weight[1]
state["column"] = weight[:, 1]
state["expanded"] = values(1, torch.float32).expand(4)
state["scalar"] = torch.tensor(2.5)
state["empty"] = torch.zeros(0, 3)
state["parameter"] = torch.nn.Parameter(values(4, torch.float16))
for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.int16, torch.int32,
              torch.int64):
    state[str(dtype).removeprefix("torch.")] = values(4, dtype)
state["uint8"] = torch.arange(4, dtype=torch.uint8)
state["bool"] = torch.tensor([True, False, True])
state["step"] = 7

torch.save(state, folder / "state_dict.bin")
torch.save({"model": state, "epoch": 1}, folder / "nested_protocol4.bin", pickle_protocol=4)
# The fields of an archive beyond 4 GiB, which Python's writer is made to use for small ones.
zipfile.ZIP64_LIMIT = 16
with (zipfile.ZipFile(folder / "state_dict.bin") as source,
      zipfile.ZipFile(folder / "zip64.bin", "w") as target):
    for name in source.namelist():
        target.writestr(zipfile.ZipInfo(name), source.read(name))

torch.save({"weight": weight}, folder / "legacy.bin", _use_new_zipfile_serialization=False)
torch.save(torch.nn.Linear(2, 2), folder / "whole_module.bin")
torch.jit.script(Model()).save(str(folder / "torchscript.bin"))
