// The view Sample.

import {jsonBody, levelCount, levelName, request, server} from "./api.js";
import {hideCommand, showCommand} from "./commands.js";
import {drawSeed, find, make, makeSlider, numberOf, numbersOf, part, save, setSliders} from "./dom.js";
import {bitsText, bytesOf, pictureOf} from "./pictures.js";
import {follow, run, show} from "./views.js";

let samples = [];
let chosen = 0;

export const chosenSample = () => samples[chosen];

// Counts on from the first one after the last one.
export function sampleAt(place) {
  if (samples.length === 0) throw new Error("There are no samples yet.");
  return samples[place % samples.length];
}

const hasTemperatureForEachLevel = () => find("sample-per-level").checked;

function settingsOfSamples() {
  const isPerLevel = hasTemperatureForEachLevel();
  const temperatures = numbersOf(isPerLevel ? "sample-temperatures" : "sample-temperature");
  const className = find("sample-class").value;
  return {count: numberOf("sample-count"), temperature: isPerLevel ? temperatures : temperatures[0],
          ...(className && {class: className}), seed: numberOf("sample-seed")};
}

function makeGrid(count) {
  const {width, height} = server.model;
  const pictures = Array.from({length: count}, (_, i) => {
    const input = make("input", {type: "radio", name: "sample", value: i});
    return make("label", {class: "picture"}, input, make("img", {alt: "", width, height}), make("span"));
  });
  find("sample-grid").replaceChildren(...pictures);
  find("sample-grid").style.setProperty("--columns", Math.ceil(Math.sqrt(count)));
}

function choose(place) {
  chosen = place;
  find("sample-grid").children[place].firstChild.checked = true;
  find("sample-chosen").textContent = `Sample ${place + 1}: ${bitsText(chosenSample())}`;
}

function showSamples() {
  const grid = find("sample-grid");
  if (grid.children.length !== samples.length) makeGrid(samples.length);
  samples.forEach((picture, i) => {
    const [input, image, caption] = grid.children[i].children;
    input.setAttribute("aria-label", `Sample ${i + 1}, ${bitsText(picture)}`);
    image.src = picture.src;
    caption.textContent = picture.bits.toFixed(3);
  });
  choose(Math.min(chosen, samples.length - 1));
  const bits = samples.map((picture) => picture.bits);
  const range = `${Math.min(...bits).toFixed(3)} to ${Math.max(...bits).toFixed(3)} bits/dim`;
  show("sample", "", samples.length > 1 ? `${samples.length} samples, ${range}` : `1 sample, ${bitsText(samples[0])}`);
}

const followSettings = follow("sample", async () => {
  hideCommand("sample");
  let settings;
  const response = await request("/api/sample", () => jsonBody((settings = settingsOfSamples())));
  const {images} = await response.json();
  samples = images.map((image, i) => pictureOf(image, `sample-${settings.seed}-${i}.png`, settings.class));
  showSamples();
});

const requestGrid = () => request("/api/sample", () => jsonBody(settingsOfSamples(), {Accept: "image/png"}));

function switchTemperatures() {
  const isPerLevel = hasTemperatureForEachLevel();
  if (isPerLevel) setSliders("sample-temperatures", Array(levelCount()).fill(numbersOf("sample-temperature")[0]));
  find("sample-temperature").hidden = isPerLevel;
  find("sample-temperatures").hidden = !isPerLevel;
}

function makeTemperatures() {
  const range = {min: 0, max: 1.5, step: 0.05, value: 0.7};
  find("sample-temperature").append(makeSlider("sample-temperature-all", "Temperature", range));
  for (let level = 0; level < levelCount(); ++level) {
    const slider = makeSlider(`sample-temperature-${level}`, `Temperature, ${levelName(level)}`, range);
    find("sample-temperatures").append(slider);
  }
  find("sample-switch").hidden = levelCount() < 2;
  switchTemperatures();
}

export function startSample() {
  makeTemperatures();
  find("sample-count").max = server.limits.images;
  find("sample-per-level").addEventListener("input", switchTemperatures); // before the listener that sends a request
  part("sample", ".controls").addEventListener("input", (event) => event.target.matches("input") && followSettings());
  find("sample-class").onchange = followSettings;
  find("sample-grid").addEventListener("change", (event) => choose(Number(event.target.value)));
  find("sample-new-seed").onclick = () => drawSeed("sample-seed");
  find("sample-save").onclick = () => chosenSample() && save(bytesOf(chosenSample()), chosenSample().name);
  const withGrid = (work) => () => run("sample", async () => work(await requestGrid()));
  find("sample-save-grid").onclick = withGrid(async (grid) => save(await grid.blob(), "grid.png"));
  find("sample-copy").onclick = withGrid((grid) => showCommand("sample", grid.headers.get("X-Glow-Command")));
  followSettings();
}
