"""Small data sets for the commands of the pages: fake_data.py KIND PATH [COUNT [SIDE]]

fashion-mnist: a folder with the first images of Debian's data set; photos: a folder of JPEG pictures of smooth colours;
cifar10: a tar.gz of CIFAR-10's Python version. What exists is left as it is.
"""

import gzip
import io
import pathlib
import pickle
import sys
import tarfile

import numpy as np
from PIL import Image

CIFAR10_CLASSES = b"airplane automobile bird cat deer dog frog horse ship truck"
WHOLE_FASHION_MNIST = pathlib.Path("/usr/share/datasets/fashion-mnist")


def fashion_mnist(path, count=120, _=28):
    path.mkdir()
    for split in ("train", "t10k"):
        for name, header, size in ((f"{split}-images-idx3-ubyte.gz", 16, 784), (f"{split}-labels-idx1-ubyte.gz", 8, 1)):
            with gzip.open(WHOLE_FASHION_MNIST / name) as file:
                content = bytearray(file.read(header + count * size))
            content[4:8] = count.to_bytes(4, "big")
            path.joinpath(name).write_bytes(gzip.compress(content, 1))


def smooth(random, side):
    """uint8 [side, side, 3]: a random colour at each corner, and what is between."""
    corners = Image.fromarray(random.integers(0, 256, (2, 2, 3), np.uint8))
    return corners.resize((side, side), Image.Resampling.BILINEAR)


def photos(path, count=40, side=96):
    path.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(count):
        smooth(random, side).save(path / f"{number:04}.jpg")


def cifar10(path, count=20, _=32):
    random = np.random.default_rng(0)
    with tarfile.open(path, "w:gz") as archive:

        def add(name, value):
            content = pickle.dumps(value, protocol=4)
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))

        for name in [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]:
            images = [np.asarray(smooth(random, 32)).transpose(2, 0, 1).ravel() for _ in range(count)]
            add(name, {b"data": np.stack(images), b"labels": [number % 10 for number in range(count)]})
        add("batches.meta", {b"label_names": CIFAR10_CLASSES.split()})


def main():
    kind, path, *numbers = sys.argv[1:]
    path = pathlib.Path(path)
    if not path.exists():
        {"fashion-mnist": fashion_mnist, "photos": photos, "cifar10": cifar10}[kind](path, *map(int, numbers))


if __name__ == "__main__":
    main()
