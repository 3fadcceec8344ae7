"""Opens the documentation site from the disk in Chromium, on a desktop and a phone.

    python check_site.py SITE [--chromium PATH] [--chromedriver PATH] [--screenshots FOLDER]

SITE is build/docs/html. Every page is opened on a phone, the pages of PAGES also on a desktop. A page must not ask for
anything outside of SITE, print an error, lack a picture, or be wider than the screen; tables, code and formulas scroll.
"""

import argparse
import base64
import pathlib
import shutil
import sys
import tempfile
import unittest

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from browser import add_browser_arguments, start_browser  # noqa: E402

DESKTOP = {"width": 1440, "height": 900, "deviceScaleFactor": 1, "mobile": False}
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
PAGES = {"front": "index.html", "how-to": "how-to/score-and-ood.html", "concept": "concepts/bits-per-dim.html",
         "flags": "tools/glow-train.html", "headers": "api.html", "api": "api/glow.html"}  # fmt: skip
SEARCHES = {"temperature": "how-to/edit.html", "log_prob": "api/nn.html#", "glow::Model::score": "api/glow.html#",
            "ScoreOptions": "api/evaluate.html#"}  # fmt: skip
PATIENCE = 60
arguments = None
browser = None

# Elements that reach beyond the screen, but for what scrolls.
OUTSIDE = """
  return [...document.querySelectorAll("article *")].filter((element) => {
    const {width, right} = element.getBoundingClientRect();
    return width && right > innerWidth && !element.closest(".highlight pre, .table-wrapper > table, .formula > svg");
  }).map((element) => element.outerHTML.slice(0, 100))
"""
MISSING_PICTURES = """
  return [...document.images].filter((image) => image.complete && !image.naturalWidth).map((image) => image.src)
"""
ASKED_FOR = "return performance.getEntriesByType('resource').map((entry) => entry.name)"


def setUpModule():
    global browser
    browser = start_browser(arguments)
    unittest.addModuleCleanup(browser.quit)


class Site(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """The site is in a folder of another name: it can be moved."""
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.site = pathlib.Path(folder.name, "moved here")
        shutil.copytree(arguments.site, cls.site)

    def open(self, page, screen):
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        browser.get((self.site / page).as_uri())

    def check(self, page, screen):
        self.open(page, screen)
        self.assertEqual(browser.get_log("browser"), [], page)
        self.assertEqual(browser.execute_script(MISSING_PICTURES), [], page)
        width = browser.execute_script("return document.documentElement.scrollWidth")
        self.assertLessEqual(width, screen["width"], page)
        self.assertEqual(browser.execute_script(OUTSIDE), [], page)
        for address in browser.execute_script(ASKED_FOR):
            self.assertTrue(address.startswith(self.site.as_uri()), (page, address))

    def screenshot(self, name):
        if not arguments.screenshots:
            return
        png = browser.execute_cdp_cmd("Page.captureScreenshot", {})["data"]
        pathlib.Path(arguments.screenshots, f"{name}.png").write_bytes(base64.b64decode(png))

    def search(self, words):
        """The addresses of the results."""
        field = browser.find_element(By.CSS_SELECTOR, "input[name=q]")
        field.send_keys(words + Keys.ENTER)
        text = "return document.getElementById('search-results')?.textContent ?? ''"
        ends = ["found", "did not match"]
        WebDriverWait(browser, PATIENCE).until(lambda _: any(end in browser.execute_script(text) for end in ends))
        script = "return [...document.querySelectorAll('ul.search a')].map((link) => link.href)"
        return [address.removeprefix(self.site.as_uri() + "/") for address in browser.execute_script(script)]

    def test_every_page_fits_a_phone(self):
        pages = [file.relative_to(self.site) for file in sorted(self.site.rglob("*.html"))]
        self.assertGreater(len(pages), 30)
        for page in pages:
            self.check(page, PHONE)

    def test_pages_on_a_desktop(self):
        for page in PAGES.values():
            self.check(page, DESKTOP)

    def test_shows_code_formulas_and_symbols(self):
        expected = {"how-to": ".highlight pre", "concept": ".formula svg", "headers": "td a[href^='api/']",
                    "flags": "td code", "api": "dt.sig"}  # fmt: skip
        for name, selector in expected.items():
            self.open(PAGES[name], DESKTOP)
            self.assertTrue(browser.find_elements(By.CSS_SELECTOR, f"article {selector}"), name)

    def test_search(self):
        for screen in [DESKTOP, PHONE]:
            for words, page in SEARCHES.items():
                self.open("search.html", screen)
                found = self.search(words)
                self.assertTrue([address for address in found if address.startswith(page)], (words, found[:10]))
                self.assertEqual(browser.get_log("browser"), [])

    def test_says_when_nothing_is_found(self):
        self.open("index.html", DESKTOP)
        self.assertEqual(self.search("xylophones"), [])

    def test_navigation_leads_to_every_page(self):
        self.open("index.html", DESKTOP)
        script = "return [...document.querySelectorAll('.sidebar-tree a')].map((link) => link.href.split('#')[0])"
        linked = set(browser.execute_script(script))
        pages = {file.as_uri() for file in self.site.rglob("*.html")}
        others = {self.site / name for name in ["index.html", "search.html"]}
        others |= set((self.site / "files").rglob("*.html"))
        self.assertEqual(pages - linked - {file.as_uri() for file in others}, set())

    def test_writes_screenshots(self):
        if not arguments.screenshots:
            self.skipTest("--screenshots not given")
        for device, screen in [("desktop", DESKTOP), ("phone", PHONE)]:
            for name, page in PAGES.items():
                self.open(page, screen)
                self.screenshot(f"{name}-{device}")
            self.open("search.html", screen)
            self.search("log_prob")
            self.screenshot(f"search-{device}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", metavar="SITE", type=pathlib.Path)
    add_browser_arguments(parser)
    parser.add_argument("--screenshots", metavar="FOLDER")
    parser.add_argument("--only", default=[], action="append", metavar="CLASS[.TEST]", help="run only these tests")
    arguments = parser.parse_args()
    unittest.main(argv=["check_site.py", *arguments.only], verbosity=2)
