"""Writes fixtures/: models with random weights and the values that the reference computes from them, an initialisation,
and paths of the optimisers. The same machine writes the same bytes again. README.md describes the files.

The reference is checked first: decode inverts encode, and each log-determinant equals that of a numerical Jacobian of
encode.
"""

import math
import pathlib
import zlib

import numpy as np

import ancestors_reference as ancestors
import glow_reference as reference
import model_file
import philox

FIXTURES = pathlib.Path(__file__).resolve().parent / "fixtures"
IMAGES = 3
CLASS_NAMES = ["ankle boot", "bag", "coat"]
FAMILIES = {"glow": reference.Glow, "realnvp": ancestors.RealNVP, "nice": ancestors.NICE}
SCORED = ["grey_lu_affine", "colour_conv1x1_additive", "conditional_conv1x1_affine"]
SCORED_IMAGES = 7
SCORED_DRAWS = 4
SCORED_SEED = 2 ** 40 + 5


def config(channels, height, width, levels, permutation, coupling, **others):
    return {"format_version": 1, "family": "glow", "channels": channels, "height": height, "width": width,
            "bits": 8, "levels": levels, "depth": 2, "hidden_width": 8, "permutation": permutation,
            "coupling": coupling, "edge_bias": True, "learn_top": True, "num_classes": 0, **others}


def realnvp(channels, height, width, levels, **others):
    return {"format_version": 1, "family": "realnvp", "channels": channels, "height": height, "width": width, "bits": 8,
            "levels": levels, "hidden_width": 4, "num_classes": 0, "residual_blocks": 2, **others}


def nice(channels, height, width, network, prior, **others):
    return {"format_version": 1, "family": "nice", "channels": channels, "height": height, "width": width, "bits": 8,
            "depth": 3, "hidden_width": 6, "num_classes": 0, "network": network,
            "hidden_layers": 2 if network == "dense" else 5, "prior": prior, **others}


# 8x8 with 3 levels ends at 1x1, where all neighbours of a pixel are padding.
CASES = {
    "smallest": config(1, 2, 2, 1, "reverse", "additive", bits=1, hidden_width=6),
    "grey_lu_affine": config(1, 4, 8, 2, "lu", "affine"),
    "colour_conv1x1_affine": config(3, 8, 12, 2, "conv1x1", "affine", hidden_width=10),
    "colour_conv1x1_additive": config(3, 8, 8, 3, "conv1x1", "additive", bits=5),
    "two_channels_lu_additive_plain": config(
        2, 8, 12, 2, "lu", "additive", bits=5, edge_bias=False, learn_top=False),
    "five_channels_shuffle_affine": config(5, 6, 4, 1, "shuffle", "affine", edge_bias=False),
    "two_channels_reverse_affine": config(
        2, 8, 16, 3, "reverse", "affine", bits=1, hidden_width=6, learn_top=False),
    "conditional_conv1x1_affine": config(
        3, 4, 8, 2, "conv1x1", "affine", bits=5, num_classes=len(CLASS_NAMES)),
    "conditional_shuffle_additive_plain": config(
        1, 4, 4, 2, "shuffle", "additive", hidden_width=6, edge_bias=False, learn_top=False,
        num_classes=len(CLASS_NAMES)),
    "realnvp_colour": realnvp(3, 8, 12, 2),
    "realnvp_conditional": realnvp(1, 8, 8, 3, bits=5, residual_blocks=1, num_classes=len(CLASS_NAMES)),
    "nice_convolutional": nice(3, 8, 6, "convolutional", "gaussian", bits=5),
    "nice_dense_logistic": nice(1, 6, 8, "dense", "logistic"),
    "nice_conditional": nice(2, 4, 4, "convolutional", "logistic", num_classes=len(CLASS_NAMES)),
}


def random_for(name):
    """A stream for each file. RandomState's streams are the same in all versions of NumPy."""
    return np.random.RandomState(zlib.crc32(name.encode()))


