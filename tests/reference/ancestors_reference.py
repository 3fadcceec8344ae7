"""RealNVP (Dinh et al. 2016, arXiv 1605.08803) and NICE (Dinh et al. 2014, arXiv 1410.8516) in float64 NumPy, as
glow_reference.py is for Glow: slow, plain, one line per formula. RealNVP's masks are masks here, over the squares of a
checkerboard and over halves of the channels; the orders of the channels in a model file are only checked against them.
"""

import math

import numpy as np

import glow_reference as glow
from glow_reference import Encoding, halves, join, over_channels, relu, squeeze, sum_per_image, unsqueeze

ALPHA = 0.05
VARIANCE_FLOOR = 1e-5


def logit(p):
    return np.log(p) - np.log(1 - p)


def checkerboard(channels):
    """bool [channels]: which channels (c*4 + dy*2 + dx) of a squeezed tensor are even squares before the squeeze."""
    offset = np.arange(channels) % 4
    return (offset // 2 + offset % 2) % 2 == 0


def first_channels(channels):
    return np.arange(channels) < channels // 2


class Ancestor(glow.Glow):
    """Shared by RealNVP and NICE: weights as in Glow; the top latent is N(0, I), shifted and scaled by the class."""

    def class_gaussian(self, shape, labels):
        """(mean, log_sd) of the top latent, by class in a conditional model."""
        if self.config["num_classes"] == 0:
            return np.zeros((1, shape[1], 1, 1)), np.zeros((1, shape[1], 1, 1))
        one_hot = np.eye(self.config["num_classes"])[labels]
        return halves(self.zero_linear(one_hot, "top.class_embedding")[:, :, None, None])


class RealNVP(Ancestor):
    def masks(self, level):
        """For every step of a level: the channels of the squeezed tensor that stay unchanged, bool [channels]."""
        channels = self.config["channels"] * 4 * 2 ** level
        even, first = checkerboard(channels), first_channels(channels)
        if level == self.config["levels"] - 1:
            return [even, ~even, even, ~even]
        return [even, ~even, even, first, ~first, first]

    def orders(self, level):
        """For every step: the order of the channels before it, their order in it, and its mask."""
        before = np.arange(self.config["channels"] * 4 * 2 ** level)
        for step, mask in enumerate(self.masks(level)):
            order = before[self.weights[f"levels.{level}.steps.{step}.permutation.indices"]]
            assert set(order[:len(order) // 2]) == set(np.flatnonzero(mask)), "the file's order does not match the mask"
            yield before, order, mask
            before = order
        assert (before == np.arange(len(before))).all() or level == self.config["levels"] - 1

    def convolve(self, x, layer):
        v, g, bias = self.weights_of(layer, "weight_v", "weight_g", "bias")
        weight = v * (g / np.sqrt((v ** 2).sum(axis=(1, 2, 3))))[:, None, None, None]
        y = glow.conv1x1(x, weight[:, :, 0, 0]) if weight.shape[2] == 1 else glow.conv3x3(x, weight, edge_bias=False)
        return y + over_channels(bias)

    def network(self, x1, layer):
        """(shift, log_scale)"""
        h = self.convolve(x1, f"{layer}.input")
        for block in range(self.config["residual_blocks"]):
            inner = self.convolve(relu(h), f"{layer}.convolutions.{2 * block}")
            h = h + self.convolve(relu(inner), f"{layer}.convolutions.{2 * block + 1}")
        shift, r = halves(self.convolve(relu(h), f"{layer}.output"))
        return shift, over_channels(self.weights[f"{layer}.bound"]) * np.tanh(r)

    def normalisation(self, layer, before):
        """Mean and standard deviation per channel in the squeeze's order; the file has the order before the step."""
        mean, variance = self.weights_of(f"{layer}.batch_norm", "running_mean", "running_variance")
        natural = np.argsort(before)
        return over_channels(mean[natural]), over_channels(np.sqrt(variance + VARIANCE_FLOOR)[natural])

    def step(self, x, layer, before, order, log_det):
        n, _, h, w = x.shape
        mean, deviation = self.normalisation(layer, before)
        x = (x - mean) / deviation
        log_det[f"{layer}.batch_norm"] = np.full(n, -h * w * np.log(deviation).sum())
        stay, move = np.split(order, 2)
        shift, log_scale = self.network(x[:, stay], f"{layer}.network")
        y = x.copy()
        y[:, move] = x[:, move] * np.exp(log_scale) + shift
        log_det[f"{layer}.coupling"] = sum_per_image(log_scale)
        return y

    def step_inverse(self, y, layer, before, order):
        stay, move = np.split(order, 2)
        shift, log_scale = self.network(y[:, stay], f"{layer}.network")
        x = y.copy()
        x[:, move] = (y[:, move] - shift) * np.exp(-log_scale)
        mean, deviation = self.normalisation(layer, before)
        return x * deviation + mean

    def last_order(self, level):
        return list(self.orders(level))[-1][1]

    def encode(self, x, labels=None):
        p = ALPHA + (1 - ALPHA) * (x + 0.5)
        eps, z = [], logit(p)
        log_det = {"logit": sum_per_image(np.log(1 - ALPHA) - np.log(p) - np.log(1 - p))}
        log_prob = np.zeros(len(x))
        for level in range(self.config["levels"]):
            z = squeeze(z)
            for step, (before, order, _) in enumerate(self.orders(level)):
                z = self.step(z, f"levels.{level}.steps.{step}", before, order, log_det)
            z = z[:, self.last_order(level)]
            if level < self.config["levels"] - 1:
                z, leaving = halves(z)
            else:
                mean, log_sd = self.class_gaussian(z.shape, labels)
                leaving = (z - mean) / np.exp(log_sd)
                log_det["top"] = -sum_per_image(np.broadcast_to(log_sd, (len(x), *z.shape[1:])))
            eps.append(leaving)
            log_prob = log_prob + glow.standard_normal_log_density(leaving)
        return Encoding(eps, log_det, log_prob + sum(log_det.values()), z_top=z)

    def decode(self, eps, labels=None):
        mean, log_sd = self.class_gaussian(eps[-1].shape, labels)
        z = mean + np.exp(log_sd) * eps[-1]
        for level in reversed(range(self.config["levels"])):
            if level < self.config["levels"] - 1:
                z = join(z, eps[level])
            z = z[:, np.argsort(self.last_order(level))]
            for step, (before, order, _) in reversed(list(enumerate(self.orders(level)))):
                z = self.step_inverse(z, f"levels.{level}.steps.{step}", before, order)
            z = unsqueeze(z)
        return (1 / (1 + np.exp(-z)) - ALPHA) / (1 - ALPHA) - 0.5


class NICE(Ancestor):
    def network(self, x1, layer):
        if self.config["network"] == "dense":
            h = x1.reshape(len(x1), -1)
            for i in range(self.config["hidden_layers"] + 1):
                weight, bias = self.weights_of(f"{layer}.network.layers.{i}", "weight", "bias")
                h = (relu(h) if i > 0 else h) @ weight.T + bias
            return h.reshape(x1.shape)
        convolutional = glow.Glow({**self.config, "edge_bias": False, "coupling": "additive"}, self.weights)
        return convolutional.coupling_net(x1, f"{layer}.coupling.net")

    def layers(self):
        return [f"levels.0.steps.{step}" for step in range(self.config["depth"])]

    def scale(self):
        return np.exp(3 * self.weights["top.scaling.log_scale"])[None]

    def encode(self, x, labels=None):
        z = squeeze(x + 0.5)
        for layer in self.layers():
            x1, x2 = halves(z[:, ::-1])
            z = join(x1, x2 + self.network(x1, layer))
        z_top = z
        mean, log_sd = self.class_gaussian(z.shape, labels)
        eps = (z - mean) * self.scale() / np.exp(log_sd)
        log_det = {"scaling": sum_per_image(np.broadcast_to(np.log(self.scale()) - log_sd, eps.shape))}
        log_prob = glow.standard_normal_log_density(eps)
        if self.config["prior"] == "logistic":
            logistic = sum_per_image(glow.log_sigmoid(eps) + glow.log_sigmoid(-eps))
            eps = normal_quantile(glow.sigmoid(eps))
            log_det["logistic"] = logistic - glow.standard_normal_log_density(eps)
            log_prob = glow.standard_normal_log_density(eps)
        return Encoding([eps], log_det, log_prob + sum(log_det.values()), z_top)

    def decode(self, eps, labels=None):
        scaled = eps[0]
        if self.config["prior"] == "logistic":
            scaled = logit(normal_probability(scaled))
        mean, log_sd = self.class_gaussian(scaled.shape, labels)
        z = mean + scaled * np.exp(log_sd) / self.scale()
        for layer in reversed(self.layers()):
            x1, y2 = halves(z)
            z = join(x1, y2 - self.network(x1, layer))[:, ::-1]
        return unsqueeze(z) - 0.5


def normal_probability(z):
    return np.vectorize(lambda each: 0.5 * math.erfc(-each / math.sqrt(2)))(z)


def normal_quantile(p):
    """The inverse of normal_probability, by bisection."""
    low, high = np.full(p.shape, -40.0), np.full(p.shape, 40.0)
    for _ in range(100):
        middle = (low + high) / 2
        below = normal_probability(middle) < p
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2
