"""Compares the reader in PyTorch of docs/formats.md with the float64 reference and with the tools.

    python check_pytorch_reader.py TOOLS FORMATS_MD EXAMPLE_MODEL

TOOLS is the folder of glow-eval, glow-edit and glow-sample. Errors are relative to 1 + |expected|.
"""

import csv
import importlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from safetensors.torch import load_file
import torch

FIXTURES = pathlib.Path(__file__).resolve().parent / "fixtures"
OTHER_FAMILIES = ("nice", "realnvp")
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


def assert_close(actual, expected, tolerance):
    assert actual.shape == expected.shape, (actual.shape, expected.shape)
    error = ((actual.detach() - expected).abs() / (1 + expected.abs())).max().item()
    assert error <= tolerance, (error, tolerance)


def raises_value_error(text, function, *arguments):
    try:
        function(*arguments)
    except ValueError as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"no error: {text}")


def levels_of(tensors, prefix, dtype):
    return [tensors[f"{prefix}{level}"].to(dtype) for level in range(sum(key.startswith(prefix) for key in tensors))]


# With the reference's values

def check_values(model, expected, dtype):
    model, tolerance, labels = model.to(dtype), TOLERANCE[dtype], expected.get("labels")
    x, other_eps = expected["x"].to(dtype), levels_of(expected, "decode.eps.", dtype)
    with torch.no_grad():
        eps, log_prob, z = model(x, labels)
        assert_close(log_prob, expected["log_prob"], tolerance)
        assert_close(model.bits_per_dim(log_prob), expected["bits_per_dim"], tolerance)
        assert len(eps) == len(other_eps)
        for level, latent in enumerate(eps):
            assert_close(latent, expected[f"eps.{level}"], tolerance)
        if labels is not None:
            assert_close(model.class_logits(z), expected["class_logits"], tolerance)
        assert_close(model.decode(model.encode(x, labels), labels), x, tolerance)
        decoded = model.decode(other_eps, labels)
        assert_close(decoded, expected["decode.x"], tolerance)
        assert torch.equal(model.to_bytes(decoded), expected["decode.bytes"])
        assert torch.equal(model.to_x(expected["bytes"]), expected["center"].to(dtype))


def directional_derivatives(function, tensors, step=1e-6):
    """Of a number, along a random direction for all tensors together: by autograd, and by central differences."""
    for tensor in tensors:
        tensor.requires_grad_(True)
    gradients = torch.autograd.grad(function(), tensors)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    with torch.no_grad():
        directions = [torch.randn_like(tensor) for tensor in tensors]
        values = []
        for change in (step, -2 * step, step):
            values.append(function().item())
            for tensor, direction in zip(tensors, directions):
                tensor += change * direction
        by_autograd = sum((gradient * direction).sum() for gradient, direction in zip(gradients, directions))
        return by_autograd, torch.tensor((values[1] - values[2]) / (2 * step), dtype=torch.float64)


def check_gradients(model, expected):
    model, labels, x = model.double(), expected.get("labels"), expected["x"].clone()
    latents = [latent.clone() for latent in levels_of(expected, "decode.eps.", torch.float64)]
    weights = list(model.parameters())

    def density():
        _, log_prob, z = model(x, labels)
        return log_prob.sum() + (0.0 if labels is None else model.class_logits(z).square().sum())

    def image():
        return model.decode(latents, labels).square().sum()

    flow_weights = [weight for name, weight in model.named_parameters() if "classifier" not in name]
    for function, tensors in ((density, weights), (density, [x]), (image, flow_weights), (image, latents)):
        for _ in range(3):
            assert_close(*directional_derivatives(function, tensors), 1e-6)


def check_fixture(load_glow, path):
    expected = load_file(path.parent / path.name.replace(".model.", ".expected."))
    model = load_glow(path)
    for dtype in (torch.float32, torch.float64):
        check_values(model, expected, dtype)
    check_gradients(model, expected)
    if "labels" in expected:
        raises_value_error("needs labels", model.log_prob, expected["x"])
        raises_value_error("needs labels", model.decode, levels_of(expected, "decode.eps.", torch.float64))


