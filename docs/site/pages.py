"""Writes the sources of the site: the pages of docs/, the flags of the tools, and the API.

    python pages.py XML MANUAL OUT

XML is Doxygen's output, MANUAL a folder with glow-train.md and so on, OUT an empty folder for Sphinx.

The list of pages in docs/README.md becomes the navigation: each heading with the pages that are linked below it. A page
X.md with a folder X has the other pages of this folder below it, in the order of its links.
"""

import pathlib
import re
import shutil
import sys

import api_pages

ROOT = pathlib.Path(__file__).parents[2]
DOCS = ROOT / "docs"
PROJECT_PAGES = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
LINK = re.compile(r'(\]\(|<img src=")([^)\s#"]+)(#[^)\s"]*)?([)"])')
LANGUAGES = {".cpp": "cpp", ".h": "cpp", ".py": "python", ".sh": "bash", ".json": "json", ".md": "markdown"}
TOOLS = ["glow-train", "glow-sample", "glow-eval", "glow-edit", "glow-import", "glow-serve"]


def files_of_docs():
    files = [file for file in sorted(DOCS.rglob("*")) if file.is_file()]
    return [file for file in files if not file.is_relative_to(DOCS / "site")]


def sources():
    """The Markdown files that become pages, each with its path in OUT."""
    found = {file: file.relative_to(DOCS) for file in files_of_docs() if file.suffix == ".md"}
    found[DOCS / "README.md"] = pathlib.Path("index.md")
    found |= {ROOT / name: pathlib.Path(name.lower()) for name in PROJECT_PAGES if (ROOT / name).exists()}
    return found


class Site:
    def __init__(self, out):
        self.out = out
        self.pages = sources()

    def write(self, path, text):
        target = self.out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def copy(self, file, path):
        target = self.out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)

    def place_of(self, file):
        """The page of a file of the repository; a text that is no page gets one that shows it."""
        if file in self.pages:
            return self.pages[file]
        if file.is_relative_to(DOCS):
            return file.relative_to(DOCS)
        name = str(file.relative_to(ROOT))
        if b"\0" in file.read_bytes():
            self.copy(file, pathlib.Path("files", name))
            return pathlib.Path("files", name)
        page, content = pathlib.Path("files", f"{name}.rst"), pathlib.Path("files", f"{name}.txt")
        if not (self.out / page).exists():
            self.copy(file, content)
            language = LANGUAGES.get(file.suffix, "none")
            shown = f".. literalinclude:: {content.name}\n   :language: {language}\n"
            self.write(page, f":orphan:\n\n{name}\n{'=' * len(name)}\n\n{shown}")
        return page

    def with_links(self, source, text):
        """Links between files of the repository as links between pages. Folders have no page: a code text."""
        here = self.pages[source].parent

        def replace(match):
            before, path, fragment, after = match.groups()
            target = (source.parent / path).resolve()
            if "://" in path or not target.is_relative_to(ROOT) or not target.exists():
                return match[0]
            if target.is_dir():
                return f"] (`{target.relative_to(ROOT)}`)"
            up = "../" * len(here.parts)
            return f"{before}{up}{self.place_of(target).as_posix()}{fragment or ''}{after}"

        text = LINK.sub(replace, text)
        return re.sub(r"\[([^][]*)\] \(`([^`]*)`\)", folder_text, text)

    def linked_pages(self, source, text):
        """The pages that a text links to as a whole, in its order."""
        targets = [(source.parent / path).resolve() for _, path, fragment, _ in LINK.findall(text) if not fragment]
        return list(dict.fromkeys(self.pages[target] for target in targets if target in self.pages))


def folder_text(match):
    name = match[1].strip("`").rstrip("/")
    return f"`{match[2]}`" if match[2].endswith(name) else f"{match[1]} (`{match[2]}`)"


def toctree(pages, caption=""):
    """`pages` are relative to the page that has the tree."""
    options = [":hidden:"] + ([f":caption: {caption}"] if caption else [])
    return "\n".join(["", "```{toctree}", *options, "", *(str(page.with_suffix("")) for page in pages), "```", ""])


def sections(text):
    """The level-2 headings of the list of pages, each with the text below it."""
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2]))


def navigation(site, text):
    """The trees for the end of the front page."""
    listed = set()
    trees = []
    for heading, content in sections(text):
        pages = [page for page in site.linked_pages(DOCS / "README.md", content) if page not in listed]
        listed |= set(pages)
        if heading == "Reference":
            pages.insert(0, pathlib.Path("tools.md"))
        if pages:
            trees.append(toctree(pages, heading))
    others = [site.pages[ROOT / name] for name in PROJECT_PAGES if ROOT / name in site.pages]
    trees.append(toctree([page for page in others if page not in listed], "Project"))
    return "".join(trees)


def write_documents(site):
    front = DOCS / "README.md"
    listed = site.linked_pages(front, front.read_text())
    for source, path in site.pages.items():
        text = source.read_text()
        below = [page for page in site.linked_pages(source, text) if page.parent == path.with_suffix("")]
        children = [page for page in below if page not in listed]
        result = site.with_links(source, text)
        if path == pathlib.Path("api.md"):
            result = api_pages.with_links(result)
            children = [pathlib.Path("api", f"{module}.rst") for module in api_pages.headers_of(text)]
        if path == pathlib.Path("index.md"):
            result = re.sub(r"`(glow-\w+) --help-all`", r"[`\1 --help-all`](tools/\1.md)", result)
            result += navigation(site, text)
        if children:
            result += toctree([page.relative_to(path.parent) for page in children])
        site.write(path, result)
    for file in files_of_docs():
        if file not in site.pages:
            site.copy(file, file.relative_to(DOCS))


def write_manual(site, manual):
    pages = [manual / f"{name}.md" for name in TOOLS]
    if unknown := set(manual.glob("*.md")) - set(pages):
        sys.exit(f"pages.py: TOOLS lacks {', '.join(sorted(page.stem for page in unknown))}")
    for page in pages:
        site.copy(page, pathlib.Path("tools", page.name))
    items = "\n".join(f"- [{page.stem}](tools/{page.name})" for page in pages)
    text = f"# Flags of the tools\n\nThe tools print the same with `--help-all`.\n\n{items}\n"
    site.write(pathlib.Path("tools.md"), text + toctree(pathlib.Path("tools", page.name) for page in pages))


def main(xml, manual, out):
    site = Site(out)
    write_documents(site)
    write_manual(site, manual)
    for module, text in api_pages.texts(xml, ROOT / "include", (DOCS / "api.md").read_text()).items():
        site.write(pathlib.Path("api", f"{module}.rst"), text)


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:4]))
