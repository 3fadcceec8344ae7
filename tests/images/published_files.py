"""Writes files of published data sets whose own writers need Python 2 or TensorFlow: CIFAR's pickles, TFRecords."""

import io
import struct
import tarfile

import numpy as np


class Pickler:
    """The opcodes of Python 2's cPickle, protocol 2, for dictionaries of byte strings, numbers, lists and arrays."""

    def __init__(self):
        self.stream = b"\x80\x02"
        self.memo = 0

    def put(self, opcodes):
        self.memo += 1
        self.stream += opcodes + b"r" + struct.pack("<I", self.memo)

    def string(self, text):
        size = b"U" + bytes([len(text)]) if len(text) < 256 else b"T" + struct.pack("<I", len(text))
        self.put(size + text)

    def number(self, value):
        self.stream += b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)

    def array(self, array):
        self.put(b"cnumpy.core.multiarray\n_reconstruct\n")
        self.put(b"cnumpy\nndarray\n")
        self.put(b"K\x00\x85U\x01b\x87R")
        self.stream += b"(K\x01"
        for side in array.shape:
            self.number(side)
        self.stream += b"\x86"
        self.put(b"cnumpy\ndtype\n")
        self.put(b"U\x02u1K\x00K\x01\x87R")
        self.stream += b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        self.stream += b"T" + struct.pack("<I", array.nbytes) + array.tobytes() + b"tb"

    def value(self, value):
        if isinstance(value, bytes):
            self.string(value)
        elif isinstance(value, int):
            self.number(value)
        elif isinstance(value, np.ndarray):
            self.array(value)
        else:
            self.put(b"]")
            self.stream += b"("
            for item in value:
                self.value(item)
            self.stream += b"e"

    def dictionary(self, items):
        self.put(b"}")
        self.stream += b"("
        for key, value in items.items():
            self.string(key)
            self.value(value)
        return self.stream + b"u."


def dumps(items):
    return Pickler().dictionary(items)


def python_folder(classes):
    return "cifar-10-batches-py" if classes == 10 else "cifar-100-python"


def cifar_files(classes):
    """The files of the Python and of the binary version, by name."""
    rng = np.random.default_rng(classes)
    names = [f"class {number}" for number in range(classes)]
    binary_names = "\n".join(names + [""]).encode()
    if classes == 10:
        python = {"batches.meta": dumps({b"num_cases_per_batch": 3, b"label_names": [n.encode() for n in names]})}
        binary = {"batches.meta.txt": binary_names}
        batches = {f"data_batch_{batch}": f"data_batch_{batch}.bin" for batch in range(1, 6)}
        batches["test_batch"] = "test_batch.bin"
    else:
        python = {"meta": dumps({b"fine_label_names": [n.encode() for n in names], b"coarse_label_names": [b"one"]})}
        binary = {"fine_label_names.txt": binary_names, "coarse_label_names.txt": b"one\n"}
        batches = {"train": "train.bin", "test": "test.bin"}
    for name, binary_name in batches.items():
        data = rng.integers(0, 256, (3, 3072), dtype=np.uint8)
        labels = [int(label) for label in rng.integers(0, classes, 3)]
        key = b"labels" if classes == 10 else b"fine_labels"
        python[name] = dumps({b"batch_label": name.encode(), key: labels, b"data": data})
        before = b"" if classes == 10 else b"\x00"  # the coarse label
        binary[binary_name] = b"".join(before + bytes([label]) + row.tobytes() for label, row in zip(labels, data))
    return python, binary


def write_cifar(root, classes):
    """Writes all forms; returns their paths below root."""
    folders = (python_folder(classes), "cifar-10-batches-bin" if classes == 10 else "cifar-100-binary")
    paths = []
    for folder, files in zip(folders, cifar_files(classes)):
        (root / folder).mkdir()
        archive = f"{folder}.tar.gz"
        with tarfile.open(root / archive, "w:gz") as tar:
            for name, data in files.items():
                (root / folder / name).write_bytes(data)
                member = tarfile.TarInfo(f"{folder}/{name}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        paths += [folder, archive]
    return paths


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked_crc(data):
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def varint(value):
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def message(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def write_records(path, images, labels):
    """A file of TFRecords as the reference code of Glow writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = b""
    for image, label in zip(images, labels):
        features = {
            b"label": message(3, message(1, varint(label))),
            b"data": message(1, message(1, image.tobytes())),
            b"shape": message(3, message(1, b"".join(varint(side) for side in image.shape))),
        }
        entries = b"".join(message(1, message(1, name) + message(2, feature)) for name, feature in features.items())
        example = message(1, entries)
        length = struct.pack("<Q", len(example))
        stream += length + masked_crc(length) + example + masked_crc(example)
    path.write_bytes(stream)
