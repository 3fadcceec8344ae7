"""Checks all Markdown pages without running them: check_pages.py TOOLS

TOOLS is the folder of the built tools. Checked are the marks of code blocks (pages.py), flags of the tools and scripts,
paths of the repository, relative links, and two lists: docs/README.md has every page, docs/api.md every public header.
"""

import functools
import glob
import itertools
import json
import pathlib
import re
import shlex
import subprocess
import sys

from pages import PAGES, ROOT, blocks_of, name_of, prose_of

LANGUAGES = ("cmake", "cpp", "json", "python", "setup", "sh", "text")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
OWN_FLAGS = {"--help", "--help-all", "--help-json", "--version"}  # of every tool; glow-edit alone lists none
NO_PROGRAMS = {"glow-setup", "glow-tools"}  # the script of the archive, a package
REPOSITORY_PATH = re.compile(
    r"(?<![\w/.$~-])(?:\.ci|bench|cmake|docs|examples|include/glow|scripts|src|tests|tools)/[\w./*{},-]*[\w*}]")
tools = pathlib.Path(sys.argv[1]).resolve()


@functools.cache
def flags_of(*program):
    """The flags in the help of a tool (with a subcommand) or benchmark, or in a script; None without such a program."""
    if program[0].startswith("scripts/"):
        return set(FLAG.findall((ROOT / program[0]).read_text()))
    name = pathlib.PurePath(program[0]).name
    if not tools.joinpath(name).exists():
        return None
    option = "--help" if name.startswith("bench_") else "--help-all"
    done = subprocess.run([tools / name, *program[1:], option], capture_output=True, text=True, check=True)
    return set(FLAG.findall(done.stdout)) | OWN_FLAGS


def commands(text):
    """The words of every simple command."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = []
        try:
            for word in itertools.chain(lexer, [";"]):
                if set(word) <= set(";|&()<>"):
                    yield words
                    words = []
                else:
                    words.append(word)
        except ValueError:  # a quoted text of several lines
            yield line.split()


def unknown_flags(text):
    for words in commands(text):
        start = next((i for i, word in enumerate(words)
                      if re.fullmatch(r"(.*/)?(glow-[a-z]+|bench_[a-z]+)|scripts/\w+\.(sh|py)", word)), None)
        if start is None or words[start].rpartition("/")[2] in NO_PROGRAMS:
            continue
        program = words[start:start + 1]
        if program[0].endswith("glow-edit") and words[start + 1:] and re.fullmatch("[a-z]+", words[start + 1]):
            if words[start + 1] == "help":
                continue
            program.append(words[start + 1])
        known = flags_of(*program)
        if known is None:
            if not program[0].rpartition("/")[2].startswith("bench_"):  # benchmarks may not be built
                yield f"there is no program {program[0]}"
            continue
        for word in words[start + 1:]:
            flag = word.partition("=")[0]
            if FLAG.fullmatch(flag) and flag not in known:
                yield f"{' '.join(program)} has no flag {flag}"


def missing_paths(text):
    for path in REPOSITORY_PATH.findall(text):
        pattern = re.sub(r"\{[^}]*\}", "*", path)
        if not (re.search(r"\b[A-Z]{4,}\b", path) or glob.glob(pattern, root_dir=ROOT)):
            yield f"there is no {path} in the repository"


def unindented(text):
    return "".join(line.strip() + "\n" for line in text.splitlines())


def wrong_block(block):
    if block.language not in LANGUAGES:
        yield f"expected a language of {', '.join(LANGUAGES)}, got {block.language!r}"
    if block.kind == "not run" and not block.value:
        yield f"expected a text after {block.kind}:"
    if block.kind == "" and block.language in ("cmake", "cpp"):
        yield f"{block.language} is not run by itself: name the file that it is a copy or a part of"
    if block.kind == "" and block.language == "json":
        json.loads(block.text)
    if block.kind in ("copy of", "part of", "run by"):
        file, _, name = block.value.partition(" ")
        if not ROOT.joinpath(file).is_file():
            yield f"there is no file {file}"
            return
        content = ROOT.joinpath(file).read_text()
        if block.kind == "copy of" and block.text != content:
            yield f"is no exact copy of {file}"
        if block.kind == "part of" and unindented(block.text) not in unindented(content):
            yield f"is no part of {file}"
        page = block.place.rpartition(":")[0].rpartition("/")[2]
        if block.kind == "run by" and not (page in content and name in content):
            yield f"{file} does not name {page} {name}"


def check_blocks(page):
    before = None
    for block in blocks_of(page):
        messages = list(wrong_block(block))
        if block.language == "text" and block.kind == "" and not (before and before.language in ("sh", "python")
                                                                 and before.kind == ""):
            messages.append("a text block is the output of the block before it, which must be run")
        if block.language in ("sh", "setup"):
            messages += unknown_flags(block.text)
        if block.language in ("sh", "python"):
            messages += missing_paths(block.text)
        yield from (f"{block.place}: {message}" for message in messages)
        before = block


def check_prose(page):
    for number, line in enumerate(prose_of(page).splitlines(), 1):
        messages = []
        for code in re.findall(r"`([^`]+)`", line):
            messages += missing_paths(code)
            if re.match(r"glow-\w+ .*--", code):
                messages += unknown_flags(code)
        yield from (f"{name_of(page)}:{number}: {message}" for message in messages)
    for found in re.finditer(r"\n\n(    +(?![-*\d ])[^\n]+)", prose_of(page)):
        yield f"{name_of(page)}: a code block without a fence: {found[1].strip()}"
    if len(re.findall(r"^# ", prose_of(page), re.MULTILINE)) != 1:
        yield f"{name_of(page)}: expected one heading of the first level"


@functools.cache
def anchors_of(page):
    """The anchors that GitHub gives to headings."""
    anchors = []
    for heading in re.findall(r"^#+ (.*)", prose_of(page), re.MULTILINE):
        heading = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
        anchors.append(re.sub(r"[^\w\- ]", "", heading).replace(" ", "-"))
    return anchors


def links_of(page):
    text = re.sub(r"`[^`]*`", "", prose_of(page))
    return re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)


def check_links(page):
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            yield f"{name_of(page)}: the link {link} leads nowhere"
        elif anchor and target.suffix == ".md" and anchor not in anchors_of(target):
            yield f"{name_of(page)}: {link}: there is no such heading"


def check_list_of_pages():
    index = ROOT / "docs/README.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links_of(index)}
    for page in PAGES:
        if index.parent in page.parents and page != index and page not in listed:
            yield f"docs/README.md does not list {name_of(page)}"


def check_list_of_headers():
    headers = {str(path.relative_to(ROOT / "include/glow")) for path in (ROOT / "include/glow").rglob("*.h")}
    section = (ROOT / "docs/api.md").read_text().partition("\n## Headers")[2].partition("\n## ")[0]
    rows = {row.removeprefix("glow/") for row in re.findall(r"`([a-z0-9_/]+\.h)`", section)}
    for header in sorted((headers | {"version.h"}) ^ rows):  # version.h is generated
        yield f"docs/api.md: {header} is either no public header or has no row"


def main():
    messages = [*check_list_of_pages(), *check_list_of_headers()]
    for page in PAGES:
        messages += [*check_blocks(page), *check_prose(page), *check_links(page)]
    if messages:
        sys.exit("\n".join(messages))
    print(f"{len(PAGES)} pages, {sum(len(blocks_of(page)) for page in PAGES)} blocks")


if __name__ == "__main__":
    main()
