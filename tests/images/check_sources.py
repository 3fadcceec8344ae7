"""Compares the images and labels that the library reads from data sets with those that Python's readers find in them.

    python check_sources.py DUMP_SOURCE [TEST...]

All data sets are written here by other programs: Pillow, tarfile, zipfile, pickle, numpy, lmdb, gzip. They are read
back by these, but for TFRecords, whose only other reader is TensorFlow. All pixels must be equal, but for JPEG images,
where decoders with another inverse cosine transform may differ by one grey level.
"""

import bz2
import collections
import gzip
import io
import lzma
import os
import pathlib
import pickle
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest
import unittest.mock
import warnings
import zipfile

import lmdb
import numpy
from PIL import Image, ImageOps

dump_source = None

# One image: `pixels` is [height, width, channel]; `tolerance` is the largest difference of a value.
Picture = collections.namedtuple("Picture", "name pixels label tolerance", defaults=("", None, -1, 0))


def make_pixels(seed, *shape):
    """A ramp with noise, uint8."""
    noise = numpy.random.default_rng(seed).integers(0, 60, shape)
    ramp = 9 * numpy.arange(shape[1])[:, None] + 5 * numpy.arange(shape[0])[:, None, None] + 40 * seed
    return ((ramp if len(shape) == 3 else ramp[:, :, 0]) % 190 + noise).astype(numpy.uint8)


def encode(pixels, form, **options):
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def decode(content, name="", label=-1, channels=3):
    """An encoded image, as the library's documentation says: upright, 8 bits, on white, in RGB or grey."""
    with Image.open(io.BytesIO(content)) as picture:
        tolerance = 1 if picture.format == "JPEG" else 0
        picture = ImageOps.exif_transpose(picture)
        if picture.mode == "P" or "transparency" in picture.info:
            picture = picture.convert("RGBA")
        if picture.mode == "1":
            picture = picture.convert("L")
        pixels = numpy.asarray(picture).astype(float)
        if picture.mode == "I;16":
            pixels = numpy.rint(pixels / 257)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.shape[2] in (2, 4):
        opacity = pixels[:, :, -1:] / 255
        pixels = numpy.rint(pixels[:, :, :-1] * opacity + 255 * (1 - opacity))
    if channels == 3 and pixels.shape[2] == 1:
        pixels = pixels.repeat(3, 2)
    return Picture(name, pixels.astype(numpy.uint8), label, tolerance)


def read_dump(content):
    """Class names and images from the output of dump_source."""
    stream = io.BytesIO(content)
    classes = [stream.readline().decode().rstrip("\n") for _ in range(int(stream.readline()))]
    pictures = []
    while line := stream.readline().decode():
        height, width, channels, label, name = line.rstrip("\n").split(" ", 4)
        shape = (int(height), int(width), int(channels))
        pixels = numpy.frombuffer(stream.read(numpy.prod(shape)), numpy.uint8).reshape(shape)
        pictures.append(Picture(name, pixels, int(label)))
    return classes, pictures


class SourceTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def check(self, specification, splits, classes=(), flags=("--labels",)):
        """Compares every split, a list of Picture, and the class names. A name is compared as the end of a path."""
        for split, expected in splits.items():
            with self.subTest(specification=specification, split=split):
                out = self.folder / "dump"
                subprocess.run([dump_source, specification, split, out, *flags], check=True)
                found_classes, found = read_dump(out.read_bytes())
                self.assertEqual(found_classes, list(classes))
                self.assertGreater(len(expected), 0)
                self.assertEqual(len(found), len(expected))
                for actual, picture in zip(found, expected):
                    self.assertTrue(actual.name.endswith(picture.name), (actual.name, picture.name))
                    self.assertEqual(actual.label, picture.label, picture.name)
                    self.assertEqual(actual.pixels.shape, picture.pixels.shape, picture.name)
                    difference = numpy.abs(actual.pixels.astype(int) - picture.pixels).max()
                    self.assertLessEqual(difference, picture.tolerance, picture.name)


