"""Compares the images and labels that the library reads with what Python's own readers read from the same files.

    python check_sources.py DUMP_SOURCE      (the program of dump_source.cpp)

Makes a small data set in every published form with tarfile, zipfile, numpy, lmdb, Pillow and pickle, reads it back with
them, and compares pixel for pixel. Lossy JPEG and WebP may differ by one grey level, because decoders round differently.
Prints "ok: N images in M data sets", or the first difference, and exits with 1.
"""

import gzip
import io
import json
import pathlib
import pickle
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import lmdb
import numpy as np
from PIL import Image

import published_files

CLASSES = ["cat", "dog"]
RNG = np.random.default_rng(1)


def smooth(height, width, channels=3):
    """A picture that lossy formats keep well."""
    y, x, c = np.mgrid[:height, :width, :channels]
    return (127 + 100 * np.sin(x / 5 + c) * np.cos(y / 7 - c)).astype(np.uint8)


def noise(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def encode(pixels, kind, **options):
    data = io.BytesIO()
    Image.fromarray(pixels.squeeze() if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels).save(data, kind, **options)
    return data.getvalue()


def palette_png():
    data = io.BytesIO()
    Image.fromarray(noise(6, 5, 3)).quantize(16).save(data, "PNG")
    return data.getvalue()


def picture_files():
    """Encoded pictures by path: kinds, channels, sizes."""
    return {
        "cat/a.png": encode(noise(5, 7, 3), "PNG"),
        "cat/b/c.png": encode(noise(4, 3, 1), "PNG"),
        "cat/d.PNG": encode(noise(6, 6, 4), "PNG"),
        "cat/e.png": palette_png(),
        "cat/f.webp": encode(noise(5, 4, 3), "WEBP", lossless=True),
        "dog/g.webp": encode(noise(3, 4, 4), "WEBP", lossless=True, exact=True),
        "dog/h.webp": encode(smooth(20, 17), "WEBP", quality=90),
        "dog/i.jpg": encode(smooth(33, 30), "JPEG", quality=90),
        "dog/j.jpeg": encode(smooth(16, 24), "JPEG", quality=95, subsampling=0, progressive=True),
        "dog/k.jpg": encode(smooth(9, 9, 1), "JPEG", quality=90),
    }


def decode(data):
    """Pixels [H, W, 3] by Pillow, alpha composited onto white as the library documents it."""
    image = Image.open(io.BytesIO(data))
    if image.mode in ("RGBA", "LA"):
        rgba = np.asarray(image.convert("RGBA")).astype(int)
        alpha = rgba[..., 3:]
        return ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.asarray(image.convert("RGB"))


def expected_files(files, labels=None):
    """(split, label, pixels, tolerance) of encoded pictures, in bytewise order of their paths."""
    rows = []
    for path in sorted(files, key=str.encode):
        is_lossy = path.endswith(("jpg", "jpeg")) or path == "dog/h.webp"
        label = labels[path] if labels else path.split("/")[0]
        rows.append(("train", label, decode(files[path]), int(is_lossy)))
    return rows


def write_folder(root, files):
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)


def write_tar(path, files, tar_format=tarfile.PAX_FORMAT, mode="w"):
    with tarfile.open(path, mode, format=tar_format) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def write_zip(path, files, method, force_zip64=False):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            with archive.open(name, "w", force_zip64=force_zip64) as member:
                member.write(data)


