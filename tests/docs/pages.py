"""The Markdown pages of the repository: their code blocks, and what the comment above a block says about it. As a
program: prints the pages of which blocks are run.

A block is run, or compared with the output of the block before it (`text`), unless a comment directly above it says

    <!-- not run: REASON -->           why it is not
    <!-- run by: FILE [NAME] -->       that the test FILE runs it; FILE names the page and NAME
    <!-- FILE -->                      that it is an exact copy of a file, which the build compiles
    <!-- part of: FILE -->             that its lines are in such a file

<!-- setup: COMMANDS --> is no mark of a block: its commands run where it stands, for files that a reader has already.
"""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "examples/models/README.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))

KINDS = ("not run", "run by", "part of")
PART = re.compile(r"^<!-- setup: (?P<setup>.*?) ?-->\n"
                  r"|^(?:<!-- (?P<mark>(?!setup:)[^\n]*?) -->\n)?```(?P<language>[^\n]*)\n(?P<text>.*?)^```$",
                  re.DOTALL | re.MULTILINE)


@dataclasses.dataclass
class Block:
    place: str  # page:line
    language: str  # "setup" for such a comment
    text: str
    kind: str = ""  # one of KINDS, "copy of", or "" if the block is run or compared
    value: str = ""  # the reason, or the file

    def is_run(self):
        return self.language == "setup" or (self.language in ("sh", "python") and self.kind == "")


def name_of(page):
    return str(page.relative_to(ROOT))


def blocks_of(page):
    content, blocks = page.read_text(), []
    for found in PART.finditer(content):
        place = f"{name_of(page)}:{content.count(chr(10), 0, found.start()) + 1}"
        if found["setup"] is not None:
            blocks.append(Block(place, "setup", found["setup"] + "\n"))
            continue
        kind, _, value = (found["mark"] or "").partition(": ")
        if found["mark"] and kind not in KINDS:
            kind, value = "copy of", found["mark"]
        blocks.append(Block(place, found["language"], found["text"], kind, value))
    return blocks


def prose_of(page):
    """The page with empty lines in place of blocks and comments."""
    def erase(found):
        return "\n" * found.group().count("\n")
    return re.sub(r"^<!--.*?-->$", erase, PART.sub(erase, page.read_text()), flags=re.DOTALL | re.MULTILINE)


if __name__ == "__main__":
    print("\n".join(name_of(page) for page in PAGES if any(block.is_run() for block in blocks_of(page))))