def random_rotation(random, c):
    q, r = np.linalg.qr(random.normal(size=(c, c)))
    return q * np.sign(np.diag(r))


# Weights

def random_order(random, name, channels, case_config):
    if case_config["family"] == "realnvp":
        level, step = int(name.split(".")[1]), int(name.split(".")[3])
        return realnvp_orders(case_config, level)[step]
    is_reverse = case_config.get("permutation", "reverse") == "reverse"
    return np.arange(channels)[::-1] if is_reverse else random.permutation(channels)


def realnvp_orders(case_config, level):
    """For every step of a level: the indices that move the channels which the mask leaves unchanged to the front."""
    masks = ancestors.RealNVP(case_config, {}).masks(level)
    before, orders = np.arange(len(masks[0])), []
    for mask in masks:
        order = np.concatenate([np.flatnonzero(mask), np.flatnonzero(~mask)])
        orders.append(np.argsort(before)[order])
        before = order
    return orders


def random_weight(random, name, shape, case_config):
    """No weight is zero, and all values stay of order one."""
    leaf = name.rsplit(".", 1)[1]
    if leaf == "indices":
        return random_order(random, name, shape[0], case_config)
    if leaf == "running_variance":
        return random.uniform(0.5, 1.5, size=shape)
    if leaf == "running_mean":
        return 0.1 * random.normal(size=shape)  # small, because they add up and large logits lose precision
    if leaf in ("weight_g", "bound"):
        return 0.5 + 0.1 * random.normal(size=shape)
    if leaf == "sign_diagonal":
        return random.choice([-1.0, 1.0], size=shape)
    if leaf in ("log_scale", "log_diagonal"):
        return 0.1 * random.normal(size=shape)
    if leaf == "bias":
        return 0.3 * random.normal(size=shape)
    if leaf in ("lower", "upper"):
        # Full matrices: readers must ignore the diagonal and the other triangle.
        return 0.5 * random.normal(size=shape) / math.sqrt(shape[0])
    if name.endswith("permutation.weight"):
        return random_rotation(random, shape[0]) + 0.1 * random.normal(size=shape)
    # Small output layers, because their effect on the scales multiplies over the steps.
    gain = 1.0 if name.endswith(("conv1.weight", "conv2.weight", "classifier.weight")) else 0.25
    return gain * random.normal(size=shape) / math.sqrt(math.prod(shape[1:]))


def uninitialised_weight(random, name, shape, case_config):
    """The weights of a new model, before the data-dependent initialisation."""
    if name.endswith("permutation.weight"):
        return random_rotation(random, shape[0])
    if name.endswith(("conv1.weight", "conv2.weight")):
        return 0.05 * random.normal(size=shape)
    return np.zeros(shape)


def make_weights(random, case_config, make_weight):
    shapes = model_file.tensor_shapes(case_config)
    return {name: np.ascontiguousarray(make_weight(random, name, shape, case_config),
                                       dtype=model_file.tensor_dtype(name))
            for name, shape in shapes.items()}


# Checks of the reference

def assert_close(actual, expected, tolerance):
    assert np.all(np.abs(actual - expected) <= tolerance * (1 + np.abs(expected)))


def flat(encoding):
    return np.concatenate([eps.reshape(len(eps), -1) for eps in encoding.eps], axis=1)


def numerical_log_det(model, image, label, step=1e-6):
    """log|det d eps/dx| of one image [C, H, W], by central differences."""
    changes = step * np.eye(image.size).reshape(-1, *image.shape)
    labels = None if label is None else np.full(image.size, label)
    columns = flat(model.encode(image + changes, labels)) - flat(model.encode(image - changes, labels))
    return np.linalg.slogdet(columns / (2 * step)).logabsdet


