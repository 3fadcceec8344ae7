"""Compares the pixels that the library reads from image files with those of Pillow, upright (ImageOps.exif_transpose):

    python check_images.py DUMP_IMAGES [TEST...]

The files are of Pillow and of libjpeg-turbo's cjpeg, and some of them are then changed as other programs would have
written them, or damaged. All pixels must be equal, but for JPEG images, where decoders of different versions may differ
by one grey level in each component.
"""

import io
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
import zlib

import numpy
from PIL import Image, ImageOps

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


def upright(content):
    """The pixels as Pillow shows them, [height, width, channel]; as stored where Pillow cannot read the orientation."""
    with Image.open(io.BytesIO(content)) as picture:
        picture.load()
        try:
            picture.getexif().get(0x0112)
        except Exception:  # of several kinds, for damaged metadata
            return as_array(picture)
        # Writing the metadata of the result fails for some, and does not matter.
        with unittest.mock.patch("PIL.Image.Exif.tobytes", lambda exif: b""):
            return as_array(ImageOps.exif_transpose(picture))


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


# Exif blocks

def exif_block(orientation, order="<", kind=3, count=1, before=(), code=b""):
    """A TIFF structure with the tag; `before`: fields (tag, type, count, 4 bytes) that precede it."""
    sizes = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
    value = struct.pack(order + sizes.get(kind, "I"), orientation).ljust(4, b"\0")
    fields = [*before, (0x0112, kind, count, value)]
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    directory = struct.pack(order + "H", len(fields))
    for tag, field_kind, field_count, field_value in fields:
        directory += struct.pack(order + "HHI", tag, field_kind, field_count) + field_value
    return code + header + directory + bytes(4)


def xmp_packet(orientation, attribute=True):
    tag = f'tiff:Orientation="{orientation}"' if attribute else f"><tiff:Orientation>{orientation}</tiff:Orientation"
    return f'<x:xmpmeta><rdf:RDF><rdf:Description {tag}/></rdf:RDF></x:xmpmeta>'.encode()


def exif_blocks():
    """By name, blocks for orientation 6, and such that have none."""
    text = (0x010E, 2, 4, b"abc\0")
    blocks = {
        "big endian": exif_block(6, ">"),
        "long": exif_block(6, kind=4),
        "big long": exif_block(6, ">", kind=4),
        "signed byte": exif_block(6, kind=6),
        "signed short": exif_block(6, ">", kind=8),
        "byte": exif_block(6, kind=1),
        "text": exif_block(6, kind=2),
        "unknown type": exif_block(6, kind=99),
        "two values": exif_block(6, count=2),
        "three values": exif_block(40, count=3) + struct.pack("<HHH", 8, 6, 6),
        "three values at the end": exif_block(26, count=3) + struct.pack("<H", 6),
        "no value": exif_block(6, count=0),
        "after text": exif_block(6, before=[text]),
        "twice": exif_block(6, before=[(0x0112, 3, 1, b"\3\0\0\0")]),
        "twice, first unusable": exif_block(6, before=[(0x0112, 99, 1, b"\3\0\0\0")]),
        "text beyond the end": exif_block(6, before=[(0x010E, 2, 20, struct.pack("<I", 60))]),
        "huge text": exif_block(6, before=[(0x010E, 2, 1 << 31, struct.pack("<I", 60))]),
        "text far away": exif_block(6, before=[(0x010E, 2, 20, b"\xff\xff\xff\xff")]),
        "code": exif_block(6, code=b"Exif\0\0"),
        "two codes": exif_block(6, code=b"Exif\0\0Exif\0\0"),
        "three codes": exif_block(6, code=3 * b"Exif\0\0"),
        "wrong version": exif_block(6).replace(b"II*\0", b"II\0*"),
        "no structure": b"not a TIFF structure",
        "another version": exif_block(6).replace(b"II*\0", b"II\x55\0"),
        "directory far away": exif_block(6).replace(b"*\0\x08", b"*\0\xf8"),
        "empty": b"",
    }
    blocks |= {f"value {value}": exif_block(value) for value in (0, 9, 255, 65535)}
    blocks |= {f"cut to {length}": exif_block(6, before=[text])[:length] for length in range(1, 38)}
    rng = random.Random(1)
    for number in range(100):
        block = bytearray(exif_block(rng.randint(0, 9), rng.choice("<>"), before=[text][:number % 2]))
        for _ in range(rng.randint(1, 3)):
            block[rng.randrange(len(block))] = rng.choice((0, 1, 2, 3, 4, 6, 8, 255, rng.randrange(256)))
        blocks[f"random {number}"] = bytes(block)
    return blocks


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


