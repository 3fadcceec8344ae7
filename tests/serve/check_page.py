"""Starts glow-serve and operates every control of its page in Chromium.

    python check_page.py SERVE MODEL [--tools FOLDER] [--chromium PATH] [--chromedriver PATH] [--screenshots FOLDER]

SERVE is the program glow-serve; glow-sample, glow-edit and glow-eval are beside it or in --tools. MODEL is an
unconditional model of two levels. --screenshots writes pictures of the page, light and dark, on a desktop and a phone.

No check depends on how fast the machine is: each waits for a condition. The page marks a view as busy (aria-busy) from
an input until the picture of the newest settings is shown, which `settle` waits for.
"""

import argparse
import base64
import bisect
import csv
import io
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
import urllib.request

import numpy
from PIL import Image
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from browser import add_browser_arguments, start_browser  # noqa: E402

DESKTOP = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
VIEWS = ["sample", "edit", "mix", "score"]
PATIENCE = 120  # seconds for a condition; a machine with other work can be slow
REFERENCES = 40
CONDITIONAL = pathlib.Path(__file__).parents[1] / "reference/fixtures/conditional_conv1x1_affine.model.safetensors"
TOKEN = "a secret & more"
arguments = None
browser = None


def run_tool(command, folder):
    """Runs lines of a shell in `folder`, with the tools that are tested."""
    path = {"PATH": f"{pathlib.Path(arguments.tools).resolve()}:{os.environ['PATH']}"}
    shell = ["bash", "-ec", command]
    result = subprocess.run(shell, cwd=folder, env={**os.environ, **path}, capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"{command}\n{result.stderr}")


class Server:
    def __init__(self, model, *flags, token=""):
        self.headers = {"Accept": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        command = [arguments.serve, model, "--port", "0", *flags, *(["--token", token] if token else [])]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        lines = iter(self.process.stdout.readline, "")
        line = next((line for line in lines if "http://" in line), None)
        if line is None:
            self.stop()
            raise RuntimeError("glow-serve has not started")
        self.address = re.search(r"http://\S+/", line)[0]

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def ask(self, path, body=None, **headers):
        data = None if body is None else json.dumps(body).encode()
        headers = {**self.headers, "Content-Type": "application/json", **headers}
        request = urllib.request.Request(self.address + path, data, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.read()

    def sample(self, **body):
        return json.loads(self.ask("api/sample", body))["images"]


def make_references(model, folder):
    """Samples in two classes of images, and the directions between the classes."""
    run_tool(f"glow-sample {shlex.quote(str(model))} --count {REFERENCES} --temperature 0.7 --out images/", folder)
    for i, image in enumerate(sorted((folder / "images").glob("*.png"))):
        name = folder / "references" / ["first", "second"][i % 2] / image.name
        name.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(image, name)
    command = f"glow-edit directions {shlex.quote(str(model))} folder:references --splits none"
    run_tool(f"{command} --out directions.safetensors", folder)


def prepared_browser():
    started = start_browser(arguments)
    started.set_script_timeout(PATIENCE)
    started.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH_FETCH})
    return started


def setUpModule():
    global browser
    browser = prepared_browser()
    unittest.addModuleCleanup(browser.quit)


# Records requests. While `isHeld`, requests wait before they are sent. `fail` are answers that are given instead of the
# next ones.
WATCH_FETCH = """
  const watched = {calls: [], running: 0, most: 0, isHeld: false, waiting: [], fail: []};
  window.watched = watched;
  watched.release = () => {
    watched.isHeld = false;
    for (const send of watched.waiting.splice(0)) send();
  };
  const send = window.fetch.bind(window);
  window.fetch = async (path, options = {}) => {
    watched.calls.push({path, body: typeof options.body === "string" ? JSON.parse(options.body) : null});
    watched.most = Math.max(watched.most, ++watched.running);
    try {
      if (watched.isHeld) await new Promise((resolve) => watched.waiting.push(resolve));
      const fail = watched.fail.shift();
      return fail ? new Response(JSON.stringify({error: fail.error}), fail) : await send(path, options);
    } finally {
      --watched.running;
    }
  };
"""

# The functions that the checks of the page's style share.
STYLE = """
  const isShown = (element) => element.checkVisibility({visibilityProperty: true});
  const numbers = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = numbers(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const name = (element) => element.id || element.outerHTML.slice(0, 80);
"""


