"""Settings of Sphinx; scripts/docs.sh calls it with the pages that pages.py has written."""

import pathlib
import re
from xml.etree import ElementTree

import ziamath
from docutils import nodes
from sphinx.domains.cpp import CPPDomain
from sphinx.util import logging

root = pathlib.Path(__file__).parents[2]
project = "Glow"
release = re.search(r"project\(\w+\s+VERSION ([\d.]+)", (root / "CMakeLists.txt").read_text())[1]
html_title = f"Glow {release}"

extensions = ["myst_parser", "sphinx_copybutton"]
myst_enable_extensions = ["dollarmath", "html_image"]
myst_heading_anchors = 6  # the anchors that GitHub gives to headings
highlight_language = "none"
smartquotes = False

# Names of the standard library and of LibTorch have no page here, and namespaces and parameters of templates none of
# their own.
nitpick_ignore_regex = [
    ("cpp:identifier", r"(std|torch|c10)(::.*)?"),
    ("cpp:identifier", r"Enum|Item|Number|Options|Visitor|Data|Numbers|State|Progress|Recorder"),
    ("cpp:identifier", r"CouplingKind::\w+"),  # nn::CouplingKind is ops::CouplingKind
    ("cpp:identifier", r"glow|(glow::)?(io|images|nn|ops|data|evaluate|latent|distributed|train)"),
]
cpp_maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"
add_function_parentheses = False

ziamath.config.math.color = "currentColor"
ziamath.config.svg2 = False  # its symbols would have the same identifiers in all formulas of a page
ziamath.config.precision = 2

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_use_index = False  # the search finds symbols
html_show_sphinx = False
html_show_copyright = False
html_show_search_summary = False  # it loads the pages, which browsers refuse for files


def visit_math(translator, node):
    """Formulas as pictures with the outlines of their glyphs, which need neither a font nor a script."""
    is_block = isinstance(node, nodes.math_block)
    formula = ziamath.Latex(node.astext(), size=17, inline=not is_block)
    if unknown := re.search(r"\\\w+", formula.mathmlstr()):
        logging.getLogger(__name__).warning("%s is not known: %s", unknown[0], node.astext(), location=node)
    picture = formula.svgxml()
    picture.attrib |= {"role": "img", "aria-label": node.astext()}
    if not is_block:
        picture.set("style", f"vertical-align: {formula.getyofst():.1f}px")
    text = ElementTree.tostring(picture, encoding="unicode")
    translator.body.append(f'<div class="formula">{text}</div>' if is_block else text)
    raise nodes.SkipNode


class SearchedCPPDomain(CPPDomain):
    """Without parameters among the results of a search."""

    def get_objects(self):
        return (each for each in super().get_objects() if each[2] not in ["functionParam", "templateParam"])


def setup(app):
    app.add_domain(SearchedCPPDomain, override=True)
    app.add_html_math_renderer("outlines", (visit_math, None), (visit_math, None))
