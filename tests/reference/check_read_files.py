"""Runs the program in docs/how-to/python.md on files that the tools write: check_read_files.py TOOLS PYTHON_MD"""

import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np


def main():
    tools, page = map(pathlib.Path, sys.argv[1:])
    (program,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    with tempfile.TemporaryDirectory() as folder:

        def run(*command):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            assert done.returncode == 0, done
            return done.stdout

        np.save(f"{folder}/images.npy", np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8))
        run(tools / "glow-train", *"--data npy:images.npy --levels 2 --depth 1 --width 4 --batch 4 --steps 4".split(),
            *"--eval-every 2 --threads 1 --out runs/mine".split())
        model = "--model runs/mine/model.safetensors --threads 1".split()
        run(tools / "glow-edit", "encode", *model, *"--images images.npy --out z.safetensors".split())
        run(tools / "glow-sample", *model, *"--count 3 --out samples.npy".split())
        run(tools / "glow-eval", *model, *"--data npy:images.npy --split all --scores scores.csv".split())

        lines = run(sys.executable, "-c", program).splitlines()
        assert lines[0].startswith("model: glow 2 levels, "), lines
        assert lines[1:3] == ["latents: [(40, 2, 4, 4), (40, 8, 2, 2)]", "samples: uint8 (3, 8, 8)"], lines
        assert re.fullmatch(r"least likely: image \d+ of images.npy \d+\.\d+", lines[3]), lines
        assert re.fullmatch(r"validation: \[\d+\.\d+, \d+\.\d+\]", lines[4]), lines


if __name__ == "__main__":
    main()