def exif_block(orientation, size=0):
    """An Exif block with an orientation, and with other data of this size."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = size * "x"
    return exif


def colour_files():
    """Encoded images of every kind, by path."""
    palette = Image.fromarray(make_pixels(9, 6, 7, 3)).quantize(20)
    return {
        "cat/rgb.png": encode(make_pixels(1, 5, 9, 3), "PNG"),
        "cat/deep/er/subsampled.jpg": encode(make_pixels(2, 19, 35, 3), "JPEG", quality=80, subsampling="4:2:0"),
        "cat/full.JPEG": encode(make_pixels(3, 17, 8, 3), "JPEG", quality=95, subsampling=0, progressive=True),
        "cat/grey.jpg": encode(make_pixels(4, 16, 16), "JPEG"),
        "dog/lossless.webp": encode(make_pixels(5, 12, 11, 3), "WEBP", lossless=True),
        "dog/lossy.webp": encode(make_pixels(6, 33, 21, 3), "WEBP", quality=70),
        "dog/alpha.webp": encode(make_pixels(7, 8, 8, 4), "WEBP", lossless=True),
        "dog/lossy_alpha.webp": encode(make_pixels(8, 20, 14, 4), "WEBP", quality=80),
        "dog/palette.png": encode(palette, "PNG"),
        "dog/transparent.png": encode(palette, "PNG", transparency=3),
        "dog/grey.png": encode(make_pixels(10, 4, 6), "PNG"),
        "dog/bits.png": encode(Image.fromarray(make_pixels(11, 9, 9)).convert("1"), "PNG"),
        "dog/deep.png": encode(make_pixels(12, 5, 5).astype(numpy.uint16) * 253 + 71, "PNG"),
        "dog/grey_alpha.png": encode(make_pixels(13, 7, 5, 2), "PNG"),
        "\u00e9t\u00e9/alpha.png": encode(make_pixels(14, 16, 16, 4), "PNG"),
        "z/" + "folder/" * 15 + "long.png": encode(make_pixels(15, 3, 3, 3), "PNG"),
        # Turned images, whose metadata precede or follow more data than are read first.
        "turned/1.jpg": encode(make_pixels(16, 19, 35, 3), "JPEG", exif=exif_block(6)),
        "turned/2.jpg": encode(make_pixels(17, 19, 35, 3), "JPEG", exif=exif_block(5, 30000)),
        "turned/3.png": encode(make_pixels(18, 9, 5, 3), "PNG", exif=exif_block(8, 30000)),
        "turned/4.webp": encode(make_pixels(19, 120, 90, 3), "WEBP", lossless=True, exif=exif_block(7)),
        "turned/5.webp": encode(make_pixels(20, 120, 90, 4), "WEBP", lossless=True, exif=exif_block(3, 30000)),
        "turned/6.png": encode(make_pixels(21, 9, 5, 4), "PNG", exif=exif_block(2)),
        "z/.hidden/1.png": b"not an image",
        "z/._1.png": b"not an image",
        "z/notes.txt": b"not an image",
    }


def is_image(name):
    parts = name.split("/")
    return not any(part.startswith(".") for part in parts) and parts[-1].lower().endswith(
        (".png", ".jpg", ".jpeg", ".webp"))


def pictures_of(files, channels=3, prefix=""):
    """The images of a folder in bytewise order, with the index of their first folder as label; and these folders."""
    names = sorted(filter(is_image, files), key=str.encode)
    classes = sorted({name[len(prefix):].split("/")[0] for name in names}, key=str.encode)
    return [decode(files[name], name, classes.index(name[len(prefix):].split("/")[0]), channels)
            for name in names], classes


def write_folder(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def read_folder(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_tar(path, files, form=tarfile.PAX_FORMAT, mode="w", **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode, format=form, **more) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mtime = 1.5 if form == tarfile.PAX_FORMAT else 1
            tar.addfile(member, io.BytesIO(content))


def read_tar(path):
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


def write_zip(path, files, method=zipfile.ZIP_STORED):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def read_zip(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


class NotSeekable:
    """A pipe, as zipfile sees it."""

    def __init__(self, path):
        self.file = open(path, "wb")

    def write(self, content):
        return self.file.write(content)

    def flush(self):
        self.file.flush()


class FolderTest(SourceTest):
    def check_files(self, path, files, channels=3, prefix=""):
        pictures, classes = pictures_of(files, channels, prefix)
        self.check(f"folder:{path}", {"train": pictures}, classes)
        self.check(f"folder:{path}", {"train": [picture._replace(label=-1) for picture in pictures]}, flags=())

    def test_folder(self):
        write_folder(self.folder / "images", colour_files())
        self.check_files(self.folder / "images", read_folder(self.folder / "images"))

    def test_grey(self):
        files = {f"{i % 3}/{i}.png": encode(make_pixels(i, 6, 4), "PNG") for i in range(11)}
        files["2/alpha.png"] = encode(make_pixels(11, 6, 4, 2), "PNG")
        files["2/grey.jpg"] = encode(make_pixels(12, 9, 9), "JPEG")
        write_folder(self.folder / "images", files)
        self.check_files(self.folder / "images", read_folder(self.folder / "images"), channels=1)
        write_tar(self.folder / "images.tar", files)
        self.check_files(self.folder / "images.tar", read_tar(self.folder / "images.tar"), channels=1)

    def test_grey_stored_as_colour(self):
        """Grey as RGB, as a palette, as YCbCr, and with alpha is grey; one picture in colour makes a set RGB."""
        grey = Image.fromarray(make_pixels(7, 9, 12, 1)[:, :, 0])
        (self.folder / "pictures").mkdir()
        files = {
            "1.png": encode(grey.convert("RGB"), "PNG"),
            "2.png": encode(grey.convert("P"), "PNG"),
            "3.jpg": encode(grey.convert("RGB"), "JPEG", quality=80),
            "4.png": encode(grey.convert("RGBA"), "PNG"),
            "5.webp": encode(grey.convert("RGB"), "WEBP", lossless=True),
        }
        for name, content in files.items():
            (self.folder / "pictures" / name).write_bytes(content)
        specification = f"folder:{self.folder / 'pictures'}"
        self.check(specification, {"train": [self.first_plane(decode(files[name], name)) for name in sorted(files)]}, flags=())
        colour = encode(make_pixels(8, 9, 12, 3), "PNG")
        (self.folder / "pictures" / "6.png").write_bytes(colour)
        files["6.png"] = colour
        self.check(specification, {"train": [decode(files[name], name) for name in sorted(files)]}, flags=())

    @staticmethod
    def first_plane(picture):
        return picture._replace(pixels=picture.pixels[:, :, :1])

    def test_tar(self):
        path = self.folder / "images.tar"
        # USTAR keeps the folders of a name of more than 100 bytes in another field.
        divided = {f"cat/{95 * 'n'}/{60 * 'm'}.png": encode(make_pixels(17, 4, 4, 3), "PNG")}
        longer = divided | {"cat/" + 150 * "\u00fc" + ".png": encode(make_pixels(16, 4, 4, 3), "PNG")}
        for form, more in ((tarfile.USTAR_FORMAT, divided), (tarfile.GNU_FORMAT, longer), (tarfile.PAX_FORMAT, longer)):
            write_tar(path, colour_files() | more, form)
            self.check_files(path, read_tar(path))

    def test_tar_with_global_header_and_links(self):
        path = self.folder / "images.tar"
        write_tar(path, colour_files(), pax_headers={"comment": "a comment of the archive"})
        with tarfile.open(path, "a") as tar:
            tar.addfile(tarfile.TarInfo("empty"))
            folder = tarfile.TarInfo("z/folder.png")
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
        self.check_files(path, read_tar(path))

    def test_zip(self):
        path = self.folder / "images.zip"
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            write_zip(path, colour_files(), method)
            self.check_files(path, read_zip(path))

    def test_zip64(self):
        path = self.folder / "images.zip"
        with unittest.mock.patch("zipfile.ZIP64_LIMIT", 1), unittest.mock.patch("zipfile.ZIP_FILECOUNT_LIMIT", 1):
            write_zip(path, colour_files(), zipfile.ZIP_DEFLATED)
        self.assertIn(b"PK\x06\x06", path.read_bytes())
        self.check_files(path, read_zip(path))

    def test_zip_with_sizes_after_the_data(self):
        path = self.folder / "images.zip"
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            stream = NotSeekable(path)
            with zipfile.ZipFile(stream, "w", method) as archive:
                for name, content in colour_files().items():
                    archive.writestr(name, content)
            stream.file.close()
            self.check_files(path, read_zip(path))

    def test_archive_of_one_folder(self):
        files = {"faces/" + name: content for name, content in colour_files().items()}
        files["README.txt"] = b"not an image"
        write_zip(self.folder / "faces.zip", files, zipfile.ZIP_DEFLATED)
        write_tar(self.folder / "faces.tar", files)
        self.check_files(self.folder / "faces.zip", read_zip(self.folder / "faces.zip"), prefix="faces/")
        self.check_files(self.folder / "faces.tar", read_tar(self.folder / "faces.tar"), prefix="faces/")

    def test_splits_in_an_archive_and_beside_each_other(self):
        splits = {split: {f"{i % 2}/{i}.png": encode(make_pixels(10 * first + i, 4, 4, 3), "PNG") for i in range(5)}
                  for first, split in enumerate(("train", "val", "test"))}
        expected = {"valid" if split == "val" else split: pictures_of(files)[0] for split, files in splits.items()}
        write_tar(self.folder / "all.tar", {f"data/{split}/{name}": content for split, files in splits.items()
                                           for name, content in files.items()})
        self.check(f"folder:{self.folder}/all.tar", expected, ["0", "1"])
        write_zip(self.folder / "parts/train.zip", splits["train"], zipfile.ZIP_DEFLATED)
        write_tar(self.folder / "parts/val.tar", splits["val"])
        write_folder(self.folder / "parts/test", splits["test"])
        self.check(f"folder:{self.folder}/parts", expected, ["0", "1"])

    def test_webdataset(self):
        expected = {"train": [], "valid": []}
        for split, archive, count in (("train", "train-000000", 7), ("train", "train-000001", 5), ("valid", "val", 4)):
            files = {}
            for i in range(count):
                form = "JPEG" if i % 2 else "PNG"
                key = f"sample{10 * len(expected[split]) + i:04}"
                files[key + ".cls"] = str((3 * i + count) % 8).encode()
                files[key + ".json"] = b"{}"
                files[key + (".jpg" if i % 2 else ".png")] = encode(make_pixels(i + count, 9, 8, 3), form)
            path = self.folder / "shards" / (archive + ".tar")
            write_tar(path, files, tarfile.USTAR_FORMAT)
            members = read_tar(path)
            expected[split] += [decode(members[name], f"{archive}.tar/{name}", int(members[name[:-4] + ".cls"]))
                                for name in sorted(members) if is_image(name)]
        highest = max(picture.label for picture in expected["train"])
        self.check(f"folder:{self.folder}/shards", expected, [str(number) for number in range(highest + 1)])


class Python2Pickler(pickle._Pickler):
    """Writes strings as Python 2 did."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_string(self, text):
        content = text if isinstance(text, bytes) else text.encode("ascii")
        size = bytes([len(content)]) if len(content) < 256 else struct.pack("<I", len(content))
        self.write((pickle.SHORT_BINSTRING if len(content) < 256 else pickle.BINSTRING) + size + content)
        self.memoize(text)

    dispatch[bytes] = dispatch[str] = save_string


