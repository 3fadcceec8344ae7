"""Makes a data set of faces from the emoji of Debian's fonts-noto-color-emoji: python emoji.py DIR

Each picture of 32x32 has the eyes of one emoji and the mouth of another, in one of eight colours; half of them are
mirrored. The font draws round faces on the same disc, so that the parts fit. DIR/train and DIR/valid have different
pairs of eyes and mouth. DIR/test has other emoji as they are, in each colour; some have parts that look like those of
emoji in the other two. DIR/attributes.csv has the attributes of the training pictures, for glow-edit directions. The
names of the emoji are those in Debian's unicode-data.
"""

import csv
import pathlib
import random
import re
import shutil
import sys

from PIL import Image, ImageChops, ImageDraw, ImageFont

FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
NAMES = "/usr/share/unicode/emoji/emoji-test.txt"
SIZE = 32
PLAIN = "face without mouth"
COUNTS = {"train": 12000, "valid": 1000}

# names with attributes
EYES = {
    "grinning face": "",
    "grinning face with big eyes": "",
    "slightly smiling face": "",
    "neutral face": "",
    "face with raised eyebrow": "",
    "confused face": "",
    "grinning face with smiling eyes": "smiling-eyes",
    "beaming face with smiling eyes": "smiling-eyes",
    "grinning squinting face": "squinting",
    "tired face": "squinting",
    "winking face": "wink",
    "winking face with tongue": "wink",
    "smiling face with heart-eyes": "heart-eyes",
    "star-struck": "star-eyes",
    "smiling face with sunglasses": "sunglasses",
    "nerd face": "glasses",
    "face with rolling eyes": "wide-eyes",
    "flushed face": "wide-eyes",
    "pleading face": "wide-eyes",
    "angry face": "angry",
    "face with steam from nose": "angry",
    "anguished face": "worried",
    "weary face": "worried",
    "expressionless face": "sleepy",
    "unamused face": "sleepy",
    "relieved face": "sleepy",
    "pensive face": "sleepy",
    "face with crossed-out eyes": "crossed-eyes",
}
MOUTHS = {
    "grinning face": "smile open teeth",
    "smiling face with heart-eyes": "smile open",
    "beaming face with smiling eyes": "smile teeth",
    "slightly smiling face": "smile",
    "winking face": "smile",
    "relieved face": "smile",
    "smirking face": "smile",
    "smiling face with tear": "smile tear",
    "face with tongue": "smile open tongue",
    "face savoring food": "smile tongue",
    "kissing face": "kiss",
    "neutral face": "neutral",
    "pensive face": "neutral",
    "grimacing face": "teeth",
    "face with open mouth": "open",
    "face with crossed-out eyes": "open",
    "confused face": "frown",
    "slightly frowning face": "frown",
    "frowning face": "frown",
    "unamused face": "frown",
    "crying face": "frown tear",
    "frowning face with open mouth": "frown open",
    "weary face": "frown open teeth",
    "confounded face": "frown",
}
# The rows of the bitmaps at which eyes end and mouths begin, where they are not 66 and 68.
EYES_END = {"face with raised eyebrow": 71, "winking face": 68, "winking face with tongue": 72,
            "smiling face with heart-eyes": 76, "smiling face with sunglasses": 77, "nerd face": 72,
            "face with rolling eyes": 73, "flushed face": 76, "pleading face": 76, "angry face": 76,
            "unamused face": 70, "anguished face": 70, "face with crossed-out eyes": 73, "pensive face": 72}
MOUTH_BEGINS = {"smiling face with heart-eyes": 77, "winking face": 74, "relieved face": 72, "smirking face": 74,
                "face with tongue": 70, "neutral face": 74, "pensive face": 80, "face with crossed-out eyes": 74,
                "unamused face": 74, "frowning face with open mouth": 74, "confounded face": 80, "weary face": 72}
TEST = ["hushed face", "disappointed face", "worried face", "squinting face with tongue",
        "kissing face with smiling eyes", "face with diagonal mouth", "astonished face", "persevering face",
        "grinning face with sweat"]
TWICE = {"heart-eyes", "star-eyes", "sunglasses", "glasses"}  # these come twice as often as other eyes
# rotation of the hue in degrees, factor of the saturation
COLOURS = {"yellow": (0, 1), "orange": (-22, 1), "red": (-45, 0.85), "pink": (-75, 0.55), "purple": (-120, 0.6),
           "blue": (160, 0.75), "teal": (125, 0.75), "green": (55, 0.75)}