def luminance(colour):
    """Relative luminance of (r, g, b) (WCAG 2)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in
              (value / 255 for value in colour[:3])]  # fmt: skip
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    lighter, darker = sorted([luminance(one), luminance(other)], reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def pixels_of(picture):
    """Of the bytes of a PNG file, or of its data URL."""
    if isinstance(picture, str):
        picture = base64.b64decode(picture.removeprefix("data:image/png;base64,"))
    return numpy.asarray(Image.open(io.BytesIO(picture))).astype(int)


class Page(unittest.TestCase):
    """What the tests of all servers share."""

    @classmethod
    def start(cls, model, folder, *flags, **others):
        cls.model, cls.folder = pathlib.Path(model).resolve(), folder
        cls.server = Server(cls.model, *flags, **others)
        unittest.addModuleCleanup(cls.server.stop)
        cls.images = []
        (folder / "images").mkdir(exist_ok=True)
        for i, image in enumerate(cls.server.sample(count=6, temperature=0.8, seed=9)):
            cls.images.append(folder / "images" / f"{i:06}.png")
            cls.images[-1].write_bytes(base64.b64decode(image["png"]))

    @classmethod
    def make_folder(cls):
        folder = tempfile.TemporaryDirectory()
        unittest.addModuleCleanup(folder.cleanup)
        return pathlib.Path(folder.name)

    @staticmethod
    def set_screen(screen, scheme="light"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)

    @classmethod
    def open(cls, screen=DESKTOP, fragment=""):
        cls.set_screen(screen)
        if fragment:
            browser.get("about:blank")  # else the page would not be loaded anew
        browser.get_log("browser")  # drop earlier entries
        browser.get(cls.server.address + fragment)

    @classmethod
    def open_samples(cls, *where):
        cls.open(*where)
        cls.wait("return document.querySelectorAll('#sample-grid img[src]').length === 16")
        cls.settle()

    def tearDown(self):
        self.assertEqual(browser.get_log("browser"), [])

    @staticmethod
    def script(text, *values):
        return browser.execute_script(text, *values)

    @staticmethod
    def wait(text, *values):
        """Waits until a script returns true; in the page, which takes less time than to ask it again and again."""
        wait = """const values = [...arguments];
                  const done = values.pop();
                  const isTrue = () => (function () { %s }).apply(null, values);
                  const check = () => isTrue() ? done("") : setTimeout(attempt, 5);
                  const attempt = () => { try { check(); } catch (error) { done(String(error)); } };
                  attempt();"""
        try:
            problem = browser.execute_async_script(wait % text, *values)
        except TimeoutException:
            problem = f"not true after {PATIENCE} seconds"
        if problem:
            raise AssertionError(f"{text}: {problem}")

    @staticmethod
    def wait_for(true, message):
        WebDriverWait(browser, PATIENCE, 0.05).until(lambda _: true(), message)

    @classmethod
    def settle(cls):
        """Waits until no view is busy."""
        cls.wait("return document.querySelector('[aria-busy=true]') === null")

    def find(self, selector):
        return browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return browser.find_elements(By.CSS_SELECTOR, selector)

    def show(self, selector):
        element = self.find(selector)
        self.script("arguments[0].scrollIntoView({block: 'center'})", element)
        return element

    def click(self, selector):
        self.show(selector).click()
        self.settle()

    def press(self, selector, keys):
        self.find(selector).send_keys(keys)
        self.settle()

    def type(self, selector, text):
        self.press(selector, Keys.CONTROL + "a" + Keys.NULL + text + Keys.TAB)

    def text(self, selector):
        return self.script("return document.querySelector(arguments[0]).textContent", selector)

    def source(self, selector):
        return self.script("return document.querySelector(arguments[0]).src", selector)

    def sources(self, selector="#sample-grid img"):
        return self.script("return [...document.querySelectorAll(arguments[0])].map((image) => image.src)", selector)

    def change(self, selector, keys, shown="#edit-image"):
        """Sends keys to a control, which must change the picture; returns the new one."""
        before = self.source(shown)
        self.press(selector, keys)
        after = self.source(shown)
        self.assertNotEqual(before, after, selector)
        return after

    def assert_same_picture(self, one, other):
        """But for pixels that are rounded to the other side in a batch of another size (docs/http.md)."""
        difference = numpy.abs(pixels_of(one) - pixels_of(other))
        self.assertLessEqual(numpy.count_nonzero(difference), 3)
        self.assertLessEqual(difference.max(), 9)

    def saved(self, button, name):
        """The bytes of the file that a button saves."""
        with tempfile.TemporaryDirectory() as folder:
            browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": folder})
            self.click(button)
            file = pathlib.Path(folder, name)
            # Chromium reserves the name with an empty file, which the complete one replaces.
            self.wait_for(lambda: file.exists() and file.stat().st_size > 0, name)
            return file.read_bytes()

    def bytes_of(self, selector):
        return base64.b64decode(self.source(selector).removeprefix("data:image/png;base64,"))

    def command(self, view):
        """What "Copy command" shows."""
        self.click(f"#{view}-copy")
        command = self.find(f"#{view}-command").get_attribute("value")
        self.assertIn("command", self.text(f"#{view} .status"))
        return command

    def picture_of_command(self, view, count):
        """Runs the commands that a view shows; returns the picture that they write."""
        command = self.command(view)
        lines = command.splitlines()
        self.assertEqual(len(lines), count + 1, command)
        self.assertEqual(count > 1, "rounds" in lines[-1])
        with tempfile.TemporaryDirectory() as folder:
            for file in [*self.images, self.folder / "directions.safetensors"]:
                if file.exists():
                    shutil.copy(file, folder)
            run_tool(command, folder)
            return pathlib.Path(folder, re.search(r"the picture is ([^\s;]+)", lines[-1])[1]).read_bytes()

    def problem(self, view):
        self.settle()
        return self.text(f"#{view} .problem")

    def go_to(self, view):
        self.click(f"#tab-{view}")

    def upload(self, view, files):
        before = self.script("return watched.calls.length")
        self.find(f"#{view}-file").send_keys("\n".join(str(file) for file in files))
        is_taken = "return watched.calls.length > arguments[0] || document.querySelector(arguments[1]).textContent"
        self.wait(is_taken, before, f"#{view} .problem")
        self.settle()

    def drop(self, event, files):
        """A drop or paste of files on the page."""
        content = [base64.b64encode(file.read_bytes()).decode() for file in files]
        self.script(
            """const transfer = new DataTransfer();
               arguments[1].forEach((text, i) => {
                 const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
                 transfer.items.add(new File([bytes], arguments[2][i], {type: "image/png"}));
               });
               const options = {bubbles: true, cancelable: true};
               document.body.dispatchEvent(arguments[0] === "drop"
                 ? new DragEvent("drop", {...options, dataTransfer: transfer})
                 : new ClipboardEvent("paste", {...options, clipboardData: transfer}));""",
            event, content, [file.name for file in files])  # fmt: skip
        self.settle()

    def rows(self):
        """The texts of the table of scores: name, scores, and rank or ""."""
        return self.script("""
            return [...document.querySelectorAll('#score tbody tr')].map((row) => {
              const [first, ...scores] = [...row.cells];
              return {name: first.querySelector(".name").textContent, scores: scores.map((cell) => cell.textContent),
                      rank: first.querySelector(".rank")?.textContent ?? ""};
            })""")

    def check_scores(self):
        """Runs the command of Score; its scores must be those of the table."""
        folder = self.images[0].parent
        run_tool(self.command("score") + " --overwrite", folder)
        with open(folder / "scores.csv") as file:
            scores = list(csv.DictReader(line for line in file if not line.startswith("#")))
        rows = sorted(self.rows(), key=lambda row: row["name"])
        self.assertEqual(len(scores), len(rows))
        for score, row in zip(scores, rows):
            bits, png, corrected = [float(text) for text in row["scores"][:3]]
            self.assertAlmostEqual(float(score["bits_per_dim"]), bits, delta=6e-4)
            self.assertAlmostEqual(float(score["complexity_corrected"]), corrected, delta=6e-4)
            self.assertAlmostEqual(bits - png, corrected, delta=2e-3)


class WithReferences(Page):
    """A server with directions and reference images, which is started once."""

    @classmethod
    def setUpClass(cls):
        if hasattr(WithReferences, "server"):
            return
        folder = cls.make_folder()
        make_references(pathlib.Path(arguments.model).resolve(), folder)
        references = f"folder:{folder / 'references'}"
        flags = ["--directions", folder / "directions.safetensors", "--images", references]
        WithReferences.start(arguments.model, folder, *flags)


class Controls(WithReferences):
    def setUp(self):
        self.open_samples()

    # Sample

    def test_its_policy_forbids_other_scripts(self):
        add = "const script = document.createElement('script'); script.textContent = 'window.intruder = 1';"
        self.script(add + "document.body.append(script)")
        self.assertIsNone(self.script("return window.intruder ?? null"))
        [entry] = browser.get_log("browser")
        self.assertIn("script-src", entry["message"])

    def test_samples_follow_each_temperature(self):
        first = self.sources()
        answer = self.server.sample(count=16, temperature=0.7, seed=0)
        self.assertEqual(first, [f"data:image/png;base64,{image['png']}" for image in answer])
        captions = [caption.text for caption in self.all("#sample-grid span")]
        self.assertEqual(captions, [f"{image['bits_per_dim']:.3f}" for image in answer])
        self.assertTrue(self.text("#sample .status").startswith("16 samples, "))
        self.assertEqual(self.find("#sample-grid img").value_of_css_property("image-rendering"), "pixelated")
        self.press("#sample-temperature-all", Keys.ARROW_RIGHT * 4)
        self.assertEqual(self.text("#sample-temperature output"), "0.9")
        warmer = self.sources()
        self.assertEqual(len(set(first) & set(warmer)), 0)
        self.press("#sample-temperature-all", Keys.ARROW_LEFT * 4)
        self.assertEqual(self.sources(), first)
        self.click("#sample-per-level")
        self.assertFalse(self.find("#sample-temperature-all").is_displayed())
        self.assertEqual(self.sources(), first)  # the same temperatures
        pictures = [first]
        for level in range(2):
            self.press(f"#sample-temperature-{level}", Keys.ARROW_LEFT * 6)
            pictures.append(self.sources())
        self.assertEqual(len({tuple(each) for each in pictures}), 3)
        self.assertIn("--temperature 0.4,0.4", self.command("sample"))

    def test_samples_follow_seed_and_count(self):
        first = self.sources()
        self.click("#sample-new-seed")
        seed = self.find("#sample-seed").get_attribute("value")
        other = self.sources()
        self.assertEqual(len(set(first) & set(other)), 0)
        self.type("#sample-seed", "0")
        self.assertEqual(self.sources(), first)
        self.type("#sample-seed", seed)
        self.assertEqual(self.sources(), other)
        self.type("#sample-count", "5")
        for one, more in zip(self.sources(), other[:5], strict=True):  # samples do not depend on their number
            self.assert_same_picture(one, more)
        before = self.sources()
        for count in ["0", "100000", "1.5", ""]:
            write = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
            self.script(write, self.find("#sample-count"), count)
            self.assertIn("Count: ", self.problem("sample"))
            self.assertEqual(self.sources(), before)
        self.type("#sample-count", "4")
        self.assertEqual(self.problem("sample"), "")
        self.assertEqual(len(self.sources()), 4)

    def test_a_sample_goes_on_to_edit_and_mix(self):
        self.click("#sample-grid label:nth-child(4)")
        self.assertTrue(self.text("#sample-chosen").startswith("Sample 4: "))
        chosen = self.sources()[3]
        saved = self.saved("#sample-save", "sample-0-3.png")
        self.assertEqual(saved, self.bytes_of("#sample-grid label:nth-child(4) img"))
        self.click("#sample-mix")
        self.assertIn("1 image", self.text("#sample .status"))
        self.click("#sample-edit")
        self.assertTrue(self.find("#edit").is_displayed())
        self.assertEqual(self.source("#edit-original"), chosen)
        for image in ["reconstruction", "image"]:
            self.assert_same_picture(self.source(f"#edit-{image}"), chosen)
        self.go_to("mix")
        self.assertEqual(self.source("#mix-images img"), chosen)

    def test_the_command_of_samples_writes_the_grid_of_the_server(self):
        origin = {"origin": self.server.address, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
        browser.execute_cdp_cmd("Browser.grantPermissions", origin)
        self.type("#sample-count", "6")
        self.type("#sample-seed", "12")
        command = self.command("sample")
        self.assertEqual(shlex.split(command)[:2], ["glow-sample", str(self.model)])
        read = "navigator.clipboard.readText().then(arguments[0], (error) => arguments[0](String(error)))"
        self.assertEqual(browser.execute_async_script(read), command)
        self.assertEqual(self.text("#sample .status"), "Copied the command.")
        browser.execute_cdp_cmd("Browser.resetPermissions", {})
        run_tool(command + " --overwrite", self.folder)
        written = (self.folder / "grid.png").read_bytes()
        body = {"count": 6, "temperature": 0.7, "seed": 12}
        self.assertEqual(written, self.server.ask("api/sample", body, Accept="image/png"))
        self.assertEqual(written, self.saved("#sample-save-grid", "grid.png"))
        self.press("#sample-seed", Keys.ARROW_UP)
        self.assertFalse(self.find("#sample-command").is_displayed())  # it would be another one

    # Edit

    def open_edit(self):
        self.go_to("edit")
        self.upload("edit", self.images[:1])

    def test_shows_an_upload_and_its_reconstruction(self):
        self.open_edit()
        self.assertTrue(self.text("#edit-name").startswith("000000.png, "))
        self.assert_same_picture(self.bytes_of("#edit-original"), self.images[0].read_bytes())
        for image in ["reconstruction", "image"]:
            self.assert_same_picture(self.source(f"#edit-{image}"), self.source("#edit-original"))
        self.assertRegex(self.text("#edit-difference"), "^Reconstruction: (the same|[1-3] pixels? of )")
        self.assertRegex(self.text("#edit-bits"), r"^Edited: -?\d+\.\d{3} bits/dim$")

    def test_every_slider_of_edit_changes_the_picture_and_undo_takes_it_back(self):
        self.open_edit()
        self.assertEqual([label.text for label in self.all("#edit-directions label")], ["first", "second"])
        pictures = [self.source("#edit-image")]
        changes = [("#edit-direction-0", Keys.END), ("#edit-direction-1", Keys.HOME), ("#edit-amount-0", Keys.END),
                   ("#edit-amount-1", Keys.PAGE_UP), ("#edit-temperature", Keys.HOME)]  # fmt: skip
        for selector, keys in changes:
            pictures.append(self.change(selector, keys))
        warm = self.change("#edit-temperature", Keys.END)
        self.click("#edit-new-seed")
        self.assertNotEqual(self.source("#edit-image"), warm)
        self.click("#edit-undo")
        self.assertEqual(self.source("#edit-image"), warm)
        self.click("#edit-undo")
        for picture in reversed(pictures[1:]):
            self.assertEqual(self.source("#edit-image"), picture)
            self.click("#edit-undo")
        self.assertEqual(self.source("#edit-image"), pictures[0])
        self.assertEqual(self.find("#edit-direction-0").get_attribute("value"), "0")
        # The same seed gives the same picture.
        first = self.change("#edit-amount-0", Keys.END)
        self.type("#edit-seed", "7")
        self.assertNotEqual(self.source("#edit-image"), first)
        self.type("#edit-seed", "0")
        self.assertEqual(self.source("#edit-image"), first)
        self.type("#edit-seed", "-1")
        self.assertIn("Seed: ", self.problem("edit"))

    def test_undo_takes_back_images_and_reset(self):
        self.go_to("edit")
        sample = self.source("#edit-original")
        self.upload("edit", self.images[1:2])
        upload = self.source("#edit-image")
        edited = self.change("#edit-direction-0", Keys.END)
        self.click("#edit-reset")
        self.assertEqual(self.source("#edit-image"), upload)
        self.press("#edit-direction-0", Keys.CONTROL + "z")
        self.assertEqual(self.source("#edit-image"), edited)
        for _ in range(2):
            self.click("#edit-undo")
        self.assertEqual(self.source("#edit-original"), sample)
        self.assertFalse(self.find("#edit-undo").is_enabled())
        self.assertEqual(self.script("return document.activeElement.id"), "edit-reset")

    def test_commands_of_edit_write_its_picture(self):
        self.open_edit()
        cases = [(1, []),
                 (1, [("#edit-direction-0", Keys.ARROW_LEFT * 7), ("#edit-direction-1", Keys.ARROW_LEFT * 7)]),
                 (1, [("#edit-amount-1", Keys.ARROW_RIGHT * 9)]),
                 (1, [("#edit-amount-0", Keys.ARROW_RIGHT * 9), ("#edit-amount-1", Keys.ARROW_RIGHT * 9),
                      ("#edit-temperature", Keys.ARROW_LEFT * 3)]),
                 (2, [("#edit-direction-1", Keys.END), ("#edit-amount-0", Keys.ARROW_RIGHT * 9)])]  # fmt: skip
        for count, changes in cases:
            with self.subTest(changes=changes):
                self.click("#edit-reset")
                for selector, keys in changes:
                    self.change(selector, keys)
                written = self.picture_of_command("edit", count)
                if count == 1:  # more commands round to bytes between them
                    self.assert_same_picture(written, self.bytes_of("#edit-image"))
        self.assertEqual(self.saved("#edit-save", "edited-000000.png"), self.bytes_of("#edit-image"))

    def test_takes_dropped_and_pasted_images(self):
        self.drop("drop", self.images[1:2])  # on Sample: goes on in Edit
        self.assertTrue(self.find("#edit").is_displayed())
        self.assertTrue(self.text("#edit-name").startswith("000001.png"))
        self.drop("paste", self.images[2:3])
        self.assertTrue(self.text("#edit-name").startswith("000002.png"))
        self.go_to("mix")
        self.drop("drop", self.images[:2])
        self.assertEqual(len(self.all("#mix-images li")), 2)
        self.go_to("score")
        self.drop("paste", self.images[:3])
        self.assertEqual(len(self.rows()), 3)
        text = self.folder / "<b>notes.png"
        text.write_text("no image")
        for view in ["edit", "mix", "score"]:
            self.go_to(view)
            self.drop("drop", [text])
            self.assertEqual(self.problem(view), f"{text.name}: not an image that this browser can read")
        self.assertEqual(self.all("b"), [])

    def test_examples_are_the_reference_images(self):
        references = [self.server.ask(f"api/reference?index={i}") for i in range(4)]
        self.go_to("edit")
        for i in range(2):
            self.click("#edit-example")
            self.assertTrue(self.text("#edit-name").startswith(f"reference-{i}.png"))
            self.assert_same_picture(self.source("#edit-original"), references[i])
        self.go_to("mix")
        self.click("#mix-example")
        self.assertEqual(len(self.all("#mix-images li")), 1)
        self.click("#mix-fill")
        self.assertEqual(len(self.all("#mix-images li")), 4)
        for i, source in enumerate(self.sources("#mix-images img")[:2]):
            self.assert_same_picture(source, references[2 + i])
        self.click("#mix-example")
        self.assertIn("at most four", self.problem("mix"))

    def test_encodes_again_what_the_server_has_dropped(self):
        self.open_edit()
        self.script("watched.fail.push({status: 404, error: 'there are no latents, or no more'})")
        self.change("#edit-direction-0", Keys.END)
        self.assertEqual(self.problem("edit"), "")
        paths = [call["path"].removeprefix("/api/") for call in self.script("return watched.calls")]
        self.assertIn("edit encode edit", " ".join(paths))

    # Mix

    def open_mix(self, count):
        self.go_to("mix")
        self.upload("mix", self.images[:count])
        self.assertEqual(len(self.all("#mix-images li")), count)

    def change_kind(self):
        before = self.source("#mix-image")
        Select(self.show("#mix-kind")).select_by_visible_text("linear")
        self.settle()
        self.assertNotEqual(self.source("#mix-image"), before)

    def test_mixes_two_and_three_images_on_a_path(self):
        self.open_mix(2)
        self.check_path(1)
        self.assert_same_picture(self.picture_of_command("mix", 1), self.bytes_of("#mix-image"))
        self.upload("mix", self.images[2:3])
        self.check_path(2)
        self.change_kind()
        self.assert_same_picture(self.picture_of_command("mix", 1), self.bytes_of("#mix-image"))
        self.assertEqual(self.saved("#mix-save", "mix.png"), self.bytes_of("#mix-image"))

    def check_path(self, last):
        for keys, image in [(Keys.HOME, self.images[0]), (Keys.END, self.images[last])]:
            self.assert_same_picture(self.change("#mix-place", keys, "#mix-image"), image.read_bytes())
        self.change("#mix-place", Keys.ARROW_LEFT * 17, "#mix-image")

    def test_mixes_four_images_in_a_square(self):
        self.open_mix(4)
        self.assertEqual(len(self.all("#mix-pad img")), 4)
        corners = [(Keys.HOME + Keys.PAGE_UP, 0), (Keys.END, 1), (Keys.HOME + Keys.PAGE_DOWN, 2), (Keys.END, 3)]
        for keys, image in corners:
            corner = self.change("#mix-pad", keys, "#mix-image")
            self.assert_same_picture(corner, self.images[image].read_bytes())
        self.change("#mix-pad", Keys.ARROW_LEFT * 8, "#mix-image")
        self.change("#mix-pad", Keys.ARROW_UP * 4, "#mix-image")
        self.assertEqual(self.find("#mix-pad").get_attribute("aria-valuetext"), "84 % to the right, 92 % down")
        self.picture_of_command("mix", 3)
        self.change_kind()

    def test_the_point_of_the_square_is_dragged(self):
        self.open_mix(4)
        before = self.source("#mix-image")
        handle = self.show("#mix-handle")
        ActionChains(browser).drag_and_drop_by_offset(handle, 60, -40).perform()
        self.settle()
        dragged = self.source("#mix-image")
        self.assertNotEqual(dragged, before)
        across, down = self.place()
        self.assertTrue(60 < across < 90 and 20 < down < 45, (across, down))
        ActionChains(browser).drag_and_drop_by_offset(handle, 110, 0).perform()  # stays inside
        self.settle()
        self.assertEqual(self.place()[0], 100)
        self.set_screen(PHONE)
        pad = self.show("#mix-pad")
        box = self.script("return arguments[0].getBoundingClientRect().toJSON()", pad)
        before, scrolled = self.source("#mix-image"), self.script("return scrollY")
        for kind, part in [("touchStart", 0.5), ("touchMove", 0.6), ("touchMove", 0.8), ("touchEnd", None)]:
            point = {"x": box["x"] + (part or 0) * box["width"], "y": box["y"] + (part or 0) * box["height"]}
            touch = {"type": kind, "touchPoints": [point] if part else []}
            browser.execute_cdp_cmd("Input.dispatchTouchEvent", touch)
        self.wait_for(lambda: self.place() == [80, 80], "the point follows a finger")
        self.settle()
        self.assertNotEqual(self.source("#mix-image"), before)
        self.assertEqual(self.script("return scrollY"), scrolled)  # the page does not scroll with the finger

    def place(self):
        return [int(number) for number in re.findall(r"\d+", self.find("#mix-pad").get_attribute("aria-valuetext"))]

    def test_images_are_added_to_and_removed_from_mix(self):
        self.go_to("mix")
        self.assertFalse(self.find("#mix-save").is_enabled())
        self.click("#mix-fill")
        self.upload("mix", self.images[:1])
        self.assertIn("at most four", self.problem("mix"))
        self.go_to("sample")
        self.click("#sample-mix")
        self.assertIn("at most four", self.problem("sample"))
        self.go_to("mix")
        for left in [3, 2, 1, 0]:
            self.click("#mix-images button")
            self.assertEqual(len(self.all("#mix-images li")), left)
            self.assertEqual(self.find("#mix-pictures").is_displayed(), left >= 2)
            focused = self.script("return document.activeElement.id || document.activeElement.textContent")
            self.assertEqual(focused, "Remove" if left else "mix-file")
        self.assertFalse(self.find("#mix-copy").is_enabled())

    def test_pictures_go_from_edit_to_mix_and_back(self):
        self.open_edit()
        edited = self.change("#edit-direction-0", Keys.END)
        self.click("#edit-mix")
        self.assertIn("1 image", self.text("#edit .status"))
        self.go_to("mix")
        self.assertEqual(self.source("#mix-images img"), edited)
        self.click("#mix-fill")
        mixed = self.source("#mix-image")
        self.click("#mix-edit")
        self.assertTrue(self.find("#edit").is_displayed())
        self.assertEqual(self.source("#edit-original"), mixed)

    # Score

    def open_score(self):
        self.go_to("score")
        self.upload("score", self.images)

    def test_scores_are_those_of_glow_eval(self):
        self.open_score()
        self.assertEqual(self.text("#score .status"), "6 images")
        self.type("#score-draws", "3")
        self.check_scores()

    def test_ranks_images_among_the_reference_images(self):
        self.go_to("score")
        reference = json.loads(self.server.ask("api/model"))["reference"]
        self.assertEqual(reference["images"], REFERENCES)
        self.assertFalse(self.find("#score-no-reference").is_displayed())
        self.assertIn(f"{REFERENCES} reference images", self.text("#score-reference-title"))
        self.assertEqual(len(self.all("#score-histogram .mark")), 0)
        self.upload("score", self.images)
        self.assertEqual(self.find("#score-compare").accessible_name, "Compare by")
        cases = [("bits/dim", "bits_per_dim", 0, "more bits/dim"),
                 ("corrected score", "complexity_corrected", 2, "a larger corrected score")]  # fmt: skip
        for choice, field, place, more in cases:
            Select(self.find("#score-compare")).select_by_visible_text(choice)
            scores = reference[field]
            self.assertEqual(scores, sorted(scores))
            for row in self.rows():
                share = re.fullmatch(rf"{more} than ([\d.]+)\s% of the {REFERENCES} reference images", row["rank"])
                score = float(row["scores"][place])  # rounded
                ranks = [100 * bisect.bisect_left(scores, score + shift) / REFERENCES for shift in (-6e-4, 6e-4)]
                self.assertTrue(ranks[0] - 0.06 <= float(share[1]) <= ranks[1] + 0.06, row)
            median = (scores[REFERENCES // 2 - 1] + scores[REFERENCES // 2]) / 2
            numbers = f"from {scores[0]:.3f} to {scores[-1]:.3f}, median {median:.3f}"
            picture = self.find("#score-histogram svg")
            self.assertEqual(picture.get_attribute("role"), "img")
            self.assertIn(choice, picture.accessible_name)
            self.assertIn(numbers, picture.accessible_name)
            self.assertEqual(len(self.all("#score-histogram .mark")), len(self.images))
            heights = [float(bar.get_attribute("height")) for bar in self.all("#score-histogram .bar")]
            self.assertGreater(max(heights), 0)
            self.assert_marks_are_in_order(place)
        self.click("#score-clear")
        self.assertEqual(len(self.all("#score-histogram .mark")), 0)

    def assert_marks_are_in_order(self, place):
        """A larger score is further to the right."""
        marks = self.script("""return [...document.querySelectorAll("#score-histogram .mark")].map((mark) =>
                                 [mark.textContent.split(": ")[0], mark.getBBox().x])""")
        by_score = sorted(self.rows(), key=lambda row: float(row["scores"][place]))
        names = [name for name, _ in sorted(marks, key=lambda mark: mark[1])]
        self.assertEqual(names, [row["name"] for row in by_score])

    def test_sorts_scores(self):
        self.open_score()
        names = [header.get_attribute("textContent") for header in self.all("#score th button")]
        self.assertEqual(names, ["Image", "bits/dim", "as PNG", "corrected"])
        for place in [0, 1, 2, 3]:
            orders = []
            for _ in range(2):
                self.click(f"#score th:nth-child({place + 1}) button")
                values = [row["name"] if place == 0 else float(row["scores"][place - 1]) for row in self.rows()]
                order = self.find(f"#score th:nth-child({place + 1})").get_attribute("aria-sort")
                self.assertEqual(values, sorted(values, reverse=order == "descending"))
                orders.append(order)
            self.assertEqual(set(orders), {"ascending", "descending"})
        self.click("#score-clear")
        self.assertFalse(self.find("#score-table").is_displayed())
        self.click("#score-copy")
        self.assertIn("Add images", self.problem("score"))
        self.type("#score-draws", "0")
        self.drop("drop", self.images)
        self.assertIn("Draws of the noise: ", self.problem("score"))

    def test_images_that_were_cleared_are_not_shown_by_an_answer_that_comes_later(self):
        self.go_to("score")
        self.script("watched.isHeld = true")
        self.find("#score-file").send_keys("\n".join(str(file) for file in self.images))
        self.wait("return watched.waiting.length === 1")
        self.show("#score-clear").click()
        self.script("watched.release()")
        self.settle()
        self.assertFalse(self.find("#score-table").is_displayed())
        self.assertEqual(self.problem("score"), "")

    # Requests

    def test_sends_one_request_at_a_time_and_the_newest_settings_win(self):
        self.script("watched.calls = []; watched.most = 0; watched.isHeld = true")
        slider = self.find("#sample-temperature-all")
        for keys in [Keys.ARROW_RIGHT * 6, Keys.ARROW_LEFT * 9, Keys.HOME, Keys.ARROW_RIGHT]:
            slider.send_keys(keys)
        self.assertEqual(self.script("return watched.calls.length"), 1)
        self.script("watched.release()")
        self.settle()
        calls = self.script("return watched.calls")
        self.assertEqual(self.script("return watched.most"), 1)
        self.assertEqual([call["body"]["temperature"] for call in calls], [0.75, 0.05])
        answer = self.server.sample(count=16, temperature=0.05, seed=0)
        self.assertEqual(self.sources()[0], f"data:image/png;base64,{answer[0]['png']}")

    def test_a_long_answer_shows_a_busy_sign(self):
        sign = """const style = getComputedStyle(document.querySelector("#sample .result"), "::before");
                  return style.content === '""' && style.visibility === "visible";"""
        self.assertFalse(self.script(sign))
        self.script("watched.isHeld = true")
        self.find("#sample-temperature-all").send_keys(Keys.ARROW_RIGHT)
        self.wait(sign)
        self.script("watched.release()")
        self.settle()
        self.assertFalse(self.script(sign))

    def test_a_busy_server_is_asked_again(self):
        self.script("""watched.calls = [];
                       watched.isHeld = true;
                       watched.fail.push({status: 503, error: 'busy', headers: {'Retry-After': '1'}})""")
        before = self.sources()
        self.find("#sample-temperature-all").send_keys(Keys.ARROW_RIGHT * 2)
        released = self.script("watched.release(); return performance.now()")
        self.wait("return watched.calls.length >= 2")
        self.assertGreater(self.script("return performance.now()") - released, 900)
        self.settle()
        self.assertNotEqual(self.sources(), before)
        temperatures = [call["body"]["temperature"] for call in self.script("return watched.calls")]
        self.assertEqual(temperatures[:2], [0.75, 0.8])  # the newest the second time
        self.assertEqual(self.problem("sample"), "")

    def test_shows_errors_of_the_server(self):
        first = self.sources()
        self.script("watched.fail.push({status: 422, error: 'samples have <i>values</i> that are not finite'})")
        self.press("#sample-temperature-all", Keys.ARROW_RIGHT)
        self.assertEqual(self.problem("sample"), "samples have <i>values</i> that are not finite")
        self.assertEqual(self.sources(), first)
        self.press("#sample-temperature-all", Keys.ARROW_RIGHT)
        self.assertEqual(self.problem("sample"), "")

    # Keyboard

    def focus_by_tab(self, target):
        for _ in range(60):
            active = browser.switch_to.active_element
            if self.script("return arguments[0].matches(arguments[1])", active, target):
                return active
            ActionChains(browser).send_keys(Keys.TAB).perform()
        self.fail(target)

    def press_focused(self, target, keys):
        self.focus_by_tab(target).send_keys(keys)
        self.settle()

    def test_the_keyboard_alone_suffices(self):
        first = self.sources()
        self.script("arguments[0].focus()", self.find("#tab-sample"))
        self.press_focused("#sample-grid input", Keys.ARROW_RIGHT * 2)
        self.assertTrue(self.text("#sample-chosen").startswith("Sample 3: "))
        self.press_focused("#sample-mix", Keys.SPACE)
        self.press_focused("#sample-per-level", Keys.SPACE)
        self.press_focused("#sample-temperature-1", Keys.ARROW_LEFT * 3)
        self.assertNotEqual(self.sources(), first)
        self.script("arguments[0].focus()", self.find("#tab-sample"))
        for keys, view in [(Keys.ARROW_LEFT, "score"), (Keys.ARROW_RIGHT, "sample"), (Keys.END, "score"),
                           (Keys.HOME, "sample"), (Keys.ARROW_RIGHT, "edit")]:  # fmt: skip
            browser.switch_to.active_element.send_keys(keys)
            shown = [each for each in VIEWS if self.find(f"#{each}").is_displayed()]
            self.assertEqual(shown, [view])
            self.assertEqual(self.script("return document.activeElement.id"), f"tab-{view}")
            self.assertEqual(self.find(f"#tab-{view}").get_attribute("aria-selected"), "true")
        self.settle()
        before = self.source("#edit-image")
        self.press_focused("#edit-direction-0", Keys.PAGE_UP)
        self.assertNotEqual(self.source("#edit-image"), before)
        self.script("arguments[0].focus()", self.find("#tab-edit"))
        self.press_focused("#edit-undo", Keys.ENTER)
        self.assertEqual(self.source("#edit-image"), before)


class Appearance(WithReferences):
    """Checks of a page that has something in each view; it is loaded once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls("fill_views").fill_views()

    def fill_views(self):
        self.open_samples()
        self.command("sample")
        self.go_to("edit")
        self.upload("edit", self.images[:1])
        self.command("edit")
        self.go_to("mix")
        self.click("#mix-fill")
        self.command("mix")
        self.go_to("score")
        self.upload("score", self.images)
        self.command("score")

    def open_view(self, view):
        self.script("scrollTo(0, 0); document.getElementById(arguments[0]).click()", f"tab-{view}")

    def test_asks_only_its_own_server(self):
        entries = "[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]"
        asked = set(self.script(f"return {entries}.map((entry) => entry.name)"))
        others = [url for url in asked if not url.startswith((self.server.address, "data:", "blob:"))]
        self.assertEqual(others, [])
        self.assertIn(self.server.address + "api/score?draws=1", asked)
        self.assertIn("parameters", self.text("#about"))

    def controls(self):
        """Identifiers of what can be operated in the view that is open."""
        return self.script(STYLE + """
            return [...document.querySelectorAll("main :is(button, input, select, textarea, [tabindex])")]
              .filter((element) => isShown(element) && !element.disabled && element.tabIndex >= 0)
              .filter((element) => element.type !== "radio" || element.checked).map(name)""")

    def test_the_keyboard_reaches_every_control(self):
        for screen in [DESKTOP, PHONE]:
            self.set_screen(screen)
            for view in VIEWS:
                with self.subTest(view=view, width=screen["width"]):
                    self.open_view(view)
                    self.check_reached_by_tab(view)

    def check_reached_by_tab(self, view):
        expected = self.controls()
        reached = [f"tab-{view}"]
        self.script("scrollTo(0, 0); arguments[0].focus()", self.find(f"#tab-{view}"))
        for _ in range(len(expected) - 1):
            ActionChains(browser).send_keys(Keys.TAB).perform()
            state = self.script(STYLE + """
                const element = document.activeElement;
                const {left, top, width, height} = element.getBoundingClientRect();
                const middle = document.elementFromPoint(left + width / 2, top + Math.min(height / 2, 12));
                const ring = element.closest(".picture") ?? element;
                const isInSight = middle && (element.contains(middle) || middle.contains(element));
                return {name: name(element), outline: getComputedStyle(ring).outlineStyle, covered: !isInSight}""")
            reached.append(state["name"])
            self.assertEqual(state["outline"], "solid", state)
            self.assertFalse(state["covered"], state)
        self.assertEqual(reached, expected)

    def test_every_control_has_a_name(self):
        self.set_screen(DESKTOP)
        count = 0
        for view in VIEWS:
            self.open_view(view)
            for element in self.all(f"#{view} :is(button, input, select, textarea, [role], [tabindex]), [role=tab]"):
                if element.is_displayed() and element.get_attribute("role") not in ["status", "alert"]:
                    self.assertTrue(element.accessible_name, element.get_attribute("outerHTML"))
                    count += 1
            for image in self.all(f"#{view} .pictures img"):
                self.assertTrue(image.get_attribute("alt"))
        self.assertGreater(count, 60)
        self.assertEqual(len(self.all("[role=status]")), 4)
        self.assertEqual(len(self.all(".problem[role=alert]")), 6)
        self.assertEqual(self.script("return document.documentElement.lang"), "en")
        ids = self.script("return [...document.querySelectorAll('[id]')].map((element) => element.id)")
        self.assertEqual(len(ids), len(set(ids)))

    def test_text_has_contrast_in_light_and_dark(self):
        write = "document.querySelectorAll('main .problem').forEach((each) => (each.textContent = arguments[0]))"
        self.script(write, "a problem")
        for scheme in ["light", "dark"]:
            self.set_screen(DESKTOP, scheme)
            checked = set()
            for view in VIEWS:
                self.open_view(view)
                texts = self.script(STYLE + """
                    const isText = (node) => node.nodeType === 3 && node.data.trim() !== "";
                    const ink = (element) => element.matches("svg text") ? "fill" : "color";
                    return [...document.querySelectorAll("body *")].filter(isShown)
                      .filter((element) => [...element.childNodes].some(isText) || element.matches("input, textarea"))
                      .filter((element) => !element.disabled).map((element) =>
                        [name(element), numbers(getComputedStyle(element)[ink(element)]), ground(element)])""")
                for name, ink, ground in texts:
                    self.assertGreaterEqual(contrast(ink, ground), 4.5, (scheme, view, name, ink, ground))
                    checked.add(name)
                # Borders of controls, and what the histogram shows: 3 to 1.
                edges = self.script(STYLE + """
                    const bordered = "main :is(button:not([role=tab], th button), input[type=number], select)";
                    const edge = (element) => element.matches("svg *") ? "fill" : "borderTopColor";
                    return [...document.querySelectorAll(`${bordered}, .histogram :is(.bar, .mark)`)]
                      .filter((element) => isShown(element) && !element.disabled)
                      .map((element) => [name(element), numbers(getComputedStyle(element)[edge(element)]),
                                         ground(element.parentElement)])""")
                for name, edge, ground in edges:
                    self.assertGreaterEqual(contrast(edge, ground), 3, (scheme, name, edge, ground))
            self.assertGreater(len(checked), 60)
        self.script(write, "")

    def test_fits_a_phone(self):
        self.set_screen(PHONE)
        for view in VIEWS:
            self.open_view(view)
            self.assertEqual(self.script("return document.documentElement.scrollWidth"), PHONE["width"], view)
            outside = self.script(STYLE + """
                return [...document.querySelectorAll("body *")].filter((element) => {
                  const {width, right, left} = element.getBoundingClientRect();
                  return width && !element.closest("#score-table") && (right > innerWidth || left < 0);
                }).map(name)""")
            self.assertEqual(outside, [], view)

    def test_targets_are_large_enough_for_fingers(self):
        for screen in [DESKTOP, PHONE]:
            self.set_screen(screen)
            for view in VIEWS:
                self.open_view(view)
                small = self.script(STYLE + """
                    return [...document.querySelectorAll("main :is(button, input, select, textarea, [role=slider])")]
                      .filter(isShown).map((element) => [name(element), element.getBoundingClientRect()])
                      .filter(([, {width, height}]) => width < 24 || height < 24)""")
                self.assertEqual(small, [], view)

    def test_writes_screenshots(self):
        if not arguments.screenshots:
            self.skipTest("--screenshots not given")
        for device, screen in [("desktop", DESKTOP), ("phone", PHONE)]:
            for scheme in ["light", "dark"]:
                self.set_screen(screen, scheme)
                for view in VIEWS:
                    self.open_view(view)
                    png = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})["data"]
                    file = pathlib.Path(arguments.screenshots, f"{view}-{device}-{scheme}.png")
                    file.write_bytes(base64.b64decode(png))