def python2_pickle(value):
    out = io.BytesIO()
    Python2Pickler(out, 2).dump(value)
    return out.getvalue().replace(b"cnumpy._core.", b"cnumpy.core.")  # the module's name since NumPy 2


class CifarTest(SourceTest):
    """The four published forms of CIFAR-10 and CIFAR-100, with fewer images."""

    NAMES10 = "airplane automobile bird cat deer dog frog horse ship truck".split()
    NAMES100 = [f"fine_{number}" for number in range(100)]

    @staticmethod
    def batches(classes, names, images=6):
        """By name of file: images [N, 3072], fine and coarse labels."""
        made = {}
        for seed, name in enumerate(names):
            random = numpy.random.default_rng(seed)
            made[name] = (random.integers(0, 256, (images, 3072), numpy.uint8), random.integers(0, classes, images),
                          random.integers(0, 20, images))
        return made

    def cifar10_files(self, dumps):
        names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
        files = {}
        for name, (images, labels, _) in self.batches(10, names).items():
            if dumps is None:
                files[name + ".bin"] = b"".join(bytes([label]) + image.tobytes()
                                                for image, label in zip(images, labels))
            else:
                files[name] = dumps({b"batch_label": b"a batch", b"labels": labels.tolist(), b"data": images,
                                     b"filenames": [b"picture_%d.png" % i for i in range(len(images))]})
        if dumps is None:
            files["batches.meta.txt"] = "".join(name + "\n" for name in self.NAMES10 + [""]).encode()
        else:
            files["batches.meta"] = dumps({b"num_cases_per_batch": 6, b"num_vis": 3072,
                                           b"label_names": [name.encode() for name in self.NAMES10]})
        return files | {"readme.html": b"<html>"}

    def cifar100_files(self, dumps):
        files = {}
        for name, (images, fine, coarse) in self.batches(100, ["train", "test"], 300).items():
            if dumps is None:
                files[name + ".bin"] = b"".join(bytes([*labels]) + image.tobytes()
                                                for image, *labels in zip(images, coarse, fine))
            else:
                files[name] = dumps({b"filenames": [b"picture_%d.png" % i for i in range(len(images))],
                                     b"batch_label": b"a batch", b"fine_labels": fine.tolist(),
                                     b"coarse_labels": coarse.tolist(), b"data": images})
        if dumps is None:
            files["fine_label_names.txt"] = "".join(name + "\n" for name in self.NAMES100).encode()
            files["coarse_label_names.txt"] = b"coarse\n" * 20
        else:
            files["meta"] = dumps({b"fine_label_names": [name.encode() for name in self.NAMES100],
                                   b"coarse_label_names": [b"coarse"] * 20})
        return files

    @staticmethod
    def read_images(content, label_bytes):
        """Images [N, 32, 32, 3] and labels of a file, by the reading that the page of CIFAR describes."""
        if label_bytes:
            records = numpy.frombuffer(content, numpy.uint8).reshape(-1, label_bytes + 3072)
            labels, planes = records[:, label_bytes - 1], records[:, label_bytes:]
        else:
            batch = pickle.loads(content, encoding="bytes")
            labels, planes = batch.get(b"labels", batch.get(b"fine_labels")), batch[b"data"]
        return planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels

    def expected(self, files, train, test, label_bytes):
        splits = {}
        for split, names in (("train", train), ("test", [test])):
            parts = [self.read_images(files[name + (".bin" if label_bytes else "")], label_bytes) for name in names]
            splits[split] = [Picture("", pixels, label) for part in parts for pixels, label in zip(*part)]
        return splits

    def check_forms(self, kind, files, folder, names, train, test, label_bytes):
        """The files in a folder, in the folder that contains it, and in archives."""
        inside = {f"{folder}/{name}": content for name, content in reversed(files.items())}
        place = self.folder / kind
        write_folder(place, inside)
        expected = self.expected(read_folder(place / folder), train, test, label_bytes)
        self.check(f"{kind}:{place}", expected, names)
        self.check(f"{kind}:{place / folder}", expected, names)
        for archive, mode in (("cifar.tar.gz", "w:gz"), ("cifar.tar", "w")):
            write_tar(self.folder / archive, inside, tarfile.GNU_FORMAT, mode)
            members = {name.split("/")[1]: content for name, content in read_tar(self.folder / archive).items()}
            self.check(f"{kind}:{self.folder / archive}", self.expected(members, train, test, label_bytes), names)

    def check_cifar10(self, folder, dumps=None):
        train = [f"data_batch_{number}" for number in range(1, 6)]
        self.check_forms("cifar10", self.cifar10_files(dumps), folder, self.NAMES10, train, "test_batch",
                         0 if dumps else 1)

    def check_cifar100(self, folder, dumps=None):
        self.check_forms("cifar100", self.cifar100_files(dumps), folder, self.NAMES100, ["train"], "test",
                         0 if dumps else 2)

    def test_cifar10_binary(self):
        self.check_cifar10("cifar-10-batches-bin")

    def test_cifar10_python(self):
        self.check_cifar10("cifar-10-batches-py", python2_pickle)

    def test_cifar100_binary(self):
        self.check_cifar100("cifar-100-binary")

    def test_cifar100_python(self):
        self.check_cifar100("cifar-100-python", python2_pickle)

    def test_pickles_of_python_3(self):
        for protocol in range(3, pickle.HIGHEST_PROTOCOL + 1):
            self.check_cifar10("cifar-10-batches-py", lambda value: pickle.dumps(value, protocol))
            self.check_cifar100("cifar-100-python", lambda value: pickle.dumps(value, protocol))


