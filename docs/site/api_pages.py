"""The pages of the API in reStructuredText: one for each module, with a section for each header."""

import re
import sys

import api

FIRST_CELL = re.compile(r"^\| [^|]*\|", re.MULTILINE)
HEADER = re.compile(r"`(?:glow/)?([\w/]+\.h)`")
DIRECTIVES = {"class": "class", "struct": "struct", "concept": "concept", "enum": "enum-class", "function": "function",
              "enumvalue": "enumerator", "typedef": "type", "variable": "member", "using": "type"}  # fmt: skip
TYPES = ["class", "struct", "enum", "typedef"]


def headers_of(table):
    """The headers in the first column of a table, in its order: {"glow": ["glow/glow.h", ...], "io": ...}."""
    modules = {}
    for cell in FIRST_CELL.findall(table):
        for name in HEADER.findall(cell):
            modules.setdefault(name.rpartition("/")[0] or "glow", []).append(f"glow/{name}")
    return modules


def label_of(header):
    return "header-" + re.sub(r"\W+", "-", header.removeprefix("glow/"))


def with_links(table):
    """The headers in the table as links to their sections."""
    link = lambda match: f"[{match[0]}](#{label_of(match[1])})"
    return FIRST_CELL.sub(lambda cell: HEADER.sub(link, cell[0]), table)


def escaped(text):
    return re.sub(r"([\\*`|_<>])", r"\\\1", text)


def indented(text, width):
    return "\n".join(" " * width + line if line else "" for line in text.split("\n"))


def titled(text, line):
    return f"{text}\n{line * len(text)}"


def aliased(symbol):
    """The full name of what a using declaration names."""
    return "glow::" + symbol.after.removeprefix(" = ")


class Pages:
    def __init__(self, symbols, comments):
        self.symbols = sorted(symbols, key=lambda symbol: (symbol.line, symbol.place))
        self.comments = comments
        self.names = {symbol.id: symbol.name for symbol in symbols if symbol.id}
        self.aliases = {symbol.name: aliased(symbol) for symbol in symbols if symbol.kind == "using"}
        self.types = {symbol.name for symbol in symbols if symbol.kind in TYPES}

    def markup(self, element):
        """A part of a paragraph. Escaped spaces are between it and letters beside it."""
        text = " ".join("".join(element.itertext()).split())
        if element.tag == "computeroutput":
            return f"\\ ``{text}``\\ "
        if element.tag != "ref":
            sys.exit(f"api_pages.py: comments with <{element.tag}> are not supported: {text}")
        # "Glow" is more often the paper than the class; headers have no page.
        if element.get("refid") not in self.names or text == "Glow":
            return escaped(text)
        return f"\\ :cpp:any:`{escaped(text)} <::{self.names[element.get('refid')]}>`\\ "

    def paragraph(self, element):
        """The blocks of a paragraph of Doxygen, which may contain lists and code."""
        blocks, texts = [], [escaped(element.text or "")]
        for child in element:
            block = None
            if child.tag in ["itemizedlist", "orderedlist"]:
                mark = "- " if child.tag == "itemizedlist" else "#. "
                block = "\n\n".join(mark + indented(self.text(item), len(mark)).strip() for item in child)
            elif child.tag == "verbatim":
                block = "::\n\n" + indented(child.text.strip("\n"), 3)
            if block:
                blocks += ["".join(texts), block]
                texts = []
            else:
                texts.append(self.markup(child))
            texts.append(escaped(child.tail or ""))
        return [*blocks, "".join(texts)]

    def text(self, paragraphs):
        blocks = [block for paragraph in paragraphs for block in self.paragraph(paragraph)]
        # An escaped space takes the space that follows it with it.
        blocks = [re.sub(r"\\ (?=\s|$)", "", block).strip() for block in blocks]
        return "\n\n".join(block for block in blocks if block)

    def directive(self, symbol):
        """A symbol with its comment and members."""
        before = symbol.before if symbol.kind in ["function", "variable"] else ""  # else the keyword of the directive
        declaration = symbol.template + before + symbol.name.rpartition("::")[2] + symbol.after
        members = [self.directive(each) for each in self.symbols if each.scope == symbol.name]
        content = "\n\n".join(part for part in [self.text(symbol.comment), *members] if part)
        return f".. cpp:{DIRECTIVES[symbol.kind]}:: {declaration}\n\n{indented(content, 3)}"

    def is_function(self, symbol):
        """Whether a using declaration names a function, for which Sphinx has no directive."""
        name = aliased(symbol)
        return symbol.kind == "using" and self.aliases.get(name, name) not in self.types

    def section(self, header):
        here = [each for each in self.symbols if each.header == header and each.scope not in self.types]
        functions = [each for each in here if self.is_function(each)]
        parts = [f".. _{label_of(header)}:", titled(header, "-"), self.text(self.comments.get(header, []))]
        for symbol in here:
            if symbol not in functions:
                parts += [f".. cpp:namespace:: {symbol.scope}", self.directive(symbol)]
        if functions:
            links = [f":cpp:any:`{each.name} <::{aliased(each)}>`" for each in functions]
            parts.append(f"Also functions of the namespace ``{functions[0].scope}``: {', '.join(links)}.")
        return "\n\n".join(parts)

    def page(self, module, headers):
        folder, namespace = ("glow", "glow") if module == "glow" else (f"glow/{module}", f"glow::{module}")
        parts = [titled(folder, "="), self.text(self.comments.get(namespace, []))]
        return "\n\n".join(parts + [self.section(header) for header in headers]) + "\n"


def texts(xml, include, table):
    """The pages by module, in the order of a table of all headers."""
    symbols, modules = api.symbols_of(xml, include), headers_of(table)
    in_table = {header for headers in modules.values() for header in headers}
    if wrong := in_table ^ {symbol.header for symbol in symbols}:
        sys.exit(f"docs/api.md: the table of headers lacks these, or they do not exist: {', '.join(sorted(wrong))}")
    pages = Pages(symbols, api.other_comments(xml))
    return {module: pages.page(module, headers) for module, headers in modules.items()}
