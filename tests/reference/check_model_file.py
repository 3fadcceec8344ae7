"""Checks a model file with the public safetensors reader: python check_model_file.py FILE

Checks metadata, names, shapes, dtypes, values and checksum. Prints "ok: N tensors", or a line about the first error and
exits with 1.
"""

import json
import pathlib
import sys

import numpy as np
import safetensors

import model_file

COMMON_KEYS = {"format_version", "family", "channels", "height", "width", "bits", "hidden_width", "num_classes"}
CONFIG_KEYS = {
    "glow": COMMON_KEYS | {"levels", "depth", "permutation", "coupling", "edge_bias", "learn_top"},
    "realnvp": COMMON_KEYS | {"levels", "residual_blocks"},
    "nice": COMMON_KEYS | {"depth", "network", "hidden_layers", "prior"},
}
REQUIRED_KEYS = {"glow.version", "glow.config", "glow.checksum"}
GLOW_KEYS = REQUIRED_KEYS | {"glow.classes", "glow.data"}
DATA_KEYS = {"format_version", "source", "images", "fingerprint", "skip_corrupt", "held_out", "split_seed", "resize",
             "random_crop", "seed", "batch"}


class WrongFile(Exception):
    pass


def require(condition, message):
    if not condition:
        raise WrongFile(message)


def check_metadata(metadata):
    """Returns the config."""
    file_format = metadata.get("format")
    require(file_format == "glow", f"metadata format: expected glow, found {file_format}")
    for key in sorted(REQUIRED_KEYS):
        require(key in metadata, f"metadata {key}: missing")
    for key in metadata:
        require(not key.startswith("glow.") or key in GLOW_KEYS, f"metadata {key}: unknown")
    config = json.loads(metadata["glow.config"])
    require(config["format_version"] == 1 and config["family"] in CONFIG_KEYS,
            f"glow.config: not version 1 of {', '.join(CONFIG_KEYS)}")
    differing = sorted(set(config) ^ CONFIG_KEYS[config["family"]])
    require(not differing, f"glow.config: missing or unknown {differing}")
    permutation = config.get("permutation", "reverse")
    require(permutation in model_file.PERMUTATION_TENSORS, f"glow.config permutation: unknown {permutation}")
    if "glow.classes" in metadata:
        names = json.loads(metadata["glow.classes"])
        require(len(names) == config["num_classes"],
                f"glow.classes: expected {config['num_classes']} names, found {len(names)}")
    if "glow.data" in metadata:
        data = json.loads(metadata["glow.data"])
        require(data["format_version"] == 1, "glow.data: not version 1")
        differing = sorted(set(data) ^ DATA_KEYS)
        require(not differing, f"glow.data: missing or unknown {differing}")
    return config


def check_tensor(name, tensor, shape):
    dtype = model_file.tensor_dtype(name)
    require(tensor.dtype == dtype, f"{name}: expected {dtype}, found {tensor.dtype}")
    require(list(tensor.shape) == shape, f"{name}: expected {shape}, found {list(tensor.shape)}")
    require(np.isfinite(tensor).all(), f"{name}: contains a number that is not finite")
    if name.endswith(".indices"):
        require((np.sort(tensor) == np.arange(len(tensor))).all(), f"{name}: is not a permutation")
    if name.endswith(".running_variance"):
        require((tensor >= 0).all(), f"{name}: contains a negative variance")
    if name.endswith(".sign_diagonal"):
        require((np.abs(tensor) == 1).all(), f"{name}: contains a sign other than +1 and -1")


def check(path):
    """Returns the number of tensors."""
    stored, computed = model_file.checksum(path.read_bytes())
    require(stored is not None, "glow.checksum: missing")
    require(stored == computed, f"glow.checksum: the file says {stored}, its bytes give {computed}")
    with safetensors.safe_open(path, framework="numpy") as file:
        shapes = model_file.tensor_shapes(check_metadata(file.metadata() or {}))
        for name in sorted(shapes.keys() ^ set(file.keys())):
            raise WrongFile(f"{name}: {'missing' if name in shapes else 'not a tensor of this model'}")
        for name, shape in shapes.items():
            check_tensor(name, file.get_tensor(name), shape)
    return len(shapes)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check_model_file.py FILE")
    try:
        print(f"ok: {check(pathlib.Path(sys.argv[1]))} tensors")
    except (WrongFile, OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        print(f"{sys.argv[1]}: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
