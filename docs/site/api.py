"""The public symbols of the headers, from Doxygen's XML.

    python api.py XML > tests/api/api.txt

prints the list of the API: one declaration a line, sorted by name. Fails when a symbol has no comment. api_pages.py
makes the pages of the API from the same symbols.
"""

import dataclasses
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree


@dataclasses.dataclass
class Symbol:
    kind: str  # Doxygen's: class, struct, concept, enum, enumvalue, function, typedef, variable, using
    name: str  # qualified
    scope: str  # the namespace, class or enumeration that it belongs to
    header: str  # "glow/nn/glow.h"
    line: int
    place: int  # among those of the same line
    template: str  # the declaration is template + before + name + after
    before: str
    after: str
    comment: list  # elements with the paragraphs of the comment
    id: str

    def declaration(self):
        return f"{self.template}{self.before}{self.name}{self.after}"


def text_of(element):
    return "" if element is None else "".join(element.itertext()).strip()


def spaced(code):
    """Doxygen's spelling of a type or of arguments as clang-format has it."""
    code = re.sub(r"\s+", " ", code).replace("< ", "<").replace(" >", ">")
    return re.sub(r" ([&*]+) ?(?=(\w)?)", lambda match: match[1] + (" " if match[2] else ""), code)


def template_of(element):
    parameters = element.find("templateparamlist")
    if parameters is None:
        return ""
    # The name is a part of the type ("class Enum"), unless that is a concept or an integer.
    parts = [f"{text_of(each.find('type'))} {text_of(each.find('declname'))}".strip() for each in parameters]
    requires = spaced(text_of(element.find("requiresclause")))
    return f"template <{', '.join(parts)}> " + (f"requires {requires} " if requires else "")


def comment_of(element):
    parts = [element.find("briefdescription"), element.find("detaileddescription")]
    return [each for part in parts if part is not None for each in part]


def declaration_of(member):
    """What is before and after the name of a function, variable, alias or enumeration."""
    kind, type = member.get("kind"), spaced(text_of(member.find("type")))
    arguments = spaced(re.sub(r"\s*=\s*", " = ", text_of(member.find("argsstring"))))
    if kind == "enum":
        return "enum class ", ""
    if kind == "typedef":
        return "using ", f" = {type.removeprefix('typedef ')}"
    words = [word for word in ["static", "explicit"] if member.get(word) == "yes"]
    if member.get("virt") in ["virtual", "pure-virtual"] and "override" not in arguments:
        words.append("virtual")
    words += [type.removeprefix("static ").removeprefix("virtual ")] if type else []
    value = re.sub(r"\s+", " ", text_of(member.find("initializer"))) if kind == "variable" else ""
    if arguments.startswith(")("):  # a pointer to a function
        return " ".join(words), f"{arguments} {value}".rstrip()
    is_list = value.startswith("{")
    return f"{' '.join(words)} ".lstrip(), arguments + ("" if is_list or not value else " ") + value


def is_public(member):
    name, arguments = text_of(member.find("name")), text_of(member.find("argsstring"))
    return member.get("prot") != "private" and not name.startswith("~") and not arguments.endswith("=delete")


def members_of(scope, compound):
    for member in compound.findall("sectiondef/memberdef"):
        if not is_public(member):
            continue
        location = member.find("location")
        name = f"{scope}::{text_of(member.find('name'))}"
        before, after = declaration_of(member)
        where = location.get("file"), int(location.get("line"))
        yield Symbol(member.get("kind"), name, scope, *where, 0, template_of(member), before, after,
                     comment_of(member), member.get("id"))  # fmt: skip
        for place, value in enumerate(member.findall("enumvalue")):
            after = f" {text_of(value.find('initializer'))}".rstrip()
            yield Symbol("enumvalue", f"{name}::{text_of(value.find('name'))}", name, *where, place, "", "", after,
                         comment_of(value), value.get("id"))  # fmt: skip


def class_of(compound):
    kind, name, location = compound.get("kind"), text_of(compound.find("compoundname")), compound.find("location")
    bases = [f"public {spaced(text_of(base))}" for base in compound.findall("basecompoundref")]
    return Symbol(kind, name, name.rpartition("::")[0], location.get("file"), int(location.get("line")), 0,
                  template_of(compound), f"{kind} ", " : " + ", ".join(bases) if bases else "",
                  comment_of(compound), compound.get("id"))  # fmt: skip


def names_for_applications(include):
    """The declarations `using nn::Glow;` of the namespaces, which Doxygen leaves out."""
    for header in sorted(include.rglob("*.h")):
        text = header.read_text()
        scope = re.search(r"^namespace ([\w:]+) {", text, re.MULTILINE)
        for match in re.finditer(r"^using ([\w:]+);", text, re.MULTILINE):
            line = text.count("\n", 0, match.start()) + 1
            name = f"{scope[1]}::{match[1].rpartition('::')[2]}"
            yield Symbol("using", name, scope[1], str(header.relative_to(include)), line, 0, "", "using ",
                         f" = {match[1]}", [], "")  # fmt: skip


def compounds_of(xml):
    for file in sorted(xml.glob("*.xml")):
        yield from ElementTree.parse(file).iter("compounddef")


def symbols_of(xml, include):
    found = list(names_for_applications(include))
    for compound in compounds_of(xml):
        if compound.get("prot") == "private":
            continue
        if compound.get("kind") in ["class", "struct", "concept"]:
            found.append(class_of(compound))
        if compound.get("kind") in ["class", "struct", "namespace"]:
            found += members_of(text_of(compound.find("compoundname")), compound)
    return sorted(found, key=lambda symbol: (symbol.name, symbol.declaration()))


def other_comments(xml):
    """The comments of namespaces and headers, by their names."""
    comments = {}
    for compound in compounds_of(xml):
        if compound.get("kind") == "namespace":
            comments[text_of(compound.find("compoundname"))] = comment_of(compound)
        elif compound.get("kind") == "file":
            comments[compound.find("location").get("file")] = comment_of(compound)
    return comments


def main(xml, include):
    symbols = symbols_of(xml, include)
    bare = [symbol for symbol in symbols if not symbol.comment and symbol.kind != "using"]
    if bare or not symbols:
        sys.exit("\n".join(f"include/{each.header}:{each.line}: {each.name} has no comment" for each in bare))
    for symbol in symbols:
        # The version is the only value that changes without a change of the API.
        print(symbol.declaration().partition(" = ")[0] if symbol.name == "glow::kVersion" else symbol.declaration())


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parents[2] / "include")
