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
    """Channels of a level after its squeeze: each split halves them, each squeeze multiplies them by four."""
    return config["channels"] * 4 * 2 ** level


def tensor_shapes(config):
    """Name -> shape of every tensor in a model file of this config."""
    shapes = {}

    def add(layer, **tensors):
        shapes.update({f"{layer}.{name}": shape for name, shape in tensors.items()})

    {"glow": add_glow, "realnvp": add_realnvp, "nice": add_nice}[config["family"]](config, add)
    c, classes = level_channels(config, config.get("levels", 1) - 1), config["num_classes"]
    if classes > 0:
        add("top.class_embedding", weight=[2 * c, classes], bias=[2 * c], log_scale=[2 * c])
        add("top.classifier", weight=[classes, c], bias=[classes], log_scale=[classes])
    return shapes


def add_realnvp(config, add):
    for level in range(config["levels"]):
        c, width = level_channels(config, level), config["hidden_width"] * 2 ** level
        for step in range(6 if level < config["levels"] - 1 else 4):
            layer = f"levels.{level}.steps.{step}"
            add(f"{layer}.batch_norm", running_mean=[c], running_variance=[c])
            add(f"{layer}.permutation", indices=[c])

            def add_convolution(name, inputs, outputs, kernel):
                add(f"{layer}.network.{name}", weight_v=[outputs, inputs, kernel, kernel], weight_g=[outputs],
                    bias=[outputs])

            add_convolution("input", c // 2, width, 3)
            for i in range(2 * config["residual_blocks"]):
                add_convolution(f"convolutions.{i}", width, width, 3)
            add_convolution("output", width, c, 1)
            add(f"{layer}.network", bound=[c // 2])


def add_nice(config, add):
    c, height, width = level_channels(config, 0), config["height"] // 2, config["width"] // 2
    for step in range(config["depth"]):
        layer = f"levels.0.steps.{step}"
        add(f"{layer}.permutation", indices=[c])
        if config["network"] == "convolutional":
            add_coupling_net(add, f"{layer}.coupling.net", config["hidden_width"], c // 2, c // 2, edge=0)
            continue
        numbers, hidden = c // 2 * height * width, [config["hidden_width"]] * config["hidden_layers"]
        for i, (inputs, outputs) in enumerate(zip([numbers] + hidden, hidden + [numbers])):
            add(f"{layer}.network.layers.{i}", weight=[outputs, inputs], bias=[outputs])
    add("top.scaling", log_scale=[c, height, width])


def add_coupling_net(add, net, width, inputs, outputs, edge):
    add(f"{net}.conv1", weight=[width, inputs + edge, 3, 3])
    add(f"{net}.conv1.actnorm", bias=[width], log_scale=[width])
    add(f"{net}.conv2", weight=[width, width, 1, 1])
    add(f"{net}.conv2.actnorm", bias=[width], log_scale=[width])
    add(f"{net}.conv3", weight=[outputs, width + edge, 3, 3], bias=[outputs], log_scale=[outputs])


def add_glow(config, add):
    edge = int(config["edge_bias"])
    for level in range(config["levels"]):
        c = level_channels(config, level)
        for step in range(config["depth"]):
            layer = f"levels.{level}.steps.{step}"
            add(f"{layer}.actnorm", bias=[c], log_scale=[c])
            for name in PERMUTATION_TENSORS[config["permutation"]]:
                add(f"{layer}.permutation", **{name: [c, c] if name in ("weight", "lower", "upper") else [c]})
            out = c if config["coupling"] == "affine" else c // 2
            add_coupling_net(add, f"{layer}.coupling.net", config["hidden_width"], c // 2, out, edge)
        if level < config["levels"] - 1:
            add(f"levels.{level}.split.prior", weight=[c, c // 2 + edge, 3, 3], bias=[c], log_scale=[c])

    c = level_channels(config, config["levels"] - 1)
    if config["learn_top"]:
        add("top.prior", bias=[2 * c], log_scale=[2 * c])
        if edge:
            add("top.prior", edge_weight=[2 * c, 1, 3, 3])


def tensor_dtype(name):
    return "int64" if name.endswith(".indices") else "float32"


def checksum(file_bytes):
    """(stored, computed): SHA-256 of the file with zeros for the stored digits; both are None without a checksum."""
    header_end = 8 + int.from_bytes(file_bytes[:8], "little")
    found = CHECKSUM_IN_HEADER.search(file_bytes, 8, header_end)
    if found is None:
        return None, None
    zeroed = file_bytes[:found.start(1)] + ZERO_CHECKSUM + file_bytes[found.end(1):]
    return found.group(1).decode(), hashlib.sha256(zeroed).hexdigest()


def write_tensors(path, tensors, metadata=None):
    """Writes the same bytes for the same tensors and metadata, which the package alone does not guarantee."""
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
