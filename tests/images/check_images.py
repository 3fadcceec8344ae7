"""Compares the pixels that the library reads from image files with those of Pillow:

    python check_images.py DUMP_IMAGES [TEST...]

The files are of Pillow and of libjpeg-turbo's cjpeg, and some of them are then changed as other programs would have
written them, or damaged. All pixels must be equal, but for JPEG images, where decoders of different versions may differ
by one grey level in each component.
"""

import io
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

import numpy
from PIL import Image

dump_images = None


def make_pixels(seed, *shape):
    """A ramp with noise, uint8 [height, width, channel], without symmetries."""
    noise = numpy.random.default_rng(seed).integers(0, 60, shape)
    ramp = 9 * numpy.arange(shape[1])[:, None] + 5 * numpy.arange(shape[0])[:, None, None] + 40 * numpy.arange(shape[2])
    return (ramp % 190 + noise).astype(numpy.uint8)


def encode(picture, form, **options):
    if not isinstance(picture, Image.Image):
        picture = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def cjpeg(*arguments, seed=1, channels=3):
    """A file of libjpeg-turbo's program, in Debian's package libjpeg-turbo-progs."""
    picture = encode(make_pixels(seed, 21, 35, channels), "PPM")
    return subprocess.run(["cjpeg", *arguments], input=picture, stdout=subprocess.PIPE, check=True).stdout


def pillow_pixels(content):
    with Image.open(io.BytesIO(content)) as picture:
        return as_array(picture)


def as_array(picture):
    if picture.mode in ("1", "P", "CMYK", "L", "RGB"):
        modes = {"1": "L", "L": "L"}
        mode = modes.get(picture.mode, "RGB")
        if "transparency" in picture.info and picture.mode != "CMYK":
            mode = "LA" if mode == "L" else "RGBA"
        picture = picture.convert(mode)
    pixels = numpy.asarray(picture).astype(int)
    if picture.mode == "I;16":
        pixels = numpy.rint(pixels / 257).astype(int)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def tolerance(content):
    with Image.open(io.BytesIO(content)) as picture:
        return {"JPEG": 2 if picture.mode == "CMYK" else 1}.get(picture.format, 0)


# Parts of files

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind, data, checksum=None):
    checksum = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png_chunks(content):
    place, chunks = len(PNG_SIGNATURE), []
    while place < len(content):
        size = struct.unpack(">I", content[place:place + 4])[0]
        chunks.append((content[place + 4:place + 8], content[place + 8:place + 8 + size]))
        place += size + 12
    return chunks


def png_file(*chunks):
    return PNG_SIGNATURE + b"".join(part if isinstance(part, bytes) else chunk(*part) for part in chunks)


def after_header(content, *chunks):
    """A PNG file with chunks after IHDR."""
    header, *rest = png_chunks(content)
    return png_file(header, *chunks, *rest)


def before_end(content, *chunks):
    *start, end = png_chunks(content)
    return png_file(*start, *chunks, end)


def segment(marker, data):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def in_jpeg(content, inserted, marker):
    """A JPEG file with bytes before the first such marker; `marker` None: after the first two bytes."""
    place = 2 if marker is None else content.index(b"\xff" + bytes([marker]))
    return content[:place] + inserted + content[place:]


def riff(*chunks):
    body = b"WEBP"
    for name, data in chunks:
        body += name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def extended_webp(content, flags, before=(), after=()):
    """A WebP file of one chunk, in the extended format with further chunks."""
    with Image.open(io.BytesIO(content)) as picture:
        width, height = picture.size
    header = struct.pack("<I", flags) + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return riff((b"VP8X", header), *before, (content[12:16], content[20:]), *after)


class ImageTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def read(self, files, reduction=1):
        """Pixels or an error for each file."""
        paths = []
        for number, content in enumerate(files):
            paths.append(self.folder / str(number))
            paths[-1].write_bytes(content)
        out = self.folder / "dump"
        subprocess.run([dump_images, out, str(reduction), *paths], check=True)
        results = []
        with open(out, "rb") as dump:
            for path in paths:
                *shape, text = dump.readline().decode().rstrip("\n").split(" ", 3)
                shape = [int(side) for side in shape]
                pixels = numpy.frombuffer(dump.read(numpy.prod(shape)), numpy.uint8).reshape(shape)
                results.append(pixels.astype(int) if pixels.size else text.removeprefix(f"{path}: "))
        return results

    def check(self, files, reduction=1, expect=pillow_pixels):
        for (name, content), found in zip(files.items(), self.read(files.values(), reduction)):
            with self.subTest(name):
                expected = expect(content)
                self.assertNotIsInstance(found, str, found)
                if expected.shape[2] == found.shape[2] + 1 and expected[:, :, -1].min() == 255:
                    expected = expected[:, :, :-1]  # an opaque image
                self.assertEqual(found.shape, expected.shape)
                self.assertLessEqual(numpy.abs(found - expected).max(), tolerance(content))

    def check_refused(self, files):
        """`files`: content and the error's text, by name."""
        results = self.read([content for content, _ in files.values()])
        for (name, (_, sentence)), found in zip(files.items(), results):
            with self.subTest(name):
                self.assertIsInstance(found, str)
                self.assertEqual(found[:len(sentence)], sentence)


