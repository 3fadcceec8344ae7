"""Saves a model file again with the public safetensors library, and renews its checksum as docs/formats.md says.

    python check_saved_again.py GLOW_SAMPLE MODEL FORMATS_MD

Every file is opened by glow-sample; its sentence about a file without metadata, or with a stale checksum, is compared.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

from safetensors import safe_open
from safetensors.numpy import load_file, save_file


def describe(glow_sample, path):
    return subprocess.run([glow_sample, "--describe", "--model", path], capture_output=True, text=True)


def expect_error(done, *parts):
    for part in parts:
        assert done.returncode == 1 and part in done.stderr, done


def main():
    glow_sample, model, formats = sys.argv[1:]
    recipes = re.findall(r"```python\n(.*?)```", pathlib.Path(formats).read_text(), re.DOTALL)
    save_again, renew = (next(code for code in recipes if word in code) for word in ("save_file", "hashlib"))
    with tempfile.TemporaryDirectory() as folder:
        # save_file orders the metadata at random, so that it can write the same file again: change the weights too.
        with safe_open(model, "numpy") as file:
            metadata = file.metadata()
        weights = {name: -tensor if tensor.dtype.kind == "f" else tensor for name, tensor in load_file(model).items()}
        save_file(weights, f"{folder}/model.safetensors", metadata)
        changed = f"{folder}/changed.safetensors"

        def run(code):
            subprocess.run([sys.executable, "-c", code, changed], cwd=folder, check=True)

        save_file(load_file(model), changed)
        expect_error(describe(glow_sample, changed), 'expected a model of Glow, has no "format" in its metadata',
                     "saved it without its metadata (docs/formats.md)")
        run(save_again)
        expect_error(describe(glow_sample, changed), "its checksum, glow.checksum, is not that", "docs/formats.md")
        run(renew)
        done = describe(glow_sample, changed)
        assert done.returncode == 0 and "checksum" in done.stdout, done
        content = pathlib.Path(changed).read_bytes()
        pathlib.Path(changed).write_bytes(content[:-1])
        expect_error(describe(glow_sample, changed), "truncated: ")


if __name__ == "__main__":
    main()