class ArrayTest(SourceTest):
    """npz: and npy:."""

    def write_npz(self, name, save, layout, label_type=numpy.int64):
        """Writes three files and returns the expected splits, read by numpy, and the labels of the classes."""
        folder = self.folder / name
        folder.mkdir()
        for seed, (file, images) in enumerate((("train_data_batch_1", 5), ("train_data_batch_2", 4), ("val_data", 3))):
            random = numpy.random.default_rng(seed)
            pixels = random.integers(0, 256, (images, 8, 8, 3), numpy.uint8)
            labels = (numpy.arange(images) * 7 % 5 + 1).astype(label_type)
            save(folder / (file + ".npz"), data=layout(pixels), labels=labels, mean=pixels.mean(0))
        splits = {"train": [], "valid": []}
        for path in sorted(folder.iterdir()):
            with numpy.load(path) as arrays:
                data = arrays["data"]
                if data.ndim == 2:
                    data = data.reshape(-1, 3, 8, 8).transpose(0, 2, 3, 1)
                splits["train" if path.name.startswith("train") else "valid"] += [
                    Picture(f"{path}/data.npy", pixels, int(label)) for pixels, label in zip(data, arrays["labels"])]
        values = sorted({picture.label for picture in splits["train"]})
        return {split: [Picture(picture.name, picture.pixels, values.index(picture.label)) for picture in pictures]
                for split, pictures in splits.items()}, [str(value) for value in values]

    def test_npz(self):
        layouts = {"planes": lambda pixels: pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1),
                   "rows": lambda pixels: pixels}
        for name, layout in layouts.items():
            for save in (numpy.savez, numpy.savez_compressed):
                for label_type in (numpy.uint8, numpy.int16, numpy.int64):
                    form = f"{name}-{save.__name__}-{label_type.__name__}"
                    self.check(f"npz:{self.folder / form}", *self.write_npz(form, save, layout, label_type))

    def test_npz_without_labels(self):
        pixels = numpy.random.default_rng(1).integers(0, 256, (4, 5, 6, 1), numpy.uint8)
        numpy.savez(self.folder / "images.npz", data=pixels)
        self.check(f"npz:{self.folder}/images.npz", {"train": [Picture(pixels=image) for image in pixels]})

    def test_npy(self):
        path = self.folder / "images.npy"
        for shape in ((7, 5, 6, 3), (7, 5, 6, 1), (7, 5, 6)):
            numpy.save(path, numpy.random.default_rng(1).integers(0, 256, shape, numpy.uint8))
            images = numpy.load(path)
            self.check(f"npy:{path}", {"train": [Picture(pixels=image.reshape(5, 6, -1)) for image in images]})

    def test_npy_headers(self):
        pixels = numpy.random.default_rng(1).integers(0, 256, (7, 5, 6, 3), numpy.uint8)
        path = self.folder / "images.npy"
        for version in ((1, 0), (2, 0), (3, 0)):
            with open(path, "wb") as file:
                numpy.lib.format.write_array(file, pixels, version)
            self.check(f"npy:{path}", {"train": [Picture(pixels=image) for image in pixels]})
        numpy.save(path, pixels)
        path.write_bytes(path.read_bytes().replace(b"(7, 5, 6, 3), }    ", b"(7L, 5L, 6L, 3L), }"))  # of Python 2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.assertTrue((numpy.load(path) == pixels).all())
        self.check(f"npy:{path}", {"train": [Picture(pixels=image) for image in pixels]})

    def test_npy_folder(self):
        def as_npy(array):
            out = io.BytesIO()
            numpy.save(out, array)
            return out.getvalue()

        def as_rows(content):
            array = numpy.load(io.BytesIO(content))
            array = array[0] if array.ndim == 4 else array
            array = array.transpose(1, 2, 0) if array.ndim == 3 and array.shape[2] not in (1, 3) else array
            array = array[:, :, None] if array.ndim == 2 else array
            return array if array.shape[2] == 3 else array.repeat(3, 2)

        shapes = ((5, 6, 3), (3, 5, 6), (1, 3, 5, 6), (5, 6), (5, 6, 1), (1, 5, 6), (1, 1, 5, 6))
        files = {f"{i % 2}/{i}.npy": as_npy(numpy.random.default_rng(i).integers(0, 256, shape, numpy.uint8))
                 for i, shape in enumerate(shapes)}
        write_folder(self.folder / "images", files)
        write_zip(self.folder / "images.zip", files, zipfile.ZIP_DEFLATED)
        write_tar(self.folder / "images.tar", files)
        for form, found in (("images", read_folder(self.folder / "images")),
                            ("images.zip", read_zip(self.folder / "images.zip")),
                            ("images.tar", read_tar(self.folder / "images.tar"))):
            expected = [Picture(name, as_rows(found[name]), int(name[0])) for name in sorted(found)]
            self.check(f"npy:{self.folder / form}", {"train": expected}, ["0", "1"])


