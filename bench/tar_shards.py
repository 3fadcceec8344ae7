"""Writes a data set of many small images in many tars, to measure how long it takes to open one.

    python3 bench/tar_shards.py FOLDER [--shards 1000] [--images 1000] [--side 8]

FOLDER then has shard-0000.tar and so on, each with so many RGB PNG files of side x side pixels of noise, all of them
different. The bytes are the same in every run. 1,000 shards of 1,000 images take 1 GB and a minute or two.
"""
import argparse
import io
import pathlib
import random
import struct
import tarfile
import zlib


def chunk(kind, content):
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(pixels, side):
    """A PNG file of side x side RGB pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    no_filter = b"\0"
    row = 3 * side
    rows = b"".join(no_filter + pixels[start:start + row] for start in range(0, len(pixels), row))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) +
            chunk(b"IEND", b""))


def write_shard(path, number, images, side):
    noise = random.Random(number)
    with tarfile.open(path, "w") as shard:
        for image in range(images):
            content = png(noise.randbytes(3 * side * side), side)
            member = tarfile.TarInfo(f"{number * images + image:09}.png")
            member.size = len(content)
            shard.addfile(member, io.BytesIO(content))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--shards", type=int, default=1000)
    parser.add_argument("--images", type=int, default=1000, help="in a shard")
    parser.add_argument("--side", type=int, default=8, help="of an image, in pixels")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for number in range(options.shards):
        write_shard(options.folder / f"shard-{number:04}.tar", number, options.images, options.side)


if __name__ == "__main__":
    main()