def prove(model, x, labels, eps):
    encoding = model.encode(x, labels)
    assert_close(model.decode(encoding.eps, labels), x, 1e-10)
    for recovered, original in zip(model.encode(model.decode(eps, labels), labels).eps, eps):
        assert_close(recovered, original, 1e-10)
    for i, image in enumerate(x):
        label = None if labels is None else labels[i]
        log_det = encoding.total_log_det()[i]
        assert_close(log_det, numerical_log_det(model, image, label), 1e-6)
        log_normal = -0.5 * (flat(encoding)[i] ** 2).sum() - 0.5 * x[i].size * math.log(2 * math.pi)
        assert_close(encoding.log_prob[i], log_normal + log_det, 1e-12)


# Fixtures

def write_case(name, case_config):
    random = random_for(name)
    weights = make_weights(random, case_config, random_weight)
    conditional = case_config["num_classes"] > 0
    model_file.write_model(FIXTURES / f"{name}.model.safetensors", case_config, weights,
                           CLASS_NAMES if conditional else None)

    model, bits = FAMILIES[case_config["family"]](case_config, weights), case_config["bits"]
    shape = [IMAGES] + [case_config[axis] for axis in ("channels", "height", "width")]
    image_bytes = random.randint(0, 256, size=shape).astype(np.uint8)
    x = reference.dequantise(image_bytes, bits, random.uniform(0, 1 / reference.bins(bits), size=shape))
    labels = np.arange(IMAGES)[::-1].copy() if conditional else None
    encoding = model.encode(x, labels)
    eps = [random.normal(size=latent.shape) for latent in encoding.eps]
    prove(model, x, labels, eps)

    decoded = model.decode(eps, labels)
    expected = {
        "bytes": image_bytes,
        "center": reference.center(image_bytes, bits),
        "x": x,
        "log_prob": encoding.log_prob,
        "log_det": encoding.total_log_det(),
        "bits_per_dim": reference.bits_per_dim(encoding.log_prob, x[0].size, bits),
        "decode.x": decoded,
        "decode.bytes": reference.to_bytes(decoded, bits),
    }
    for level, (latent, other) in enumerate(zip(encoding.eps, eps)):
        expected.update({f"eps.{level}": latent, f"decode.eps.{level}": other})
    if conditional:
        expected.update({"labels": labels, "class_logits": model.class_logits(x),
                         "log_prob_marginal": model.log_prob_marginal(x)})
    write_expected(name, expected)
    if name in SCORED:
        write_scores(name, model)


def write_scores(name, model):
    """Writes bits/dim of images with the library's noise, for each draw."""
    random, case_config = random_for(f"{name}.scores"), model.config
    shape = [SCORED_IMAGES] + [case_config[axis] for axis in ("channels", "height", "width")]
    image_bytes = random.randint(0, 256, size=shape).astype(np.uint8)
    dimensions, bits = math.prod(shape[1:]), case_config["bits"]
    uniform = np.stack([[philox.dequantisation_uniform(SCORED_SEED, draw, index, dimensions).reshape(shape[1:])
                         for index in range(SCORED_IMAGES)] for draw in range(SCORED_DRAWS)])
    points = [reference.dequantise(image_bytes, bits, u / reference.bins(bits)) for u in uniform]

    def add_bounds(tensors, prefix, log_prob_of):
        log_prob = np.stack([log_prob_of(x) for x in points])
        log_mean = np.logaddexp.reduce(log_prob, axis=0) - math.log(SCORED_DRAWS)
        center = log_prob_of(reference.center(image_bytes, bits))
        for key, value in (("bits_per_dim", log_prob), ("importance_bits_per_dim", log_mean),
                           ("center_bits_per_dim", center)):
            tensors[prefix + key] = reference.bits_per_dim(value, dimensions, bits)

    tensors = {"bytes": image_bytes}
    if case_config["num_classes"] == 0:
        add_bounds(tensors, "", lambda x: model.encode(x).log_prob)
    else:
        labels = np.sort(np.arange(SCORED_IMAGES) % case_config["num_classes"])
        by_class = np.stack([[model.encode(x, np.full(SCORED_IMAGES, y)).log_prob for x in points]
                             for y in range(case_config["num_classes"])])
        tensors.update(labels=labels, predicted=by_class.mean(axis=1).argmax(axis=0))
        add_bounds(tensors, "", lambda x: model.encode(x, labels).log_prob)
        add_bounds(tensors, "marginal_", model.log_prob_marginal)
    write_tensors(f"{name}.scores", tensors, {"seed": str(SCORED_SEED), "draws": str(SCORED_DRAWS)})


