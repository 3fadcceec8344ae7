"""Runs the code blocks of a page in an empty folder: check_blocks.py TOOLS PAGE [--show]

The blocks are one bash script, so that variables stay. The folder links to the repository's own; TOOLS is the folder of
the built tools. So that a page takes seconds, they run through the script `tool` beside this file, which shortens
trainings, makes data sets smaller and ends servers.
"""

import argparse
import doctest
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

from pages import ROOT, blocks_of

SHORTER = "--steps 4 --levels 2 --depth 1 --width 8 --batch 4"  # flags that tool adds to every training
FOLDERS = ("bench", "docs", "examples", "scripts", "tests")


def script_of(blocks, scratch):
    lines = []
    for number, block in enumerate(blocks):
        if not block.is_run():
            continue
        lines.append(f"echo {block.place} >{scratch}/place")
        if block.language == "python":
            scratch.joinpath(f"{number}.py").write_text(block.text)
            lines.append(f"PYTHONPATH=. python3 {scratch}/{number}.py >{scratch}/{number}.out 2>&1")
        else:
            lines.append(f"{{\n{block.text}}} >{scratch}/{number}.out 2>&1")
    return "\n".join(lines)


def prepare(folder, tools):
    """Puts the tools' replacements into folder/programs, and links the repository's folders into folder/work."""
    programs, work = folder / "programs", folder / "work"
    programs.mkdir()
    work.mkdir()
    for tool in tools.glob("glow-*"):
        programs.joinpath(tool.name).symlink_to(ROOT / "tests/docs/tool")
    for name in FOLDERS:
        work.joinpath(name).symlink_to(ROOT / name)
    environment = dict(os.environ, HOME=str(folder), PATH=f"{programs}:{tools}:{os.environ['PATH']}", SHORTER=SHORTER,
                       GLOW_TOOLS=str(tools), FAKE=str(ROOT / "tests/docs/fake_data.py"),
                       FASHION_MNIST=str(folder / "fashion-mnist"))
    # A link to a virtual environment's Python would not find its packages.
    programs.joinpath("python3").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    programs.joinpath("python3").chmod(0o755)
    return work, environment


def compared(blocks, scratch):
    """A message for each text block that is not the output of the block before it."""
    checker, flags = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    for number, block in enumerate(blocks):
        if block.language == "text" and not block.kind:
            printed = scratch.joinpath(f"{number - 1}.out").read_text()
            if not checker.check_output(block.text, printed, flags):
                yield f"{block.place}: the output is not what the page shows\n{printed}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tools", type=pathlib.Path)
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("--show", action="store_true", help="print what the blocks print")
    arguments = parser.parse_args()
    blocks = blocks_of(ROOT / arguments.page)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        scratch = folder / "scratch"
        scratch.mkdir()
        work, environment = prepare(folder, arguments.tools.resolve())
        script = script_of(blocks, scratch)
        done = subprocess.run(["bash", "-e", "-u", "-o", "pipefail", "-c", script], cwd=work, env=environment,
                              capture_output=True, text=True)
        outputs = {number: scratch / f"{number}.out" for number in range(len(blocks))}
        if arguments.show:
            for number, output in outputs.items():
                if output.exists():
                    print(f"---- {blocks[number].place}\n{blocks[number].text}----\n{output.read_text()}")
        if done.returncode != 0:
            place = scratch.joinpath("place").read_text().strip()
            number = next(number for number, block in enumerate(blocks) if block.place == place)
            printed = outputs[number].read_text() if outputs[number].exists() else ""
            sys.exit(f"{place}: exit code {done.returncode}\n{blocks[number].text}{printed}{done.stderr}")
        messages = list(compared(blocks, scratch))
    if messages:
        sys.exit("\n".join(messages))
    print(f"{sum(block.is_run() for block in blocks)} of {len(blocks)} blocks run")


if __name__ == "__main__":
    main()