class OddFilesTest(ImageTest):
    JPEG = encode(make_pixels(1, 21, 35, 3), "JPEG", quality=90)
    PNG = encode(make_pixels(2, 21, 35, 3), "PNG")
    PALETTE = encode(Image.fromarray(make_pixels(3, 12, 9, 3)).quantize(20), "PNG")
    WEBP = encode(make_pixels(4, 21, 35, 3), "WEBP", quality=80)

    @unittest.skipUnless(shutil.which("cjpeg"), "needs libjpeg-turbo-progs")
    def test_jpeg_files_of_cjpeg(self):
        samplings = ("2x1", "1x2", "2x2", "4x1", "1x4", "4x2", "2x4", "3x1", "1x3", "3x2", "2x1,1x2", "1x2,2x1",
                     "1x1,2x2", "2x2,1x2,2x1", "2x2,2x1,1x2", "1x1,1x1,2x2", "2x2,2x2,1x1", "4x1,2x1,1x1")
        files = {f"-sample {sampling}": cjpeg("-sample", sampling) for sampling in samplings}
        for options in (["-arithmetic"], ["-arithmetic", "-progressive"], ["-progressive", "-sample", "4x1"], ["-rgb"],
                        ["-restart", "1B"], ["-restart", "1"], ["-optimize"], ["-quality", "1"], ["-grayscale"]):
            files[" ".join(options)] = cjpeg(*options)
        self.check(files)
        for reduction in (2, 4):
            self.check(files, reduction, lambda content: as_array(self.draft(content, reduction)))

    @staticmethod
    def draft(content, reduction):
        picture = Image.open(io.BytesIO(content))
        picture.draft(None, tuple(side // reduction for side in picture.size))
        return picture

    def test_cmyk_jpeg_files(self):
        cmyk = encode(Image.fromarray(make_pixels(5, 21, 35, 4), "CMYK"), "JPEG", quality=95)
        adobe = cmyk.index(b"Adobe")
        extremes = numpy.array([0, 1, 127, 254, 255])
        grid = numpy.stack(numpy.meshgrid(*4 * [extremes], indexing="ij"), -1).astype(numpy.uint8).reshape(25, 25, 4)
        blocks = Image.fromarray(grid.repeat(8, 0).repeat(8, 1), "CMYK")
        files = {"Adobe": cmyk, "YCCK": cmyk[:adobe + 11] + b"\2" + cmyk[adobe + 12:],
                 "without Adobe's marker": cmyk[:adobe - 4] + cmyk[adobe + 12:],
                 "progressive": encode(Image.fromarray(make_pixels(6, 21, 35, 4), "CMYK"), "JPEG", progressive=True),
                 "extremes": encode(blocks, "JPEG", quality=100)}
        self.check(files)
        self.check(files, 2, lambda content: as_array(self.draft(content, 2)))

    def test_odd_jpeg_files(self):
        file, zeros = self.JPEG, bytes(5)
        adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0"
        files = {f"stray {name} before {marker:02x}": in_jpeg(file, stray, marker)
                 for name, stray in (("bytes", b"\0\1abc"), ("zeros", zeros), ("fill", b"\xff\xff\xff"))
                 for marker in (0xDB, 0xC0, 0xC4, 0xDA, 0xD9)}
        files |= {
            "bytes after the end": file + 100 * b"bytes", "file after the end": file + file,
            "no end, but bytes": file[:-2] + 1000 * b"bytes",
            "comment after the pixels": file[:-2] + segment(0xFE, b"comment") + file[-2:],
            "cut comment after the pixels": file[:-2] + segment(0xFE, b"comment")[:-3] + file[-2:],
            "unknown Adobe transform": in_jpeg(file, adobe + b"\x09", None),
            "Adobe RGB": in_jpeg(file, adobe + b"\0", 0xDB),
            "unknown JFIF version": file.replace(b"JFIF\0\1", b"JFIF\0\3"),
            "extended sequential": file.replace(b"\xff\xc0", b"\xff\xc1"),
            "numbers of a progressive scan": file.replace(b"\0\x3f\0", b"\0\0\0"),
            "empty segments": in_jpeg(file, segment(0xE1, b"") + segment(0xEE, b"") + segment(0xED, b""), None),
            "no profile": in_jpeg(file, segment(0xE2, b"ICC_PROFILE\0\1\1not a profile"), None),
        }
        self.check(files)

    def test_odd_png_files(self):
        file, palette = self.PNG, png_chunks(self.PALETTE)
        header, pixels, end = png_chunks(file)
        rows = zlib.decompress(pixels[1])
        first, second = (b"IDAT", pixels[1][:100]), (b"IDAT", pixels[1][100:])
        files = {
            "data after the pixels": png_file(header, pixels, (b"IDAT", b"more"), end),
            "empty data after the pixels": png_file(header, pixels, (b"IDAT", b""), end),
            "empty data before the pixels": png_file(header, (b"IDAT", b""), first, (b"IDAT", b""), second, end),
            "data after the stream": png_file(header, (b"IDAT", pixels[1] + b"more"), end),
            "more rows": png_file(header, (b"IDAT", zlib.compress(rows + rows)), end),
            "many more rows": png_file(header, (b"IDAT", zlib.compress(rows + bytes(100000))), end),
            "bytes after the end": file + 100 * b"bytes", "data in the end": png_file(header, pixels, (b"IEND", b"x")),
            "no end": png_file(header, pixels), "cut end": file[:-3], "end with wrong checksum": file[:-1] + b"x",
            "small window": png_file(header, (b"IDAT", b"\x18\x19" + pixels[1][2:]), end),
            "unknown critical chunk": after_header(file, (b"ABCD", b"data")),
            "unknown chunk": after_header(file, (b"abCd", b"data")),
            "text with wrong checksum after the pixels": png_file(header, pixels, chunk(b"tEXt", b"a\0b", 1), end),
            "palette of an RGB image": after_header(file, (b"PLTE", bytes(9))),
            "long transparency of RGB": after_header(file, (b"tRNS", bytes(10))),
            "transparency of RGBA": after_header(encode(make_pixels(5, 9, 8, 4), "PNG"), (b"tRNS", bytes(6))),
            "long transparency of grey": after_header(encode(make_pixels(6, 9, 8, 1), "PNG"), (b"tRNS", b"\0\x14" * 4)),
            "short palette": png_file(palette[0], (b"PLTE", palette[1][1][:30]), *palette[2:]),
        }
        for name, transparency in {"fitting": 20, "short": 3, "long": 30, "very long": 256, "empty": 0}.items():
            alpha = (b"tRNS", bytes(range(transparency)))
            files[f"{name} transparency of a palette"] = png_file(*palette[:2], alpha, *palette[2:])
            files[f"{name} transparency before a palette"] = png_file(palette[0], alpha, *palette[1:])
        files["two transparencies"] = png_file(*palette[:2], (b"tRNS", b"\1\2\3"), (b"tRNS", b"\7\5"), *palette[2:])
        for kind, data in ((b"bKGD", b"\1"), (b"bKGD", bytes(20)), (b"sBIT", b"\x77\0\x20"), (b"gAMA", bytes(4)),
                           (b"cHRM", bytes(32)), (b"sRGB", b"\x77"), (b"iCCP", b"x\0\0not zlib"), (b"hIST", b"\1"),
                           (b"iCCP", b"x\0\0" + zlib.compress(b"not a profile")), (b"tIME", b"\1"), (b"pHYs", bytes(9)),
                           (b"sPLT", b"\1"), (b"pCAL", b"x"), (b"sCAL", b"x"), (b"oFFs", b"x"), (b"tEXt", b"no end")):
            files[f"{kind.decode()} {data[:8]}"] = after_header(file, (kind, data))
        self.check(files)

    def test_odd_webp_files(self):
        file, unknown = self.WEBP, (b"abcd", b"odd size")
        self.check({
            "bytes after the end": file + b"bytes", "unknown chunk": riff((b"VP8 ", file[20:]), unknown),
            "unknown chunk before": extended_webp(file, 0, before=[unknown]),
            "unknown chunk after": extended_webp(file, 0, after=[unknown]),
            "no profile": extended_webp(file, 0x20, before=[(b"ICCP", b"not a profile")]),
            "alpha flag": extended_webp(file, 0x10),
            "lossless and alpha": encode(make_pixels(7, 9, 8, 4), "WEBP", lossless=True, exact=True),
        })


class RefusedFilesTest(ImageTest):
    def test_damage(self):
        jpeg, png = OddFilesTest.JPEG, OddFilesTest.PNG
        progressive = encode(make_pixels(1, 21, 35, 3), "JPEG", progressive=True)
        scan = jpeg.index(b"\xff\xda")
        header, pixels, end = png_chunks(png)
        row, wrong = zlib.decompress(pixels[1]), zlib.crc32(b"")
        self.check_refused({f"JPEG {name}": (content, "not a whole JPEG file: ") for name, content in {
            "cut in the header": jpeg[:100], "cut before the pixels": jpeg[:scan], "cut in the pixels": jpeg[:-200],
            "without end": jpeg[:-2], "end in the pixels": jpeg[:scan + 200] + jpeg[-2:],
            "cut in a scan": progressive[:-200], "last scan missing": progressive[:progressive.rindex(b"\xff\xda")],
            "height too large": jpeg.replace(struct.pack(">HH", 21, 35), struct.pack(">HH", 99, 35)),
        }.items()})
        self.check_refused({f"PNG {name}": (content, "not a whole PNG file: ") for name, content in {
            "cut in the header": png[:30], "cut before the pixels": png[:40], "cut in the pixels": png[:-200],
            "cut in the checksum": png[:-13], "wrong checksum": png_file(header, chunk(*pixels, wrong), end),
            "header with wrong checksum": png_file(chunk(*header, wrong), pixels, end),
            "wrong checksum of zlib": png_file(header, (b"IDAT", pixels[1][:-1] + b"x"), end),
            "no pixels": png_file(header, end),
            "rows missing": png_file(header, (b"IDAT", zlib.compress(row[:-9])), end),
            "interrupted": png_file(header, (b"IDAT", pixels[1][:99]), (b"tEXt", b"a"), (b"IDAT", pixels[1][99:]), end),
            "wrong filter": png_file(header, (b"IDAT", zlib.compress(b"\x09" + row[1:])), end),
        }.items()})

    def test_what_is_not_supported(self):
        jpeg, png = OddFilesTest.JPEG, OddFilesTest.PNG
        frame = jpeg.index(b"\xff\xc0")
        unsupported = "is a JPEG image that libjpeg does not support (Unsupported JPEG process: SOF type 0x"
        grey = encode(make_pixels(8, 16, 16, 1), "JPEG")
        grey_frame = grey.index(b"\xff\xc0")
        two = grey[:grey_frame] + segment(0xC0, grey[grey_frame + 4:grey_frame + 9] + b"\2" + grey[
            grey_frame + 10:grey_frame + 13] + b"\2\x11\0") + grey[grey_frame + 13:]
        self.check_refused({
            "12 bits": (jpeg[:frame + 4] + b"\x0c" + jpeg[frame + 5:],
                        "is a 12-bit JPEG image, which is not supported: convert it to 8 bits"),
            "hierarchical": (jpeg.replace(b"\xff\xc0", b"\xff\xc5"), unsupported + "c5): convert it"),
            "two components": (two, "is a JPEG image of 2 components, which is not supported: convert it to grey or"),
            "iPhone": (png_file((b"CgBI", bytes(4)), *png_chunks(png)),
                       "is a PNG image in Apple's variant for iPhones, which is not supported: "),
        })


def main():
    global dump_images
    if len(sys.argv) < 2:
        sys.exit("usage: check_images.py DUMP_IMAGES [TEST...]")
    dump_images = os.path.abspath(sys.argv[1])
    unittest.main(argv=["check_images.py", *sys.argv[2:]], verbosity=2, warnings="ignore")


if __name__ == "__main__":
    main()