def write_expected(name, tensors, metadata=None):
    write_tensors(f"{name}.expected", tensors, metadata)


def write_tensors(name, tensors, metadata=None):
    contiguous = {key: np.ascontiguousarray(tensor) for key, tensor in tensors.items()}
    model_file.write_tensors(FIXTURES / f"{name}.safetensors", contiguous, metadata)


def write_initialisation():
    """Channel 2 of the images is constant, so that the floor applies to channels 8 to 11 of the first actnorm."""
    random = random_for("init")
    case_config = config(3, 8, 12, 2, "conv1x1", "affine")
    weights = make_weights(random, case_config, uninitialised_weight)
    model_file.write_model(FIXTURES / "init.before.safetensors", case_config, weights)

    x = random.uniform(-0.5, 0.5, size=(10, 3, 8, 12)) * np.array([1.0, 0.3, 0.0]).reshape(3, 1, 1)
    x += np.array([0.0, 0.2, -0.4375]).reshape(3, 1, 1)
    model = reference.Glow(case_config, weights)
    initialised = model.initialise(x)
    floored = {name: np.flatnonzero(np.exp(-3 * value) <= 1e-3 * (1 + 1e-9)).tolist()
               for name, value in initialised.items() if name.endswith("log_scale")}
    assert {name: found for name, found in floored.items() if found} == {
        "levels.0.steps.0.actnorm.log_scale": [8, 9, 10, 11]}
    prove(model, x[:1], None, model.encode(x[1:2]).eps)
    write_expected("init", {"x": x, **initialised})


def write_optimizers():
    """Gradients of sizes from 1e-9 (where the 1e-8 of the denominators matters) to 10, with rare spikes of 100 times
    the size, which stay in Adamax's maximum; the last parameter has a zero gradient for 50 steps."""
    random = random_for("optimizer")
    steps, parameters = 1000, 10
    batch, height, width, learning_rate, beta1 = 256, 64, 64, 1e-3, 0.9
    beta2 = reference.second_decay(batch, height, width)
    rates = np.array([learning_rate * reference.warmup_factor(t, batch, height, width) for t in range(steps)])
    assert rates[0] == 0 and rates[400] < learning_rate and rates[-1] == learning_rate

    size = 10.0 ** np.linspace(-9, 1, parameters)
    gradients = size * (random.normal(size=(steps, parameters)) + random.normal(size=parameters))
    gradients *= np.where(random.uniform(size=gradients.shape) < 0.005, 100, 1)
    gradients[:50, -1] = 0
    initial = random.normal(size=parameters)
    adamax = reference.adamax_path(initial, gradients, rates, beta1, beta2)
    write_expected("optimizer", {
        "initial": initial,
        "gradients": gradients,
        "lr": rates,
        "adamax": adamax,
        "adam": reference.adam_path(initial, gradients, rates, beta1, beta2),
        "ema": reference.zero_debiased_average_path(adamax, beta2),
    }, {"batch": str(batch), "height": str(height), "width": str(width), "learning_rate": repr(learning_rate),
        "beta1": repr(beta1), "beta2": repr(beta2), "warmup_epochs": "10"})


def main():
    FIXTURES.mkdir(exist_ok=True)
    philox.prove()
    for name, case_config in CASES.items():
        write_case(name, case_config)
        print(f"{name}: checked and written")
    write_initialisation()
    write_optimizers()
    total = sum(path.stat().st_size for path in FIXTURES.iterdir())
    print(f"{len(list(FIXTURES.iterdir()))} files, {total / 1e6:.2f} MB in {FIXTURES}")


if __name__ == "__main__":
    main()