YELLOW = 0.3  # the part of the pictures that stays yellow


def draw_faces():
    """The font's pictures of the faces, by name."""
    font = ImageFont.truetype(FONT, 109)
    faces = {}
    for line in pathlib.Path(NAMES).read_text(encoding="utf8").splitlines():
        match = re.match(r"[0-9A-F ]+; fully-qualified +# (\S+) E[\d.]+ (.*)", line)
        if match and match[2] in {PLAIN, *EYES, *MOUTHS, *TEST}:
            picture = faces[match[2]] = Image.new("RGB", (136, 128), "white")
            ImageDraw.Draw(picture).text((0, 0), match[1], font=font, embedded_color=True)
    if missing := {PLAIN, *EYES, *MOUTHS, *TEST} - faces.keys():
        sys.exit(f"{NAMES} has no {', '.join(sorted(missing))}")
    return faces


def join(faces, eyes, mouth):
    """The upper part of one face above the lower part of another, both on the face without a mouth."""
    picture = faces[PLAIN].copy()
    end = EYES_END.get(eyes, 66)
    begin = max(end, MOUTH_BEGINS.get(mouth, 68))
    boxes = [(eyes, (0, 0, 136, end)), (mouth, (0, begin, 136, 128))]
    # Tears begin above the mouth, where only some eyes leave place for them.
    if "tear" in MOUTHS[mouth] and eyes not in EYES_END:
        boxes.append((mouth, (0, 57, 42, begin)))
    for face, box in boxes:
        picture.paste(faces[face].crop(box), box[:2])
    return picture


def tint(picture, degrees, saturation):
    """Turns the hue and scales the saturation of the yellow and orange pixels."""
    hue, strength, value = picture.convert("HSV").split()
    mask = ImageChops.darker(hue.point([255 if 14 <= h <= 44 else 0 for h in range(256)]),
                             strength.point([255 if s > 70 else 0 for s in range(256)]))
    shift = round(degrees / 360 * 256)
    other = Image.merge("HSV", (hue.point([(h + shift) % 256 for h in range(256)]),
                                strength.point([round(s * saturation) for s in range(256)]), value)).convert("RGB")
    return Image.composite(other, picture, mask)


def finish(picture, colour, generator):
    """Tints a face and scales it down, with the disc in the centre."""
    if colour != "yellow":
        degrees, saturation = COLOURS[colour]
        picture = tint(picture, degrees + generator.uniform(-8, 8), saturation)
    picture = picture.transform((128, 128), Image.EXTENT, (3, -0.5, 131, 127.5), Image.BICUBIC, fillcolor="white")
    if generator.random() < 0.5:
        picture = picture.transpose(Image.FLIP_LEFT_RIGHT)
    return picture.resize((SIZE, SIZE), Image.LANCZOS)


def choose_colour(generator):
    if generator.random() < YELLOW:
        return "yellow"
    return generator.choice([name for name in COLOURS if name != "yellow"])


def main():
    target = pathlib.Path(sys.argv[1])
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    generator = random.Random(0)
    faces = draw_faces()
    pairs = [(eyes, mouth) for eyes in EYES for mouth in MOUTHS]
    generator.shuffle(pairs)
    valid = len(pairs) // 10
    names = sorted({name for text in [*EYES.values(), *MOUTHS.values()] for name in text.split()}) + [*COLOURS]
    rows = [["file", *names]]
    for split, part in (("valid", pairs[:valid]), ("train", pairs[valid:])):
        (partial / split).mkdir(parents=True)
        part += [pair for pair in part if EYES[pair[0]] in TWICE]
        for number in range(COUNTS[split]):
            eyes, mouth = part[number % len(part)]
            colour = choose_colour(generator)
            file = f"{split}/{number:05}.png"
            finish(join(faces, eyes, mouth), colour, generator).save(partial / file)
            if split == "train":
                attributes = {*EYES[eyes].split(), *MOUTHS[mouth].split(), colour}
                rows.append([file, *(1 if name in attributes else -1 for name in names)])
    (partial / "test").mkdir()
    for name in TEST:
        for colour in COLOURS:
            finish(faces[name], colour, generator).save(partial / "test" / f"{name.replace(' ', '-')}-{colour}.png")
    with open(partial / "attributes.csv", "w", newline="", encoding="utf8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    partial.rename(target)
    print(f"{len(EYES)} eyes, {len(MOUTHS)} mouths, {len(pairs)} pairs, {valid} of them in valid")


if __name__ == "__main__":
    main()
