"""Runs scripts/compare.sh at its smallest scale, kills it, runs it again, and checks the results.

python check_compare.py SCRIPT TOOLS PYTHON WORK
"""

import csv
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree

from PIL import Image


def make_images(folder):
    for split, count in (("train", 24), ("valid", 8), ("test", 8)):
        (folder / split).mkdir(parents=True)
        for i in range(count):
            pixels = bytes((37 * i + 5 * x + 11 * y) % 200 for y in range(8) for x in range(8))
            Image.frombytes("L", (8, 8), pixels).save(folder / split / f"{i:03}.png")


def start(script, tools, python, images, out):
    environment = {**os.environ, "GLOW_PYTHON": python, "OMP_NUM_THREADS": "1"}
    flags = ["--scale", "tiny", "--data", f"folder:{images}", "--image-size", "8", "--tools", tools, "--out", str(out)]
    return subprocess.Popen([script, *flags], stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)


def require(condition, message):
    if not condition:
        sys.exit(f"check_compare.py: {message}")


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def main():
    script, tools, python, work = sys.argv[1:]
    work = pathlib.Path(work)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # at this size more threads would only wait
    shutil.rmtree(work, ignore_errors=True)
    make_images(work / "images")
    out = work / "out"

    first = start(script, tools, python, work / "images", out)
    lines = [first.stdout.readline() for _ in range(3)]
    fourth = out / "runs" / "glow-shuffle-affine-1"
    while not (fourth / "config.json").is_file():
        require(first.poll() is None, f"the first call ended after {lines}")
        time.sleep(0.02)
    os.killpg(first.pid, 9)
    first.communicate()
    require(len(lines[2]) > 0, f"expected a line for each run, got {lines}")
    model = out / "runs" / "glow-reverse-additive-1" / "model.safetensors"
    before = model.stat().st_mtime_ns

    second = start(script, tools, python, work / "images", out)
    text, _ = second.communicate()
    require(second.returncode == 0, f"the second call ended with {second.returncode}:\n{text}")
    require(model.stat().st_mtime_ns == before, "a finished run was repeated")
    pattern = re.compile(r"\d+/\d+ \S+, seed \d: \d+\.\d{4} bits/dim, \d+ s")
    progress = [line for line in text.splitlines() if pattern.fullmatch(line)]
    total = int(progress[-1].split("/")[1].split()[0])
    require(len(progress) == total, f"expected {total} lines of progress, got:\n{text}")
    require([line.rpartition(",")[0] for line in progress[:3]] == [line.rpartition(",")[0] for line in lines],
            f"the second call printed {progress[:3]}, the first {lines}")

    results = rows_of(out / "results.csv")
    require(len(results) == total, f"results.csv has {len(results)} lines for {total} runs")
    require(all(float(row["bits_per_dim"]) > 0 and int(row["steps"]) == 4 and int(row["parameters"]) > 0
                and row["non_finite"] == "0" and not row["failure"] for row in results), f"results.csv: {results}")
    curves = rows_of(out / "curves.csv")
    require({row["setting"] for row in curves} == {row["setting"] for row in results}, "curves.csv lacks a setting")
    require({int(row["step"]) for row in curves} == {2, 4}, "curves.csv: expected evaluations after steps 2 and 4")
    table = (out / "table.md").read_text()
    for setting in {row["setting"] for row in results}:
        scores = [float(row["bits_per_dim"]) for row in results if row["setting"] == setting]
        require(f"| {sum(scores) / len(scores):.3f}" in table, f"table.md lacks the mean of {setting}, {scores}:\n{table}")
    svg = xml.etree.ElementTree.parse(out / "curves.svg").getroot()
    require(svg.tag.endswith("svg") and len(list(svg.iter())) > 100, "curves.svg is not a picture")
    for name in ("curves", "temperature", "shallow", "deep"):
        with Image.open(out / f"{name}.png") as picture:
            require(min(picture.size) > 8, f"{name}.png is {picture.size}")

    other = start(script, tools, python, work / "other", out)
    other.communicate()
    require(other.returncode == 1, "runs of other images were accepted in the same folder")
    print(f"{total} runs, {len(curves)} evaluations")


if __name__ == "__main__":
    main()
