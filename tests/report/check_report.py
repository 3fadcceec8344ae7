"""Trains a small model with glow-train and checks its report.html in Chromium.

    python check_report.py --glow-train PATH [--chromium PATH] [--chromedriver PATH] [--screenshots DIR]

--screenshots writes pictures of the page, light and dark, on a desktop and on a phone.
"""

import argparse
import base64
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile
import unittest

import numpy
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from browser import add_browser_arguments, start_browser  # noqa: E402

DESKTOP = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
STEPS = 120
arguments = None


def slopes():
    """Grey 8x8 images, uint8 [64, 8, 8]."""
    y, x, image = numpy.ogrid[:8, :8, :64]
    return ((3 * y + 7 * x + 5 * image) % 256).astype(numpy.uint8).transpose(2, 0, 1)


def train(directory, name, *more, returns=0):
    """Trains into the folder `name` and returns it."""
    numpy.save(directory / "images.npy", slopes())
    run = directory / name
    flags = "--bits 5 --levels 2 --depth 1 --width 8 --batch 8 --valid-images 16 --threads 1 --log-every 2 --quiet"
    command = [arguments.glow_train, "--data", f"npy:{directory}/images.npy", "--out", run, *flags.split(), *more]
    result = subprocess.run(command, timeout=100, stderr=subprocess.PIPE, text=True)
    if result.returncode != returns:
        raise RuntimeError(result.stderr)
    return run