class LmdbTest(SourceTest):
    """LSUN's layout, and one environment."""

    @staticmethod
    def write(folder, images, encodings, seed):
        """Keys as LSUN's, 40 hexadecimal digits in random order."""
        folder.mkdir(parents=True)
        random = numpy.random.default_rng(seed)
        with lmdb.open(str(folder), map_size=1 << 26) as environment:
            for first in range(0, images, 50):
                with environment.begin(write=True) as transaction:
                    for number in range(first, min(first + 50, images)):
                        side = 4 + int(random.integers(0, 40))
                        form, options = encodings[number % len(encodings)]
                        content = encode(make_pixels(seed + number, side, side + 3, 3), form, **options)
                        transaction.put(random.bytes(20).hex().encode(), content)

    @staticmethod
    def read(folder, label=-1):
        with lmdb.open(str(folder), readonly=True, lock=False) as environment, environment.begin() as transaction:
            return [decode(content, f"{folder}/data.mdb/{key.decode()}", label)
                    for key, content in transaction.cursor()]

    WEBP = [("WEBP", {"quality": 90}), ("WEBP", {"lossless": True})]
    JPEG = [("JPEG", {"quality": 95}), ("PNG", {})]

    def test_lsun(self):
        root = self.folder / "lsun"
        categories = ["bedroom", "church_outdoor", "tower"]
        for number, category in enumerate(categories):
            self.write(root / f"{category}_train_lmdb", (150, 3, 20)[number], self.WEBP, 1000 * number)
            self.write(root / f"{category}_val_lmdb", 2, self.JPEG, 1000 * number + 500)
        self.write(root / "test_lmdb", 4, self.WEBP, 7000)
        splits = {
            split: [picture for label, category in enumerate(categories)
                    for picture in self.read(root / f"{category}_{end}_lmdb", label)]
            for split, end in (("train", "train"), ("valid", "val"))}
        splits["test"] = self.read(root / "test_lmdb")
        self.check(f"lmdb:{root}", splits, categories)
        self.check(f"lmdb:{root}", {split: [picture._replace(label=-1) for picture in pictures]
                                    for split, pictures in splits.items()}, flags=())

    def test_one_environment(self):
        for count in (1, 2, 600):
            folder = self.folder / str(count)
            self.write(folder, count, self.JPEG, count)
            self.check(f"lmdb:{folder}", {"train": self.read(folder)}, flags=())

    def test_after_deletions(self):
        folder = self.folder / "images"
        self.write(folder, 200, self.WEBP, 1)
        with lmdb.open(str(folder), map_size=1 << 26) as environment, environment.begin(write=True) as transaction:
            for key in [key for number, (key, _) in enumerate(transaction.cursor()) if number % 4]:
                transaction.delete(key)
        self.assertEqual(len(self.read(folder)), 50)
        self.check(f"lmdb:{folder}", {"train": self.read(folder)}, flags=())