def check_quantizer(model):
    """Of a model of 8 bits: x with noise stays in its bin, and fills it."""
    image_bytes = torch.arange(256, dtype=torch.uint8).repeat(2 ** 12, 1)
    x = model.to_x(image_bytes, noise=True)
    assert x.dtype == torch.float32 and torch.equal(model.to_bytes(x), image_bytes)
    noise = (x.double() + 0.5) * 256 - image_bytes
    assert noise.min() < 1e-4 and noise.max() > 1 - 1e-4 and abs(noise.mean() - 0.5) < 1e-2


# With the tools

class Tools:
    def __init__(self, tools, folder):
        self.tools, self.folder = tools, folder

    def run(self, tool, *words):
        done = subprocess.run([self.tools / tool, *words, "--threads", "1"], cwd=self.folder, capture_output=True,
                              text=True)
        assert done.returncode == 0, done

    def bits_per_dim(self, model, images, *words):
        self.run("glow-eval", "--model", model, "--images", images, "--draws", "0", "--scores", "scores.csv",
                 "--overwrite", *words)
        with open(self.folder / "scores.csv", newline="") as file:
            return torch.tensor([float(row["bits_per_dim"]) for row in csv.DictReader(file)], dtype=torch.float64)


def check_example_model(load_glow, tools, path):
    """Scores and latents of its samples."""
    tools.run("glow-sample", "--model", path, "--count", "6", "--out", "samples.npy")
    images = torch.from_numpy(np.load(tools.folder / "samples.npy"))[:, None]
    for dtype, words, tolerance in ((torch.float32, (), 1e-4), (torch.float64, ("--precision", "fp64"), 1e-11)):
        model = load_glow(path).to(dtype)
        with torch.no_grad():
            eps, log_prob, _ = model(model.to_x(images))
        assert_close(model.bits_per_dim(log_prob), tools.bits_per_dim(path, "samples.npy", *words), tolerance)
        tools.run("glow-edit", "encode", "--model", path, "--images", "samples.npy", "--out", "z.safetensors",
                  "--overwrite", *words)
        for latent, expected in zip(eps, levels_of(load_file(tools.folder / "z.safetensors"), "eps.", dtype)):
            assert_close(latent, expected, tolerance)


def check_example_program(load_glow, tools, program, renew):
    """The program on the page scores, samples and trains; the tools read what it saves."""
    folder = tools.folder
    shutil.copy(FIXTURES / "colour_conv1x1_affine.model.safetensors", folder / "model.safetensors")
    images = np.random.RandomState(0).randint(0, 256, (5, 8, 12, 3)).astype(np.uint8)
    np.save(folder / "images.npy", images)
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done
    scores, samples = done.stdout.splitlines()
    before = tools.bits_per_dim("model.safetensors", "images.npy")
    printed = [float(score) for score in re.fullmatch(r"bits/dim: \[(.*)\]", scores).group(1).split(",")]
    assert_close(torch.tensor(printed, dtype=torch.float64), before, 1e-5)
    assert samples == "samples: torch.uint8 [5, 3, 8, 12]", samples

    subprocess.run([sys.executable, "-c", renew, "trained.safetensors"], cwd=folder, check=True)
    after = tools.bits_per_dim("trained.safetensors", "images.npy")
    model = load_glow(folder / "trained.safetensors")
    x = model.to_x(torch.from_numpy(images).permute(0, 3, 1, 2))
    assert_close(model.bits_per_dim(model.log_prob(x)), after, 1e-5)
    assert after.mean() < before.mean(), (before, after)


def main():
    tools, page, example_model = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    programs = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    reader, example, renew = (next(program for program in programs if word in program)
                              for word in ("def load_glow", "import load_glow", "hashlib"))
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "glow_reader.py").write_text(reader)
        sys.path.insert(0, name)
        load_glow = importlib.import_module("glow_reader").load_glow

        models = sorted(FIXTURES.glob("*.model.safetensors"))
        others = [path for path in models if path.name.startswith(OTHER_FAMILIES)]
        assert len(models) > len(others) > 0
        for path in models:
            if path in others:
                raises_value_error("expected the family glow", load_glow, path)
            else:
                check_fixture(load_glow, path)
        check_quantizer(load_glow(FIXTURES / "grey_lu_affine.model.safetensors"))
        check_example_model(load_glow, Tools(tools, folder), example_model)
        check_example_program(load_glow, Tools(tools, folder), example, renew)


if __name__ == "__main__":
    main()