class ConditionalWithToken(Page):
    """A model of classes, without directions or reference images, on a server that needs a token."""

    @classmethod
    def setUpClass(cls):
        cls.start(CONDITIONAL, cls.make_folder(), token=TOKEN)

    def tearDown(self):
        entries = [entry["message"] for entry in browser.get_log("browser")]
        self.assertEqual([entry for entry in entries if "401" not in entry], [])

    def open_with_token(self):
        self.open_samples(DESKTOP, f"#token={urllib.parse.quote(TOKEN)}")

    def test_asks_for_the_token(self):
        self.open()
        self.wait("return document.getElementById('token-dialog').open")
        self.assertEqual(self.find("#token").accessible_name, "Token")
        self.assertEqual(self.script("return document.activeElement.id"), "token")
        self.find("#token").send_keys("wrong" + Keys.ENTER)
        self.wait("return document.getElementById('token-problem').textContent !== ''")
        self.find("#token").send_keys(Keys.CONTROL + "a")
        self.find("#token").send_keys(TOKEN + Keys.ENTER)
        self.wait("return document.querySelectorAll('#sample-grid img[src]').length === 16")
        self.assertFalse(self.find("#token-dialog").is_displayed())
        stored = self.script("return [localStorage.length, sessionStorage.length, document.cookie]")
        self.assertEqual(stored, [0, 0, ""])

    def test_says_that_it_needs_a_token(self):
        self.open()
        self.wait("return document.getElementById('token-dialog').open")
        self.find("#token").send_keys(Keys.ESCAPE)
        self.wait("return document.getElementById('start-problem').textContent.includes('token')")

    def test_takes_the_token_of_the_address(self):
        self.open_with_token()
        self.assertEqual(browser.current_url, self.server.address)
        self.assertEqual(browser.get_log("browser"), [])

    def test_samples_of_a_class(self):
        self.open_with_token()
        first = self.sources()
        names = [option.text for option in Select(self.find("#sample-class")).options]
        self.assertEqual(names, ["any", "ankle boot", "bag", "coat"])
        Select(self.find("#sample-class")).select_by_visible_text("ankle boot")
        self.settle()
        self.assertNotEqual(self.sources(), first)
        run_tool(self.command("sample") + " --overwrite", self.folder)
        self.assertEqual((self.folder / "grid.png").read_bytes(), self.saved("#sample-save-grid", "grid.png"))

    def test_edits_an_image_of_a_class(self):
        self.open_with_token()
        samples = self.sources()
        self.go_to("edit")
        self.assertFalse(self.find("#edit-directions").is_displayed())  # the server has none
        for i in range(2):  # no reference images: the examples are the samples
            self.click("#edit-example")
            self.assertEqual(self.source("#edit-original"), samples[i])
        self.upload("edit", self.images[:1])
        bits = self.text("#edit-bits")
        Select(self.show("#edit-class")).select_by_visible_text("coat")
        self.settle()
        self.assertNotEqual(self.text("#edit-bits"), bits)
        self.change("#edit-amount-0", Keys.END)
        self.assert_same_picture(self.picture_of_command("edit", 1), self.bytes_of("#edit-image"))
        self.assertIn("--class coat", self.command("edit"))

    def test_mixes_images_of_a_class(self):
        self.open_with_token()
        self.go_to("mix")
        Select(self.show("#mix-class")).select_by_visible_text("bag")
        self.upload("mix", self.images[:2])
        self.assert_same_picture(self.picture_of_command("mix", 1), self.bytes_of("#mix-image"))
        self.assertIn("--class bag", self.command("mix"))

    def test_shows_probabilities_of_classes(self):
        self.open_with_token()
        self.go_to("score")
        self.assertIn("--images", self.find("#score-no-reference").text)
        self.assertFalse(self.find("#score-reference").is_displayed())
        self.upload("score", self.images)
        names = [header.get_attribute("textContent") for header in self.all("#score th button")]
        self.assertEqual(names[4:], ["ankle boot", "bag", "coat"])
        percent = lambda text: float(text.removesuffix(" %"))
        for row in self.rows():
            self.assertEqual(row["rank"], "")
            self.assertAlmostEqual(sum(percent(text) for text in row["scores"][3:]), 100, delta=0.2)
        self.click("#score th:nth-child(6) button")
        bags = [percent(row["scores"][4]) for row in self.rows()]
        self.assertEqual(bags, sorted(bags, reverse=True))
        self.check_scores()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("serve", metavar="SERVE")
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("--tools", metavar="FOLDER", help="of glow-sample, glow-edit, glow-eval (default: SERVE's)")
    add_browser_arguments(parser)
    parser.add_argument("--screenshots", metavar="FOLDER")
    parser.add_argument("--only", default=[], action="append", metavar="CLASS[.TEST]", help="run only these tests")
    arguments = parser.parse_args()
    arguments.serve = pathlib.Path(arguments.serve).resolve()
    arguments.tools = arguments.tools or arguments.serve.parent
    unittest.main(argv=["check_page.py", *arguments.only], verbosity=2)