def crc32c(content):
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked_crc32c(content):
    crc = crc32c(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF)


def varint(value):
    digits = b""
    while value > 127:
        digits += bytes([value & 127 | 128])
        value >>= 7
    return digits + bytes([value])


def message_field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def integer_feature(values):
    return message_field(3, message_field(1, b"".join(varint(int(value)) for value in values)))


def record(pixels, label, order):
    """A record of a tf.Example; its features are a map, whose order is not defined."""
    features = [(b"shape", integer_feature(pixels.shape)),
                (b"data", message_field(1, message_field(1, pixels.tobytes()))),
                (b"label", integer_feature([label]))]
    features = features[order % 3:] + features[:order % 3]
    entries = [message_field(1, name) + message_field(2, value) for name, value in features]
    message = message_field(1, b"".join(message_field(1, entry) for entry in entries))
    length = struct.pack("<Q", len(message))
    return length + masked_crc32c(length) + message + masked_crc32c(message)


class TfrecordTest(SourceTest):
    def write(self, folder, split, resolution, shards, images):
        expected = []
        for shard in range(shards):
            path = folder / split / f"{split}-r{resolution:02}-s-{shard:04}-of-{shards:04}.tfrecords"
            path.parent.mkdir(parents=True, exist_ok=True)
            side = 1 << resolution
            made = [Picture(str(path), make_pixels(10 * shard + i, side, side, 3), (shard + 2 * i) % 5)
                    for i in range(images)]
            path.write_bytes(b"".join(record(picture.pixels, picture.label, i) for i, picture in enumerate(made)))
            expected += made
        return expected

    def test_resolutions(self):
        folder = self.folder / "records"
        expected = {side: {"train": self.write(folder, "train", side.bit_length() - 1, 3, 5),
                           "valid": self.write(folder, "validation", side.bit_length() - 1, 1, 4)} for side in (4, 8)}
        classes = [str(label) for label in range(5)]
        self.check(f"tfrecord:{folder}", expected[8], classes)
        for side, splits in expected.items():
            self.check(f"tfrecord:{folder}", splits, classes, ("--labels", "--size", str(side)))

    def test_one_file(self):
        expected = self.write(self.folder, "train", 3, 1, 6)
        path = expected[0].name
        self.check(f"tfrecord:{path}", {"train": [picture._replace(label=-1) for picture in expected]}, flags=())


class FashionMnistTest(SourceTest):
    NAMES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]

    def test_idx(self):
        for place, opened in (("plain", open), ("zipped", gzip.open)):
            folder = self.folder / place
            folder.mkdir()
            end = ".gz" if opened is gzip.open else ""
            splits = {}
            for split, prefix, images in (("train", "train", 9), ("test", "t10k", 4)):
                random = numpy.random.default_rng(images)
                pixels, labels = random.integers(0, 256, (images, 28, 28), numpy.uint8), bytes(range(images))
                with opened(folder / f"{prefix}-images-idx3-ubyte{end}", "wb") as file:
                    file.write(struct.pack(">IIII", 0x0803, images, 28, 28) + pixels.tobytes())
                with opened(folder / f"{prefix}-labels-idx1-ubyte{end}", "wb") as file:
                    file.write(struct.pack(">II", 0x0801, images) + labels)
                splits[split] = [Picture("", image[:, :, None], label) for image, label in zip(pixels, labels)]
            self.check(f"fashion-mnist:{folder}", splits, self.NAMES)


