"""Glow (Kingma & Dhariwal 2018, arXiv 1807.03039) in float64 NumPy: slow, plain, one line per formula.

The C++ library is compared with it, so the two share only the formulas and the names of the weights in a model file.
Images are [N, C, H, W]; log-densities are in nats, one per image.
"""

from dataclasses import dataclass
import math

import numpy as np


# Bytes <-> continuous values

def bins(bits):
    return 2 ** bits


def dequantise(image_bytes, bits, noise):
    """x = q/n - 1/2 + u for the bin q of each byte and noise u in [0, 1/n)."""
    bin_index = image_bytes.astype(np.int64) // 2 ** (8 - bits)
    return bin_index / bins(bits) - 0.5 + noise


def center(image_bytes, bits):
    return dequantise(image_bytes, bits, 1 / (2 * bins(bits)))


def to_bytes(x, bits):
    bin_index = np.clip(np.floor((x + 0.5) * bins(bits)), 0, bins(bits) - 1)
    return (bin_index * 2 ** (8 - bits)).astype(np.uint8)


def bits_per_dim(log_prob, dimensions, bits):
    return -(log_prob - dimensions * math.log(bins(bits))) / (dimensions * math.log(2))


# Layers

def squeeze(x):
    """[N, C, H, W] -> [N, 4C, H/2, W/2]; output channel = c*4 + dy*2 + dx."""
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 3, 5, 2, 4).reshape(n, 4 * c, h // 2, w // 2)


def unsqueeze(x):
    n, c, h, w = x.shape
    return x.reshape(n, c // 4, 2, 2, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)


def halves(x):
    c = x.shape[1] // 2
    return x[:, :c], x[:, c:]


def join(first, second):
    return np.concatenate([first, second], axis=1)


def over_channels(vector):
    return vector[None, :, None, None]


def sum_per_image(x):
    return x.sum(axis=(1, 2, 3))


def relu(x):
    return np.maximum(x, 0)


def log_sigmoid(x):
    return -np.logaddexp(0, -x)


def sigmoid(x):
    return np.exp(log_sigmoid(x))


def standard_normal_log_density(x):
    return sum_per_image(-0.5 * (x ** 2 + math.log(2 * math.pi)))


def conv1x1(x, matrix):
    """y = W x at every pixel."""
    return np.einsum("oc,nchw->nohw", matrix, x, optimize=True)


def conv3x3(x, weight, edge_bias):
    """Zero-padded; with edge_bias an additional last input plane is 1 on the padded ring and 0 inside."""
    n, _, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    if edge_bias:
        edge = np.ones((n, 1, h + 2, w + 2))
        edge[:, :, 1:-1, 1:-1] = 0
        padded = join(padded, edge)
    return sum(conv1x1(padded[:, :, dy:dy + h, dx:dx + w], weight[:, :, dy, dx])
               for dy in range(3) for dx in range(3))


def actnorm(x, bias, log_scale):
    return (x + over_channels(bias)) * np.exp(3 * over_channels(log_scale))


def actnorm_inverse(y, bias, log_scale):
    return y * np.exp(-3 * over_channels(log_scale)) - over_channels(bias)


def actnorm_initial_values(x, floor=1e-3):
    """The (bias, log_scale) that give every channel of x mean 0 and, above the floor, variance 1."""
    standard_deviation = x.std(axis=(0, 2, 3))
    return -x.mean(axis=(0, 2, 3)), -np.log(np.maximum(standard_deviation, floor)) / 3


@dataclass
class Encoding:
    eps: list         # whitened latents, finest first
    log_det: dict     # layer name -> [N]; their sum is log|det d eps / d x|
    log_prob: object  # [N]
    z_top: object     # the top latent before whitening

    def total_log_det(self):
        return sum(self.log_det.values())


class Glow:
    """config and weights are those of a model file; all computation is in float64."""

    def __init__(self, config, weights):
        self.config = config
        self.weights = {name: value.astype(np.float64) if value.dtype.kind == "f" else value
                        for name, value in weights.items()}

    def weights_of(self, layer, *names):
        return [self.weights[f"{layer}.{name}"] for name in names]

    # Layers with weights

    def actnorm(self, x, layer):
        return actnorm(x, *self.weights_of(layer, "bias", "log_scale"))

    def zero_conv(self, x, layer):
        weight, bias, log_scale = self.weights_of(layer, "weight", "bias", "log_scale")
        y = conv3x3(x, weight, self.config["edge_bias"])
        return (y + over_channels(bias)) * np.exp(3 * over_channels(log_scale))

    def zero_linear(self, x, layer):
        weight, bias, log_scale = self.weights_of(layer, "weight", "bias", "log_scale")
        return (x @ weight.T + bias) * np.exp(3 * log_scale)

    def permutation_matrix(self, layer):
        """(W, log|det W|)."""
        if self.config["permutation"] == "conv1x1":
            weight = self.weights[f"{layer}.weight"]
            return weight, np.linalg.slogdet(weight).logabsdet
        indices = self.weights[f"{layer}.indices"]
        one_hot_rows = np.eye(len(indices))[indices]
        if self.config["permutation"] != "lu":
            return one_hot_rows, 0.0
        lower, upper = self.weights_of(layer, "lower", "upper")
        log_diagonal, sign = self.weights_of(layer, "log_diagonal", "sign_diagonal")
        unit_lower = np.tril(lower, -1) + np.eye(len(indices))
        full_upper = np.triu(upper, 1) + np.diag(sign * np.exp(log_diagonal))
        return one_hot_rows @ unit_lower @ full_upper, log_diagonal.sum()

    def coupling_net(self, x1, layer):
        conv1, conv2 = self.weights_of(layer, "conv1.weight", "conv2.weight")
        h = conv3x3(x1, conv1, self.config["edge_bias"])
        h = relu(self.actnorm(h, f"{layer}.conv1.actnorm"))
        h = conv1x1(h, conv2[:, :, 0, 0])
        h = relu(self.actnorm(h, f"{layer}.conv2.actnorm"))
        return self.zero_conv(h, f"{layer}.conv3")

    def coupling(self, x, layer):
        x1, x2 = halves(x)
        h = self.coupling_net(x1, f"{layer}.net")
        if self.config["coupling"] == "additive":
            return join(x1, x2 + h), np.zeros(len(x))
        shift, r = halves(h)
        return join(x1, (x2 + shift) * sigmoid(r + 2)), sum_per_image(log_sigmoid(r + 2))

    def coupling_inverse(self, y, layer):
        x1, y2 = halves(y)
        h = self.coupling_net(x1, f"{layer}.net")
        if self.config["coupling"] == "additive":
            return join(x1, y2 - h)
        shift, r = halves(h)
        return join(x1, y2 * (1 + np.exp(-r - 2)) - shift)

    # One flow step: actnorm -> permutation -> coupling

    def flow_step(self, x, layer, log_det):
        n, _, h, w = x.shape
        x = self.actnorm(x, f"{layer}.actnorm")
        log_det[f"{layer}.actnorm"] = np.full(n, h * w * 3 * self.weights[f"{layer}.actnorm.log_scale"].sum())
        matrix, log_abs_det = self.permutation_matrix(f"{layer}.permutation")
        x = conv1x1(x, matrix)
        log_det[f"{layer}.permutation"] = np.full(n, h * w * log_abs_det)
        x, log_det[f"{layer}.coupling"] = self.coupling(x, f"{layer}.coupling")
        return x

    def flow_step_inverse(self, y, layer):
        y = self.coupling_inverse(y, f"{layer}.coupling")
        matrix, _ = self.permutation_matrix(f"{layer}.permutation")
        y = conv1x1(y, np.linalg.inv(matrix))
        return actnorm_inverse(y, *self.weights_of(f"{layer}.actnorm", "bias", "log_scale"))

    # Priors: (mean, log_sd)

    def split_prior(self, z1, level):
        return halves(self.zero_conv(z1, f"levels.{level}.split.prior"))

    def top_prior(self, top_shape, labels):
        """top_shape is the [N, c, h, w] of the top latent."""
        n, c, h, w = top_shape
        prior = np.zeros((n, 2 * c, h, w))
        if self.config["learn_top"]:
            # A ZeroConv of a zero input: only the weights of the edge plane have an effect.
            if self.config["edge_bias"]:
                prior = conv3x3(np.zeros((n, 0, h, w)), self.weights["top.prior.edge_weight"], edge_bias=True)
            bias, log_scale = self.weights_of("top.prior", "bias", "log_scale")
            prior = (prior + over_channels(bias)) * np.exp(3 * over_channels(log_scale))
        if self.config["num_classes"] > 0:
            if labels is None:
                raise ValueError("a class-conditional model needs labels")
            one_hot = np.eye(self.config["num_classes"])[labels]
            prior = prior + self.zero_linear(one_hot, "top.class_embedding")[:, :, None, None]
        return halves(prior)

    # The whole model

    def encode(self, x, labels=None):
        eps, log_det, z = [], {}, x
        log_prob = np.zeros(len(x))
        for level in range(self.config["levels"]):
            z = squeeze(z)
            for step in range(self.config["depth"]):
                z = self.flow_step(z, f"levels.{level}.steps.{step}", log_det)
            if level < self.config["levels"] - 1:
                z, leaving = halves(z)
                name, (mean, log_sd) = f"levels.{level}.split", self.split_prior(z, level)
            else:
                leaving = z
                name, (mean, log_sd) = "top", self.top_prior(z.shape, labels)
            eps.append((leaving - mean) / np.exp(log_sd))
            log_det[name] = -sum_per_image(log_sd)
            log_prob = log_prob + standard_normal_log_density(eps[-1])
        return Encoding(eps, log_det, log_prob + sum(log_det.values()), z_top=z)

    def decode(self, eps, labels=None):
        z = None
        for level in reversed(range(self.config["levels"])):
            if level == self.config["levels"] - 1:
                mean, log_sd = self.top_prior(eps[level].shape, labels)
                z = mean + np.exp(log_sd) * eps[level]
            else:
                mean, log_sd = self.split_prior(z, level)
                z = join(z, mean + np.exp(log_sd) * eps[level])
            for step in reversed(range(self.config["depth"])):
                z = self.flow_step_inverse(z, f"levels.{level}.steps.{step}")
            z = unsqueeze(z)
        return z

    def class_logits(self, x):
        """[N, num_classes]; the flow itself does not depend on the label, so neither does z_top."""
        any_labels = np.zeros(len(x), dtype=np.int64)
        return self.zero_linear(self.encode(x, any_labels).z_top.mean(axis=(2, 3)), "top.classifier")

    def log_prob_marginal(self, x):
        """log (1/Y) sum_y p(x | y)."""
        classes = self.config["num_classes"]
        per_class = [self.encode(x, np.full(len(x), label)).log_prob for label in range(classes)]
        return np.logaddexp.reduce(per_class, axis=0) - math.log(classes)

    def initialise(self, x):
        """Sets every actnorm from x in the order of computation; returns their weights by name."""
        initialised, z = {}, x

        def initialised_actnorm(values, layer):
            bias, log_scale = actnorm_initial_values(values)
            initialised.update({f"{layer}.bias": bias, f"{layer}.log_scale": log_scale})
            self.weights.update(initialised)
            return self.actnorm(values, layer)

        for level in range(self.config["levels"]):
            z = squeeze(z)
            for step in range(self.config["depth"]):
                layer = f"levels.{level}.steps.{step}"
                net = f"{layer}.coupling.net"
                z = initialised_actnorm(z, f"{layer}.actnorm")
                z = conv1x1(z, self.permutation_matrix(f"{layer}.permutation")[0])
                conv1, conv2 = self.weights_of(net, "conv1.weight", "conv2.weight")
                h = conv3x3(halves(z)[0], conv1, self.config["edge_bias"])
                h = relu(initialised_actnorm(h, f"{net}.conv1.actnorm"))
                initialised_actnorm(conv1x1(h, conv2[:, :, 0, 0]), f"{net}.conv2.actnorm")
                z, _ = self.coupling(z, f"{layer}.coupling")
            if level < self.config["levels"] - 1:
                z, _ = halves(z)
        return initialised


# Training: the schedule, and paths of parameters [steps, parameters] for given gradients

IMAGES_PER_EPOCH = 50_000  # of 32x32, for every data set


def counted_images(global_batch, height, width):
    """An image of H x W counts as H*W / 32^2 images."""
    return global_batch * height * width / 32 ** 2


def second_decay(global_batch, height, width):
    """Adamax's and Adam's beta2, and the decay of the average of the weights."""
    return 1 - 1 / math.ceil(IMAGES_PER_EPOCH / counted_images(global_batch, height, width))


def warmup_factor(steps_before, global_batch, height, width, warmup_epochs=10):
    images_before = steps_before * counted_images(global_batch, height, width)
    return min(1, images_before / (warmup_epochs * IMAGES_PER_EPOCH))


def adamax_path(initial, gradients, learning_rates, beta1, beta2):
    """The Adamax of the reference code, which differs from the textbook's."""
    w, m, v, path = initial, 0, 0, []
    for t, (g, rate) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta1 * m + (1 - beta1) * g
        v = np.maximum(beta2 * v, np.abs(g))
        w = w - rate * math.sqrt(1 - beta2 ** t) / (1 - beta1 ** t) * m / (v + 1e-8)
        path.append(w)
    return np.stack(path)


def adam_path(initial, gradients, learning_rates, beta1, beta2):
    """Kingma & Ba 2015, algorithm 1."""
    w, m, v, path = initial, 0, 0, []
    for t, (g, rate) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g ** 2
        w = w - rate * (m / (1 - beta1 ** t)) / (np.sqrt(v / (1 - beta2 ** t)) + 1e-8)
        path.append(w)
    return np.stack(path)


def zero_debiased_average_path(path, decay):
    """The exponential moving average of the parameters after each step; after step 1 it equals the parameters."""
    total, averages = 0, []
    for t, w in enumerate(path, start=1):
        total = decay * total + (1 - decay) * w
        averages.append(total / (1 - decay ** t))
    return np.stack(averages)
