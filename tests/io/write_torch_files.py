"""Writes small files with PyTorch: seeds of the fuzzer torch_file, which tests/io/torch_file_test.cpp reads too.

    python write_torch_files.py FOLDER

FOLDER is tests/fuzz/corpus/torch_file. Objects are written in the zip format and in the one of before version 1.6.
The files in the tree are of PyTorch 2.11.
"""

import pathlib
import sys

import torch


def ramp(*shape, dtype=torch.float32):
    """1, 2, 3 ... in C order."""
    return (torch.arange(torch.Size(shape).numel()) + 1).reshape(shape).to(dtype)


def make_module():
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(ramp(*parameter.shape))
    return module


def training_state():
    module = make_module()
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    return {
        "graph": module.state_dict(),
        "optim": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "step": 7,
        "large": 10**12,
        "loss": 0.5,
        "done": False,
        "name": "glow",
        "nothing": None,
        "size": torch.Size([1, 2]),
    }


def types():
    names = "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split()
    return {name: ramp(2, dtype=getattr(torch, name)) for name in names}


def views():
    whole = ramp(2, 3)
    return [
        whole,
        whole.t(),
        whole[1:],
        whole[:, 1:],
        whole.flatten()[::2],
        torch.zeros(6)[0],
        torch.zeros(0, 3),
        ramp(6)[:2].expand(3, 2),
        (torch.nn.Parameter(ramp(2)), whole),
    ]


def main():
    folder = pathlib.Path(sys.argv[1])
    contents = {
        "state_dict": make_module().state_dict(),
        "training": training_state(),
        "types": types(),
        "views": views(),
        "tensor": ramp(2),
        "module": make_module(),
        "unknown": {"weight": ramp(2), "device": torch.device("cpu")},
    }
    for name, content in contents.items():
        torch.save(content, folder / f"{name}.zip.pt")
        if name != "module":  # in that format it has the source code of PyTorch's modules
            torch.save(content, folder / f"{name}.old.pt", _use_new_zipfile_serialization=False)
    torch.save(types(), folder / "protocol4.zip.pt", pickle_protocol=4)
    torch.serialization.set_crc32_options(False)
    torch.save(ramp(2), folder / "without_crc.zip.pt")


if __name__ == "__main__":
    main()