def picture_sets(root):
    files = picture_files()
    expected = expected_files(files)
    write_folder(root / "folder", files)
    yield "folder:folder", expected
    for name, tar_format in (("ustar", tarfile.USTAR_FORMAT), ("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT)):
        write_tar(root / f"{name}.tar", files, tar_format)
        yield f"folder:{name}.tar", expected
    write_zip(root / "stored.zip", files, zipfile.ZIP_STORED)
    write_zip(root / "deflated.zip", files, zipfile.ZIP_DEFLATED)
    write_zip(root / "zip64.zip", {"top/" + name: data for name, data in files.items()}, zipfile.ZIP_DEFLATED, True)
    for name in ("stored", "deflated", "zip64"):
        yield f"folder:{name}.zip", expected
    yield "folder:shards", web_dataset(root / "shards", files)


def web_dataset(folder, files):
    """Two shards in which KEY.cls is the class of KEY.png."""
    folder.mkdir()
    labels, members = {}, {}
    for number, (path, data) in enumerate(files.items()):
        name = f"{number:04}.{path.rsplit('.')[-1]}"
        labels[name] = str(number % 3)
        members[name] = data
    names = list(members)
    for shard, part in enumerate((names[:4], names[4:])):
        content = {}
        for name in part:
            content[name] = members[name]
            content[name.split(".")[0] + ".cls"] = labels[name].encode()
        write_tar(folder / f"{shard:03}.tar", content)
    lossy = {f"{number:04}.{path.rsplit('.')[-1]}": path for number, path in enumerate(files)}
    return [("train", labels[name], decode(members[name]), int("jp" in name or lossy[name] == "dog/h.webp"))
            for name in sorted(members)]


def cifar_sets(root):
    for classes in (10, 100):
        for kind in published_files.write_cifar(root, classes):
            yield f"cifar{classes}:{kind}", read_cifar(root / published_files.python_folder(classes), classes)


def read_cifar(folder, classes):
    """The Python version, as the page of CIFAR tells to read it."""
    def load(name):
        with open(folder / name, "rb") as file:
            return pickle.load(file, encoding="bytes")

    names = load("batches.meta" if classes == 10 else "meta")[b"label_names" if classes == 10 else b"fine_label_names"]
    rows = []
    train = [f"data_batch_{batch}" for batch in range(1, 6)] if classes == 10 else ["train"]
    for split, files in (("train", train), ("test", ["test_batch" if classes == 10 else "test"])):
        for batch in map(load, files):
            labels = batch[b"labels" if classes == 10 else b"fine_labels"]
            for pixels, label in zip(batch[b"data"], labels):
                rows.append((split, names[label].decode(), pixels.reshape(3, 32, 32).transpose(1, 2, 0), 0))
    return rows


def npz_sets(root):
    for name, save in (("stored", np.savez), ("compressed", np.savez_compressed)):
        folder = root / f"npz_{name}"
        folder.mkdir()
        for file, count in (("train_data_batch_1", 5), ("train_data_batch_2", 4), ("val_data", 3)):
            save(folder / f"{file}.npz", data=noise(count, 3 * 16 * 16), labels=np.arange(1, count + 1), mean=np.zeros(3))
        yield f"npz:npz_{name}", [
            ("train" if path.name.startswith("train") else "valid", str(label), row.reshape(3, 16, 16).transpose(1, 2, 0), 0)
            for path in sorted(folder.iterdir())
            for row, label in zip(np.load(path)["data"], np.load(path)["labels"])]
    np.savez(root / "pictures.npz", data=noise(4, 5, 6, 3))
    yield "npz:pictures.npz", [("train", None, row, 0) for row in np.load(root / "pictures.npz")["data"]]


def npy_sets(root):
    np.save(root / "array.npy", noise(4, 5, 6, 3))
    yield "npy:array.npy", [("train", None, row, 0) for row in np.load(root / "array.npy")]
    (root / "npy").mkdir()
    for number, shape in enumerate(((5, 6, 3), (3, 5, 6), (1, 3, 5, 6), (7, 5))):
        np.save(root / "npy" / f"{number}.npy", noise(*shape))
    rows = [np.load(path) for path in sorted((root / "npy").iterdir())]
    grey = np.repeat(rows[3][..., None], 3, 2)
    yield "npy:npy", [("train", None, row, 0) for row in
                      (rows[0], rows[1].transpose(1, 2, 0), rows[2][0].transpose(1, 2, 0), grey)]


def lmdb_sets(root):
    expected = []
    for split in ("train", "val"):
        for category in ("bedroom", "church_outdoor"):
            path = str(root / "lsun" / f"{category}_{split}_lmdb")
            pathlib.Path(path).mkdir(parents=True)
            with lmdb.open(path, map_size=1 << 24) as env, env.begin(write=True) as txn:
                for number in range(4):
                    kind = ({"format": "WEBP", "lossless": True}, {"format": "PNG"})[number % 2]
                    txn.put(bytes(noise(20)).hex().encode(), encode(noise(6, 8, 3), kind.pop("format"), **kind))
            with lmdb.open(path, readonly=True, lock=False) as env, env.begin() as txn:
                rows = [decode(value) for _, value in txn.cursor()]
            expected += [("train" if split == "train" else "valid", category, row, 0) for row in rows]
    yield "lmdb:lsun", expected


def record_sets(root):
    expected = []
    for split in ("train", "validation"):
        for log2 in (3, 4):
            images, labels = noise(6, 1 << log2, 1 << log2, 3), [2, 0, 1, 1, 0, 2]
            for shard in range(2):
                published_files.write_records(
                    root / "records" / split / f"{split}-r{log2:02}-s-{shard:04}-of-0002.tfrecords", images[shard::2],
                    labels[shard::2])
        order = [0, 2, 4, 1, 3, 5]  # of the higher resolution
        expected += [("train" if split == "train" else "valid", str(labels[i]), images[i], 0) for i in order]
    yield "tfrecord:records", expected


def fashion_sets(root):
    folder = root / "fashion"
    folder.mkdir()
    names = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
    expected = []
    for split, prefix, count in (("train", "train", 5), ("test", "t10k", 3)):
        images, labels = noise(count, 28, 28), RNG.integers(0, 10, count, dtype=np.uint8)
        with gzip.open(folder / f"{prefix}-images-idx3-ubyte.gz", "wb") as file:
            file.write(struct.pack(">4i", 0x803, count, 28, 28) + images.tobytes())
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 0x801, count) + labels.tobytes())
        expected += [(split, names[label], image[..., None], 0) for image, label in zip(images, labels)]
    yield "fashion-mnist:fashion", expected


def read_by_library(dump_source, specification, root):
    kind, path = specification.split(":")
    done = subprocess.run([dump_source, f"{kind}:{root / path}"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{specification}: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(specification, expected, rows):
    if len(rows) != len(expected):
        sys.exit(f"{specification}: expected {len(expected)} images, found {len(rows)}")
    for (split, label, pixels, tolerance), row in zip(expected, rows):
        where = f"{specification}: {row['name']}"
        found = np.frombuffer(bytes.fromhex(row["pixels"]), np.uint8).reshape(row["shape"])
        if (row["split"], row["label"]) != (split, label):
            sys.exit(f"{where}: expected {split}, class {label}, found {row['split']}, class {row['label']}")
        if found.shape != pixels.shape:
            sys.exit(f"{where}: expected shape {pixels.shape}, found {found.shape}")
        difference = np.abs(found.astype(int) - pixels).max()
        if difference > tolerance:
            sys.exit(f"{where}: pixels differ by up to {difference}")


def main():
    images = sets = 0
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for make in (picture_sets, cifar_sets, npz_sets, npy_sets, lmdb_sets, record_sets, fashion_sets):
            for specification, expected in make(root):
                compare(specification, expected, read_by_library(sys.argv[1], specification, root))
                images += len(expected)
                sets += 1
    print(f"ok: {images} images in {sets} data sets")


if __name__ == "__main__":
    main()