def luminance(colour):
    """Relative luminance of "rgb(r, g, b)" (WCAG 2)."""
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    lighter, darker = sorted([luminance(one), luminance(other)], reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


class ReportPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        flags = f"--steps {STEPS} --eval-every 20 --sample-every 40 --warmup-epochs 0.001".split()
        # The name of the folder has characters that HTML must escape.
        cls.run_directory = train(pathlib.Path(cls.directory.name), "<b>a run & 'more'", *flags)
        cls.browser = start_browser(arguments, performance="ALL")
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        self.open(DESKTOP, "light")
        self.data = json.loads(self.script("return document.getElementById('data').textContent"))

    def open(self, screen, scheme):
        """Opens the run's page and waits until it is drawn."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.go_to(self.run_directory / "report.html")
        self.wait("return document.querySelectorAll('svg path.curve').length >= 9")
        self.wait("return [...document.images].every((image) => image.complete && image.naturalWidth > 0)")

    def go_to(self, page):
        for log in ["browser", "performance"]:
            self.browser.get_log(log)  # drop earlier entries
        self.browser.get(page.as_uri())

    def open_with(self, data):
        """Opens the page with other data, which its policy allows."""
        page = (self.run_directory / "report.html").read_text()
        tag = '<script id="data" type="application/json">'
        before, rest = page.split(tag)
        text = json.dumps(data).replace("<", "\\u003c")
        altered = self.run_directory / "altered.html"
        altered.write_text(before + tag + text + rest[rest.index("</script>") :])
        self.go_to(altered)
        self.wait("return document.title === arguments[0] + ' – Glow'", data["name"])

    def script(self, text, *values):
        return self.browser.execute_script(text, *values)

    def wait(self, text, *values):
        WebDriverWait(self.browser, 20, 0.05).until(lambda _: self.script(text, *values), text)

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def curve(self, name):
        curve = self.data["record"]["curves"][name]
        return dict(zip(curve["steps"], curve["values"]))

    def test_has_no_console_messages_and_no_requests(self):
        self.assertEqual(self.browser.get_log("browser"), [])
        events = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        requests = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
        asked = [request["request"]["url"] for request in requests]
        self.assertIn(self.browser.current_url, asked)
        self.assertEqual({url.split(":")[0] for url in asked}, {"file", "data"})
        self.assertEqual({url for url in asked if url.startswith("file")}, {self.browser.current_url})

    def test_its_policy_forbids_other_scripts_and_addresses(self):
        add = "const script = document.createElement('script'); script.textContent = 'window.intruder = 1';"
        self.script(add + "document.body.append(script)")
        self.assertIsNone(self.script("return window.intruder ?? null"))
        fetch = "fetch('http://127.0.0.1:9/').then(() => arguments[0]('sent'), () => arguments[0]('refused'))"
        self.assertEqual(self.browser.execute_async_script(fetch), "refused")
        messages = " ".join(entry["message"] for entry in self.browser.get_log("browser"))
        self.assertIn("script-src", messages)
        self.assertIn("default-src", messages)

    def test_shows_names_as_text(self):
        self.assertEqual(self.find("h1").text, self.run_directory.name)
        self.assertEqual(self.browser.title, f"{self.run_directory.name} – Glow")
        self.assertEqual(self.browser.find_elements(By.TAG_NAME, "b"), [])

    def test_hides_empty_sections_of_a_new_run(self):
        record = {"curves": {}, "texts": {}, "skipped": 0, "skipped_steps": [], "rollbacks": [], "last_step": 0}
        pictures = {name: {**picture, "image": ""} for name, picture in self.data["pictures"].items()}
        nothing = {"name": "new", "config": "", "record": record, "grids": {"count": 0, "shown": []}}
        self.open_with({**nothing, "pictures": pictures})
        self.assertEqual(self.browser.get_log("browser"), [])
        shown = [section.get_attribute("id") for section in self.browser.find_elements(By.TAG_NAME, "section")
                 if section.is_displayed()]  # fmt: skip
        self.assertEqual(shown, [])
        self.assertTrue(self.find("#status").text.startswith("Step 0. Written "))

    def test_draws_a_run_of_one_step(self):
        record = self.data["record"]
        for curve in record["curves"].values():
            curve["steps"], curve["values"] = curve["steps"][:1], curve["values"][:1]
        record["curves"]["valid_bits_per_dim"] = {"steps": [], "values": [], "missing": 1}
        self.open_with(self.data)
        self.wait("return document.querySelectorAll('svg circle').length >= 9")
        self.assertEqual(self.browser.get_log("browser"), [])

    def test_shows_warnings(self):
        markup = "<img src=x onerror=alert(1)>"
        rollback = {"step": 40, "rollbacks": 1, "from_step": 60, "not_finite": markup}
        self.data["record"].update(skipped=2, skipped_steps=[50, 52], rollbacks=[rollback])
        self.open_with(self.data)
        skipped, returned = self.browser.find_elements(By.CSS_SELECTOR, "#warnings li")
        self.assertIn("2 steps had no finite loss", skipped.text)
        self.assertIn("from step 60 to step 40", returned.text)
        self.assertIn(markup, returned.text)
        self.wait("return document.querySelectorAll('#bits .mark').length === 3")
        self.assertEqual(self.browser.get_log("browser"), [])

    def test_shows_warnings_of_a_run_that_failed(self):
        flags = "--steps 100 --lr 1e30 --warmup-epochs 0 --skip-limit 3 --checkpoint-every 1 --sample-every 0".split()
        self.go_to(train(pathlib.Path(self.directory.name), "broken", *flags, returns=1) / "report.html")
        self.wait("return document.querySelectorAll('#warnings li').length === 3")
        skipped, *returns = [line.text for line in self.browser.find_elements(By.CSS_SELECTOR, "#warnings li")]
        self.assertIn("3 steps had no finite loss", skipped)
        for text in returns:
            self.assertIn("levels.0.steps.0.", text)
        self.assertEqual(self.browser.get_log("browser"), [])

    def test_the_slider_shows_forty_of_many_grids(self):
        flags = "--steps 50 --eval-every 0 --sample-every 1 --warmup-epochs 0.001".split()
        self.go_to(train(pathlib.Path(self.directory.name), "many grids", *flags) / "report.html")
        self.wait("return document.querySelector('#grid').max === '39'")
        slider = self.find("#grid")
        for keys, step in [(Keys.HOME, "1"), (Keys.END, "50")]:
            slider.send_keys(keys)
            self.assertEqual(self.find("#grid-step").text, step)
            self.wait("return [...document.images].every((image) => image.complete && image.naturalWidth > 0)")
        self.assertEqual(self.browser.get_log("browser"), [])

    def test_draws_curves_inside_their_charts(self):
        charts = self.script(
            """return [...document.querySelectorAll(".chart")].map((chart) => {
                const view = chart.querySelector("svg").viewBox.baseVal;
                const paths = [...chart.querySelectorAll("path")].map((path) => {
                  const {x, y, width, height} = path.getBBox();
                  return {points: path.getAttribute("d").split("L").length, length: path.getTotalLength(), x, y,
                          right: x + width, bottom: y + height};
                });
                return {id: chart.id, width: view.width, height: view.height, paths,
                        ticks: [...chart.querySelectorAll("text")].map((text) => text.textContent)};
              })"""
        )
        expected = ["bits", "rate", "speed", "gradient", "reconstruction", "singular", "scale"]
        self.assertEqual([chart["id"] for chart in charts], expected)
        for chart in charts:
            for path in chart["paths"]:
                self.assertGreater(path["length"], 300, chart["id"])
                self.assertTrue(0 <= path["x"] <= path["right"] <= chart["width"], (chart["id"], path))
                self.assertTrue(0 <= path["y"] <= path["bottom"] <= chart["height"], (chart["id"], path))
            self.assertGreaterEqual(len(set(chart["ticks"])), 5, chart)
            self.assertFalse([tick for tick in chart["ticks"] if "NaN" in tick], chart)
        points = {chart["id"]: [path["points"] for path in chart["paths"]] for chart in charts}
        evaluations, lines = STEPS // 20, STEPS // 2
        self.assertEqual(points["bits"], [lines, lines, 2 * evaluations, evaluations])  # a band, then its line
        self.assertEqual(points["rate"], [lines])
        self.assertEqual(points["reconstruction"], [evaluations] * 3)

    def test_pointing_at_a_curve_shows_its_numbers(self):
        chart = self.find("#bits svg")
        at = self.find("#bits .at")
        self.assertEqual(at.text, f"step {STEPS}")
        ActionChains(self.browser).move_to_element(chart).perform()
        self.wait(f"return document.querySelector('#bits .at').textContent !== 'step {STEPS}'")
        step = int(at.text.removeprefix("step "))
        self.assertTrue(0.4 * STEPS < step < 0.6 * STEPS, step)
        training, validation = self.browser.find_elements(By.CSS_SELECTOR, "#bits li")
        self.assertEqual(training.text, f"training {self.curve('bits_per_dim_smoothed')[step]:.3f}")
        nearest = min(self.curve("valid_bits_per_dim"), key=lambda other: abs(other - step))
        self.assertTrue(validation.text.startswith(f"validation {self.curve('valid_bits_per_dim')[nearest]:.3f} ± "))
        self.assertEqual(len(self.browser.find_elements(By.CSS_SELECTOR, "#bits .cursor")), 1)
        ActionChains(self.browser).move_to_element(self.find("h1")).perform()
        self.wait(f"return document.querySelector('#bits .at').textContent === 'step {STEPS}'")

    def test_charts_can_be_read_with_the_keyboard(self):
        chart = self.find("#rate svg")
        for keys, step in [(Keys.ARROW_LEFT, STEPS - 2), (Keys.HOME, 2), (Keys.ARROW_RIGHT, 4), (Keys.END, STEPS)]:
            chart.send_keys(keys)
            self.assertEqual(self.find("#rate .at").text, f"step {step}")

    def test_the_slider_shows_grids_over_time(self):
        slider, image = self.find("#grid"), self.find("#grid-image")
        grids = self.data["grids"]["shown"]
        self.assertEqual([grid["step"] for grid in grids], [40, 80, 120])
        for keys, place in [("", 2), (Keys.HOME, 0), (Keys.ARROW_RIGHT, 1), (Keys.END, 2)]:
            slider.send_keys(keys)
            self.assertEqual(self.find("#grid-step").text, str(grids[place]["step"]))
            self.assertEqual(image.get_attribute("src"), grids[place]["image"])
            self.assertIn(str(grids[place]["step"]), image.get_attribute("alt"))
            self.wait("return arguments[0].complete && arguments[0].naturalWidth === 58", image)

    def test_labels_each_row_of_a_picture(self):
        rows = {"temperatures": ["0.0", "0.5", "0.7", "0.9", "1.0"], "interpolations": [],
                "levels": ["original", "reconstructed", "level 1 anew", "all levels anew"]}  # fmt: skip
        for name, expected in rows.items():
            labels = self.browser.find_elements(By.CSS_SELECTOR, f"#{name} li")
            self.assertEqual([label.text for label in labels], expected)
            picture = self.find(f"#{name} img").rect
            for row, label in enumerate(labels):
                middle = label.rect["y"] + label.rect["height"] / 2
                part = (middle - picture["y"]) / picture["height"] * len(labels)
                self.assertTrue(row + 0.3 < part < row + 0.7, (name, row, part))

    def test_shows_settings_and_the_command(self):
        # Quoted for a shell.
        self.assertEqual(shlex.split(self.find("#command").text), json.loads(self.data["config"])["command"])
        self.assertIn("seed 0", self.find("#versions").text)
        rows = "return [...document.querySelectorAll('tr')].map((row) => [...row.cells].map((cell) => cell.textContent))"
        settings = self.script(rows)
        for row in [["steps", str(STEPS)], ["hidden width", "8"], ["edge bias", "true"], ["train", "48"]]:
            self.assertIn(row, settings)

    def test_redraws_charts_when_the_window_changes(self):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
        self.wait("return [...document.querySelectorAll('svg')].every((svg) => svg.viewBox.baseVal.width < innerWidth)")

    def test_fits_a_phone(self):
        self.open(PHONE, "light")
        self.assertEqual(self.script("return document.documentElement.scrollWidth"), PHONE["width"])
        outside = """return [...document.querySelectorAll("body *")].filter((element) => {
                       const {width, right, left} = element.getBoundingClientRect();
                       return width && !element.closest("svg") && (right > innerWidth || left < 0);
                     }).map((element) => element.outerHTML.slice(0, 100))"""
        self.assertEqual(self.script(outside), [])
        widths = self.script("return [...document.querySelectorAll('svg')].map((svg) => svg.viewBox.baseVal.width)")
        self.assertTrue(all(250 < width < PHONE["width"] for width in widths), widths)
        ActionChains(self.browser).move_to_element(self.find("#speed svg")).perform()
        self.wait(f"return document.querySelector('#speed .at').textContent !== 'step {STEPS}'")

    def test_can_be_read_in_light_and_dark(self):
        pages = {}
        for scheme in ["light", "dark"]:
            self.open(DESKTOP, scheme)
            colours = """const styleOf = (selector) => getComputedStyle(document.querySelector(selector));
                         const colour = (selector, name = "color") => styleOf(selector)[name];
                         return {page: colour("body", "backgroundColor"), card: colour(".chart", "backgroundColor"),
                                 ink: colour("body"), soft: colour("#status"), tick: colour(".chart text", "fill"),
                                 first: colour(".first"), second: colour(".second"), third: colour(".third"),
                                 fourth: colour(".fourth"), alarm: colour(".alarm")}"""
            colours = self.script(colours)
            pages[scheme] = colours["page"]
            for name in ["ink", "soft", "tick", "first", "second", "third", "fourth", "alarm"]:
                for ground in ["page", "card"]:
                    self.assertGreater(contrast(colours[name], colours[ground]), 4.5, (scheme, name))
        self.assertGreater(contrast(pages["light"], pages["dark"]), 15)

    def test_writes_screenshots(self):
        if not arguments.screenshots:
            self.skipTest("--screenshots not given")
        for device, screen in [("desktop", DESKTOP), ("phone", PHONE)]:
            for scheme in ["light", "dark"]:
                self.open(screen, scheme)
                whole = {"captureBeyondViewport": True}
                png = self.browser.execute_cdp_cmd("Page.captureScreenshot", whole)["data"]
                pathlib.Path(arguments.screenshots, f"{device}-{scheme}.png").write_bytes(base64.b64decode(png))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--glow-train", required=True)
    add_browser_arguments(parser)
    parser.add_argument("--screenshots")
    arguments = parser.parse_args()
    unittest.main(argv=["check_report.py"], verbosity=2)
