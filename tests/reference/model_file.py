"""Model files as docs/formats.md describes them, on top of the public safetensors package."""

import hashlib
import json
import re

import safetensors.numpy

ZERO_CHECKSUM = b"0" * 64
CHECKSUM_IN_HEADER = re.compile(rb'"glow\.checksum"\s*:\s*"([0-9a-f]{64})"')
PERMUTATION_TENSORS = {
    "conv1x1": ["weight"],
    "lu": ["lower", "upper", "log_diagonal", "sign_diagonal", "indices"],
    "shuffle": ["indices"],
    "reverse": ["indices"],
}


def level_channels(config, level):
    """Channels at a level after its squeeze: each level halves them by the split, then quadruples them."""
    return config["channels"] * 4 * 2 ** level


def tensor_shapes(config):
    """Name -> shape of every tensor in a model file of this config."""
    width, classes = config["hidden_width"], config["num_classes"]
    edge = int(config["edge_bias"])
    shapes = {}

    def add(layer, **tensors):
        shapes.update({f"{layer}.{name}": shape for name, shape in tensors.items()})

    for level in range(config["levels"]):
        c = level_channels(config, level)
        for step in range(config["depth"]):
            layer = f"levels.{level}.steps.{step}"
            net = f"{layer}.coupling.net"
            add(f"{layer}.actnorm", bias=[c], log_scale=[c])
            for name in PERMUTATION_TENSORS[config["permutation"]]:
                add(f"{layer}.permutation", **{name: [c, c] if name in ("weight", "lower", "upper") else [c]})
            add(f"{net}.conv1", weight=[width, c // 2 + edge, 3, 3])
            add(f"{net}.conv1.actnorm", bias=[width], log_scale=[width])
            add(f"{net}.conv2", weight=[width, width, 1, 1])
            add(f"{net}.conv2.actnorm", bias=[width], log_scale=[width])
            out = c if config["coupling"] == "affine" else c // 2
            add(f"{net}.conv3", weight=[out, width + edge, 3, 3], bias=[out], log_scale=[out])
        if level < config["levels"] - 1:
            add(f"levels.{level}.split.prior", weight=[c, c // 2 + edge, 3, 3], bias=[c], log_scale=[c])

    c = level_channels(config, config["levels"] - 1)
    if config["learn_top"]:
        add("top.prior", bias=[2 * c], log_scale=[2 * c])
        if edge:
            add("top.prior", edge_weight=[2 * c, 1, 3, 3])
    if classes > 0:
        add("top.class_embedding", weight=[2 * c, classes], bias=[2 * c], log_scale=[2 * c])
        add("top.classifier", weight=[classes, c], bias=[classes], log_scale=[classes])
    return shapes


def tensor_dtype(name):
    return "int64" if name.endswith(".indices") else "float32"


def checksum(file_bytes):
    """(stored, computed) SHA-256 of the file with the stored digits as zeros; stored is None without one."""
    header_end = 8 + int.from_bytes(file_bytes[:8], "little")
    found = CHECKSUM_IN_HEADER.search(file_bytes, 8, header_end)
    if found is None:
        return None, None
    zeroed = file_bytes[:found.start(1)] + ZERO_CHECKSUM + file_bytes[found.end(1):]
    return found.group(1).decode(), hashlib.sha256(zeroed).hexdigest()


def write_tensors(path, tensors, metadata=None):
    """The same tensors and metadata give the same bytes, which the package alone does not promise."""
    path.write_bytes(with_sorted_metadata(safetensors.numpy.save(tensors, metadata)))


def write_model(path, config, tensors, classes=None):
    metadata = {
        "format": "glow",
        "glow.version": "0.1.0",
        "glow.config": json.dumps(config),
        "glow.checksum": ZERO_CHECKSUM.decode(),
    }
    if classes is not None:
        metadata["glow.classes"] = json.dumps(classes)
    file_bytes = with_sorted_metadata(safetensors.numpy.save(tensors, metadata))
    _, computed = checksum(file_bytes)
    path.write_bytes(CHECKSUM_IN_HEADER.sub(b'"glow.checksum":"%s"' % computed.encode(), file_bytes, count=1))


def with_sorted_metadata(file_bytes):
    header_size = int.from_bytes(file_bytes[:8], "little")
    header = json.loads(file_bytes[8:8 + header_size])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return file_bytes[:8] + text.ljust(header_size) + file_bytes[8 + header_size:]
