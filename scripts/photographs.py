"""Cuts photographs into tiles: python photographs.py PHOTOGRAPHS DIR

Each photograph is scaled down by 4, so that neighbouring pixels differ and JPEG's blocks are two pixels wide, and cut
into tiles of 40x40, which leaves room for random crops of 32x32. Each photograph is in one split only.
"""

import pathlib
import shutil
import sys

from PIL import Image

TILE = 40
SCALE = 4
VALID = {"Garden", "Dune"}
TEST = {"YellowFlower", "Storm", "Blinds"}


def cut(path, folder):
    photograph = Image.open(path).convert("RGB").reduce(SCALE)
    folder.mkdir(parents=True, exist_ok=True)
    tiles = [(x, y) for y in range(0, photograph.height - TILE + 1, TILE)
             for x in range(0, photograph.width - TILE + 1, TILE)]
    for x, y in tiles:
        photograph.crop((x, y, x + TILE, y + TILE)).save(folder / f"{path.stem}-{y:04}-{x:04}.png")
    return len(tiles)


def main():
    source, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    counts = {"train": 0, "valid": 0, "test": 0}
    for path in sorted(source.glob("*.jpg")):
        split = "valid" if path.stem in VALID else "test" if path.stem in TEST else "train"
        counts[split] += cut(path, partial / split)
    if min(counts.values()) == 0:
        sys.exit(f"photographs.py: the expected photographs are not in {source}")
    partial.rename(target)
    print(", ".join(f"{count} tiles of {split}" for split, count in counts.items()))


if __name__ == "__main__":
    main()