EXIF_SEGMENT, XMP_SEGMENT = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"


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

    def check(self, files, reduction=1, expect=upright):
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


class OrientationTest(ImageTest):
    JPEG = encode(make_pixels(1, 21, 35, 3), "JPEG", quality=90)
    PNG = encode(make_pixels(2, 21, 35, 3), "PNG")
    WEBP = encode(make_pixels(3, 21, 35, 3), "WEBP", quality=80)

    def test_all_orientations_in_all_formats(self):
        colour, alpha, grey = (make_pixels(seed, 21, 35, channels) for seed, channels in ((1, 3), (2, 4), (3, 1)))
        pictures = {
            "jpeg": (colour, "JPEG", {}), "progressive": (colour, "JPEG", {"progressive": True}),
            "grey jpeg": (grey, "JPEG", {}), "cmyk": (Image.fromarray(alpha, "CMYK"), "JPEG", {}),
            "png": (colour, "PNG", {}), "alpha": (alpha, "PNG", {}), "grey": (grey, "PNG", {}),
            "grey and alpha": (make_pixels(4, 21, 35, 2), "PNG", {}),
            "palette": (Image.fromarray(colour).quantize(20), "PNG", {}),
            "deep": (Image.fromarray(grey[:, :, 0].astype(numpy.uint16) * 253), "PNG", {}),
            "webp": (colour, "WEBP", {}), "lossless": (colour, "WEBP", {"lossless": True}),
            "webp alpha": (alpha, "WEBP", {}), "large": (make_pixels(5, 130, 70, 3), "PNG", {}),
        }
        files = {}
        for orientation in range(10):
            exif = Image.Exif()
            exif[0x0112] = orientation
            for name, (picture, form, options) in pictures.items():
                files[f"{name} {orientation}"] = encode(picture, form, exif=exif, **options)
        self.check(files)

    def test_orientations_of_reduced_images(self):
        def reduced(reduction):
            def read(content):
                with Image.open(io.BytesIO(content)) as picture:
                    orientation = picture.getexif().get(0x0112)
                    # A side that is not a multiple of the reduction must not be reversed.
                    reversed_sides = [orientation in (2, 3, 7, 8), orientation in (3, 4, 6, 7)]
                    if not any(side % reduction and turned for side, turned in zip(picture.size, reversed_sides)):
                        picture.draft(None, tuple(side // reduction for side in picture.size))
                    return as_array(ImageOps.exif_transpose(picture))
            return read

        for reduction in (2, 4, 8):
            files = {}
            for orientation in range(1, 9):
                exif = Image.Exif()
                exif[0x0112] = orientation
                for width, height in ((48, 96), (49, 96), (48, 97), (51, 101)):
                    picture = make_pixels(width, height, width, 3)
                    files[f"{orientation} {width}x{height}"] = encode(picture, "JPEG", exif=exif, subsampling=0)
            self.check(files, reduction, reduced(reduction))

    def test_forms_of_exif_blocks(self):
        blocks = exif_blocks()
        self.check({name: in_jpeg(self.JPEG, segment(0xE1, EXIF_SEGMENT + block), None)
                    for name, block in blocks.items()})
        self.check({name: extended_webp(self.WEBP, 8, after=[(b"EXIF", block)]) for name, block in blocks.items()})
        del blocks["two codes"]  # Pillow inserts a third
        self.check({name: after_header(self.PNG, (b"eXIf", block)) for name, block in blocks.items()})

    def test_places_in_jpeg_files(self):
        exif, other, xmp = (segment(0xE1, data) for data in (
            EXIF_SEGMENT + exif_block(6), EXIF_SEGMENT + exif_block(3), XMP_SEGMENT + xmp_packet(8)))
        halves = [segment(0xE1, EXIF_SEGMENT + half) for half in (exif_block(6)[:15], exif_block(6)[15:])]
        no_orientation = segment(0xE1, EXIF_SEGMENT + exif_block(6).replace(b"\x12\1\3", b"\x12\2\3"))
        large = segment(0xE1, EXIF_SEGMENT + exif_block(6) + bytes(60000))
        files = {"first": exif, "after a comment": segment(0xFE, b"comment") + exif, "two": exif + other,
                 "in two parts": b"".join(halves), "between other parts": halves[0] + xmp + halves[1],
                 "only XMP": xmp, "after XMP": xmp + exif, "before XMP": exif + xmp, "two XMP": xmp + segment(
                     0xE1, XMP_SEGMENT + xmp_packet(3)), "XMP, Exif without": no_orientation + xmp, "large": large,
                 "in another segment": segment(0xE2, EXIF_SEGMENT + exif_block(6)),
                 "unknown code": segment(0xE1, b"exif\0\0" + exif_block(6)), "empty": segment(0xE1, b"")}
        files = {f"{name}, {place}": in_jpeg(self.JPEG, inserted, place) for name, inserted in files.items()
                 for place in (None, 0xDB, 0xC0, 0xDA)}
        thumbnail = encode(make_pixels(5, 8, 6, 3), "JPEG", exif=EXIF_SEGMENT + exif_block(3))
        files["thumbnail"] = in_jpeg(self.JPEG, segment(0xE1, EXIF_SEGMENT + exif_block(6) + thumbnail), None)
        files["after the pixels"] = self.JPEG[:-2] + exif + self.JPEG[-2:]
        self.check(files)

    def test_places_in_png_files(self):
        exif, xmp = (b"eXIf", exif_block(6)), (b"iTXt", b"XML:com.adobe.xmp\0\0\0en\0XMP\0" + xmp_packet(8))
        packed_xmp = (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp_packet(5, False)))
        digits = exif_block(7, code=EXIF_SEGMENT).hex()
        profile = f"\nexif\n{len(digits) // 2:8}\n{digits[:72]}\n{digits[72:]}\n".encode()
        text = (b"tEXt", b"Raw profile type exif\0" + profile)
        packed_text = (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile))
        cases = {"Exif": [exif], "two": [exif, (b"eXIf", exif_block(3))], "only XMP": [xmp], "packed XMP": [packed_xmp],
                 "two XMP": [xmp, packed_xmp], "XMP and Exif": [xmp, exif],
                 "text": [text], "packed text": [packed_text], "text and Exif": [exif, text],
                 "text and XMP": [text, xmp], "other text": [(b"tEXt", b"exif"), exif],
                 "bad XMP": [(b"iTXt", b"XML:com.adobe.xmp"), exif],
                 "cut XMP": [(b"iTXt", packed_xmp[1][:40]), exif], "cut text": [(b"zTXt", packed_text[1][:40]), exif],
                 "short text": [(b"tEXt", b"Raw profile type exif\0exif\n2\n1"), exif]}
        self.check({name: after_header(self.PNG, *chunks) for name, chunks in cases.items()})

    def test_metadata_after_the_pixels_of_a_png_file_is_ignored(self):
        # As the third edition of the specification and browsers have it; Pillow applies it.
        stored = as_array(Image.open(io.BytesIO(self.PNG)))
        xmp = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp_packet(8)
        files = {"Exif": before_end(self.PNG, (b"eXIf", exif_block(6))), "XMP": before_end(self.PNG, (b"iTXt", xmp))}
        self.check(files, expect=lambda content: stored)

    def test_places_in_webp_files(self):
        exif, xmp, other = (b"EXIF", exif_block(6)), (b"XMP ", xmp_packet(8)), (b"EXIF", exif_block(3))
        unknown = (b"abcd", b"odd size")
        self.check({
            "after the image": extended_webp(self.WEBP, 8, after=[exif]),
            "before the image": extended_webp(self.WEBP, 8, before=[exif]),
            "two": extended_webp(self.WEBP, 8, after=[exif, other]),
            "only XMP": extended_webp(self.WEBP, 4, after=[xmp]),
            "XMP and Exif": extended_webp(self.WEBP, 12, after=[xmp, exif]),
            "Exif without and XMP": extended_webp(self.WEBP, 12, after=[(b"EXIF", exif_block(6)[:8]), xmp]),
            "without flag": extended_webp(self.WEBP, 0, after=[exif, xmp]),
            "flag without chunk": extended_webp(self.WEBP, 12),
            "flag of the other": extended_webp(self.WEBP, 4, after=[exif]),
            "after unknown": extended_webp(self.WEBP, 8, after=[unknown, unknown, exif]),
            "large": extended_webp(self.WEBP, 8, after=[(b"EXIF", exif_block(6) + bytes(70001))]),
        })


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