class KindTest(SourceTest):
    """Files and folders given in place of others: the error says what they are and which specification reads them."""

    LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 132735\n"
    FETCH = "is a pointer of Git LFS: `git lfs pull` fetches the file"

    def refused(self, specification, *parts):
        with self.subTest(specification=specification):
            done = subprocess.run([dump_source, specification, "train", self.folder / "dump"], capture_output=True)
            self.assertEqual(done.returncode, 1)
            error = done.stderr.decode()
            self.assertEqual(error.count("\n"), 1, error)
            for part in parts:
                self.assertIn(part, error)

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def write_others(self):
        """Files that are no data set of this library, and the sentences about them."""
        pixels = make_pixels(1, 8, 8, 3)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("model/data.pkl", pickle.dumps({"weight": 1}, 2))
        html = b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>"
        office = io.BytesIO()
        with zipfile.ZipFile(office, "w") as archive:
            archive.writestr("[Content_Types].xml", "<Types/>")
        return {
            "lfs": (self.LFS, self.FETCH),
            "empty": (b"", "is an empty file"),
            "html": (html, "is an HTML page: probably the error page of a download"),
            "json": (b'{"message": "Not Found"}', "is a JSON text"),
            "text": (b"Quota exceeded\n", 'is a text that begins with "Quota exceeded"'),
            "pickle": (pickle.dumps([1, 2], 4), "is a pickle"),
            "torch": (packed.getvalue(), "is a PyTorch file (.pt, .pth): save its tensors with numpy or safetensors"),
            "office": (office.getvalue(), "is an Office document: save it as CSV"),
            "gif": (encode(pixels, "GIF"), "is a GIF image"),
            "bmp": (encode(pixels, "BMP"), "is a BMP image"),
            "png": (encode(pixels, "PNG"), "is a PNG image"),
            "webp": (encode(pixels, "WEBP"), "is a WebP image"),
            "xz": (lzma.compress(b"x" * 999), "is compressed data (xz): unpack it first"),
            "bz2": (bz2.compress(b"x" * 999), "is compressed data (bzip2): unpack it first"),
        }

    def test_other_files(self):
        expected = {"npy": "an npy file", "npz": "an npz file", "tfrecord": "a TFRecord file",
                    "lmdb": "an LMDB environment", "cifar10": "a tar, which may be compressed by gzip"}
        for name, (content, sentence) in self.write_others().items():
            path = self.write(name, content)
            for kind, what in expected.items():
                if kind == "tfrecord" and name == "empty":  # a TFRecord file without records
                    continue
                if kind == "npz" and name in ("torch", "office"):
                    what = "an npz file with an array data"
                self.refused(f"{kind}:{path}", f"dump_source: {path}: expected {what}, {sentence}")

    def test_other_images(self):
        for name, (content, sentence) in self.write_others().items():
            if name in ("png", "webp"):
                continue
            path = self.write(f"pictures/{name}/a.png", content)
            if name in ("gif", "bmp"):
                sentence += ", which is not supported: convert it to PNG, JPEG or WebP"
            else:
                sentence = f"expected a PNG, JPEG or WebP image, {sentence}"
            self.refused(f"folder:{path.parent}", f"dump_source: {path}: {sentence} (")

    def test_pictures_under_the_name_of_another_format(self):
        pixels = make_pixels(3, 6, 7, 3)
        self.write("pictures/a.jpg", encode(pixels, "PNG"))
        self.write("pictures/b.png", encode(pixels, "WEBP", lossless=True))
        self.check(f"folder:{self.folder / 'pictures'}", {"train": [Picture("a.jpg", pixels), Picture("b.png", pixels)]},
                   flags=())

    def test_archives_by_content(self):
        pixels = make_pixels(3, 6, 7, 3)
        write_zip(self.folder / "download", {"a.png": encode(pixels, "PNG")})
        self.check(f"folder:{self.folder / 'download'}", {"train": [Picture("a.png", pixels)]}, flags=())
        path = self.write("model.pt", self.write_others()["torch"][0])
        self.refused(f"folder:{path}", f"{path}: expected a folder, a tar or a zip file, is a PyTorch file")
        path = self.write("photo.png", encode(pixels, "PNG"))
        self.refused(f"folder:{path}", f"{path}: expected a folder, a tar or a zip file, is a PNG image (folder:"
                     f"{self.folder} may read it)\n")

    def test_arrays(self):
        advice = {
            (5, 3, 8, 9): ("arr.transpose(0, 2, 3, 1)", numpy.uint8),
            (5, 4, 8, 9): ("arr.transpose(0, 2, 3, 1)[..., :3]", numpy.uint8),
            (5, 8, 9, 3): ("(255 * arr).round().astype(np.uint8) if its values are from 0 to 1", numpy.float32),
            (5, 3, 9, 8): ("(255 * arr.transpose(0, 2, 3, 1)).round().astype(np.uint8) if its", numpy.float64),
            (5, 8, 9, 1): ("arr.astype(np.uint8)", numpy.int64),
            (6, 8, 9, 3): ("255 * arr.astype(np.uint8)", numpy.bool_),
        }
        for shape, (expression, dtype) in advice.items():
            array = numpy.ones(shape, dtype)
            numpy.save(self.folder / "a.npy", array)
            numpy.savez(self.folder / "a.npz", data=array)
            for kind, name in (("npy", "a.npy"), ("npz", "a.npz")):
                self.refused(f"{kind}:{self.folder / name}", "expected images, ", ": save " + expression)
        numpy.save(self.folder / "one.npy", numpy.ones((20, 30, 3), numpy.uint8))
        self.refused(f"npy:{self.folder / 'one.npy'}", "looks like one image [H, W, C]: save arr[None]")
        numpy.savez(self.folder / "mnist.npz", x_train=numpy.ones((5, 8, 8), numpy.uint8), y_train=numpy.arange(5))
        self.refused(f"npz:{self.folder / 'mnist.npz'}", 'expected an array data, has "x_train", "y_train": save')
        numpy.savez(self.folder / "grey.npz", data=numpy.ones((5, 8, 9), numpy.uint8))
        self.refused(f"npz:{self.folder / 'grey.npz'}", "save arr[..., None]\n")
        (self.folder / "rgba").mkdir()
        numpy.save(self.folder / "rgba" / "a.npy", numpy.ones((8, 9, 4), numpy.uint8))
        self.refused(f"npy:{self.folder / 'rgba'}", "a.npy: expected an image, ", "is \"|u1\" [8,9,4]: save arr[..., :3]")

    def write_data_sets(self):
        """A data set of each kind, in a folder of its name."""
        numpy.savez(self.write("npz/train_1.npz", b""), data=numpy.ones((5, 8, 8, 3), numpy.uint8))
        numpy.save(self.write("npy/a.npy", b""), numpy.ones((5, 8, 8, 3), numpy.uint8))
        self.write("tfrecord/train/x-r03-s-0000-of-0001.tfrecords", record(make_pixels(1, 8, 8, 3), 0, 0))
        environment = self.folder / "lmdb" / "cat_train_lmdb"
        environment.mkdir(parents=True)
        with lmdb.open(str(environment), map_size=1 << 20) as opened, opened.begin(write=True) as transaction:
            transaction.put(b"a", encode(make_pixels(1, 8, 8, 3), "PNG"))
        self.write("folder/cat/a.png", encode(make_pixels(1, 8, 8, 3), "PNG"))
        write_zip(self.folder / "folder.zip", {"a.png": encode(make_pixels(1, 8, 8, 3), "PNG")})
        batch = bytes([1]) + bytes(3072)
        for name in ["test_batch.bin"] + [f"data_batch_{i}.bin" for i in range(1, 6)]:
            self.write(f"cifar10/cifar-10-batches-bin/{name}", batch)
        self.write("cifar10/cifar-10-batches-bin/batches.meta.txt", b"cat\ndog\n")
        for name in ("train.bin", "test.bin"):
            self.write(f"cifar100/cifar-100-binary/{name}", bytes(2) + bytes(3072))
        self.write("cifar100/cifar-100-binary/fine_label_names.txt", b"cat\ndog\n")

    def test_specifications(self):
        """Another kind, the parent of the right folder, and no kind."""
        self.write_data_sets()
        reads = {"npz": "npz", "npy": "npy", "tfrecord": "tfrecord", "lmdb": "lmdb", "folder": "folder",
                 "cifar10": "cifar10/cifar-10-batches-bin", "cifar100": "cifar100/cifar-100-binary"}
        for kind, place in reads.items():
            likely = f"{kind}:{self.folder / place}"
            given = self.folder / kind
            self.refused(str(given), f'data set "{given}" has no kind: {likely} may read it\n')
            for other in ("npz", "tfrecord", "folder", "cifar10"):
                if other != kind:
                    self.refused(f"{other}:{given}", f"dump_source: {given}", ": expected ", f" ({likely} may read it)\n")
        for name in ("npz/train_1.npz", "npy/a.npy", "folder.zip"):
            kind, path = name.split("/")[0].split(".")[0], self.folder / name
            self.refused(str(path), f'data set "{path}" has no kind: {kind}:{path} may read it\n')
        self.refused(f"npy:{self.folder / 'npz/train_1.npz'}", "is an .npz file of NumPy (npz:")
        self.refused(f"npz:{self.folder / 'npy/a.npy'}", "is a NumPy array (.npy) (npy:")
        self.refused(f"cifar10:{self.folder / 'cifar100'}", "(cifar100:")
        self.refused(f"cifar100:{self.folder / 'cifar10'}", "(cifar10:")
        (self.folder / "above").mkdir()
        (self.folder / "npz").rename(self.folder / "above" / "imagenet32")
        self.refused(f"npz:{self.folder / 'above'}", f"(npz:{self.folder / 'above' / 'imagenet32'} may read it)")

    def test_places_that_are_found(self):
        self.write_data_sets()
        white = [Picture("", numpy.ones((8, 8, 3), numpy.uint8))] * 5
        self.check(f"NPZ:{self.folder / 'npz'}", {"train": white}, flags=())
        environment = self.folder / "lmdb" / "cat_train_lmdb"
        expected = {"train": [Picture("a", make_pixels(1, 8, 8, 3))]}
        self.check(f"lmdb:{environment / 'data.mdb'}", expected, flags=())
        (environment / "data.mdb").rename(self.folder / "one.lmdb")
        self.check(f"lmdb:{self.folder / 'one.lmdb'}", expected, flags=())
        records = self.folder / "tfrecord/train/x-r03-s-0000-of-0001.tfrecords"
        records.rename(records.with_suffix(".TFRecords"))
        self.check(f"tfrecord:{self.folder / 'tfrecord'}", {"train": [Picture("", make_pixels(1, 8, 8, 3))]}, flags=())
        black = [Picture("", numpy.zeros((32, 32, 3), numpy.uint8), 1)]
        self.check(f"cifar10:{self.folder / 'cifar10'}", {"test": black}, ("cat", "dog"))
        with tarfile.open(self.folder / "cifar-10-binary.tar.gz", "w:gz") as archive:
            archive.add(self.folder / "cifar10/cifar-10-batches-bin", "cifar-10-batches-bin")
        self.check(f"cifar10:{self.folder}", {"test": black}, ("cat", "dog"))

    def test_fashion_mnist_of_torchvision(self):
        for prefix in ("train", "t10k"):
            images = struct.pack(">IIII", 0x0803, 1, 28, 28) + bytes(28 * 28)
            # A download that was unpacked without a change of the name.
            self.write(f"root/FashionMNIST/raw/{prefix}-images-idx3-ubyte.gz", images)
            self.write(f"root/FashionMNIST/raw/{prefix}-labels-idx1-ubyte", struct.pack(">II", 0x0801, 1) + b"\x03")
        expected = {"test": [Picture("", numpy.zeros((28, 28, 1), numpy.uint8), 3)]}
        root = self.folder / "root"
        for place in (root, root / "FashionMNIST", root / "FashionMNIST" / "raw"):
            self.check(f"fashion-mnist:{place}", expected, FashionMnistTest.NAMES)
        file = root / "FashionMNIST/raw/train-images-idx3-ubyte.gz"
        self.refused(f"fashion-mnist:{file}", "expected a folder of idx files, is a file: give its folder\n")
        self.refused(f"fashion-mnist:{self.folder}", "has no train-images-idx3-ubyte (fashion-mnist:" + str(file.parent))
        file.write_bytes(self.LFS)
        self.refused(f"fashion-mnist:{root}", f"{file}: expected an idx file, {self.FETCH}\n")

    def test_batches_of_cifar(self):
        self.write_data_sets()
        folder = self.folder / "cifar10/cifar-10-batches-bin"
        (folder / "data_batch_2.bin").write_bytes(self.LFS)
        self.refused(f"cifar10:{folder}", f"data_batch_2.bin: expected a file of the binary version, {self.FETCH}\n")
        for path in list(folder.iterdir()):
            path.rename(folder / path.name.replace(".bin", "").replace(".txt", ""))
        self.refused(f"cifar10:{folder}", "batches.meta: expected a pickle of protocol 2 to 5, is a text that begins")


def main():
    global dump_source
    if len(sys.argv) < 2:
        sys.exit("usage: check_sources.py DUMP_SOURCE [TEST...]")
    dump_source = os.path.abspath(sys.argv[1])
    unittest.main(argv=["check_sources.py", *sys.argv[2:]], verbosity=2)


if __name__ == "__main__":
    main()
