// The view Mix.

import {server} from "./api.js";
import {editCommand, hideCommand, numbered, showCommand} from "./commands.js";
import {counted, find, make, makeSlider, save} from "./dom.js";
import {editedPicture, editPicture} from "./edit.js";
import {nextExample} from "./examples.js";
import {bitsText, bytesOf, checkImages, encode, fromLatents, pictureOf, setPicture} from "./pictures.js";
import {chosenSample} from "./sample.js";
import {placeInSquare, showSquare, startSquare, steps} from "./square.js";
import {follow, run, show} from "./views.js";

const mostImages = 4;

let images = [];
let result = null;

const isSquare = () => images.length === mostImages;

// The images between which the picture is, and its place between them.
function settingsOfMix() {
  const kind = find("mix-kind").value;
  if (isSquare()) {
    const {across, down} = placeInSquare();
    return {between: images, at: [across, down], kind};
  }
  const place = Number(find("mix-place").value);
  const first = Math.min(Math.floor(place), images.length - 2);
  return {between: images.slice(first, first + 2), at: [Number((place - first).toFixed(2))], kind};
}

const followSettings = follow("mix", async () => {
  hideCommand("mix");
  if (images.length < 2) return;
  const {between, ...settings} = settingsOfMix();
  const [image] = await fromLatents("/api/mix", between, () => settings);
  result = pictureOf(image, "mix.png", between[0].className);
  setPicture(find("mix-image"), result, "The mix of the images", 512);
  find("mix-bits").textContent = bitsText(result);
  showState();
});

// Shows what the images allow.
function showState() {
  const hasResult = result !== null && images.length >= 2;
  find("mix-pictures").hidden = !hasResult;
  for (const name of ["edit", "save", "copy"]) find(`mix-${name}`).disabled = !hasResult;
  show("mix", "", images.length < 2 ? "Add two to four images." : counted(images.length, "image"));
}

function itemOf(picture, place) {
  const remove = make("button", {"aria-label": `Remove image ${place + 1}, ${picture.name}`}, "Remove");
  remove.onclick = () => removeImage(place);
  const image = make("img", {src: picture.src, alt: ""});
  return make("li", {}, image, make("span", {class: "soft", title: picture.name}, picture.name), remove);
}

function setImages(newImages) {
  images = newImages;
  find("mix-images").replaceChildren(...images.map(itemOf));
  find("mix-path").hidden = images.length < 2 || isSquare();
  showSquare(images);
  const legs = images.length === 3 ? 2 : 1;
  const slider = find("mix-place");
  if (Number(slider.max) !== legs) {
    slider.max = legs;
    slider.set(legs / 2);
  }
  showState();
  followSettings();
}

function requireSpace(count) {
  if (images.length + count <= mostImages) return;
  throw new Error("Mix takes at most four images; remove some there first.");
}

// Each image is a copy, so that latents computed again for it belong to it alone.
function addImages(pictures) {
  requireSpace(pictures.length);
  setImages([...images, ...pictures.map((picture) => ({...picture}))]);
}

function removeImage(place) {
  setImages(images.filter((_, i) => i !== place));
  (find("mix-images").querySelectorAll("button")[Math.max(0, place - 1)] ?? find("mix-file")).focus();
}

export async function mixFiles(files) {
  requireSpace(files.length);
  await checkImages(files);
  addImages(await encode(files, find("mix-class").value));
}

async function addExamples(count) {
  requireSpace(count);
  const examples = [];
  while (examples.length < count) examples.push(await nextExample(find("mix-class").value));
  addImages(examples);
}

function commandsOfMix() {
  const {kind, at} = settingsOfMix();
  const path = (inputs, folder) =>
    editCommand("interpolate", inputs, `--kind ${kind} --frames ${steps + 1} --out ${folder}/`, images[0]);
  if (!isSquare()) {
    const place = Math.round(Number(find("mix-place").value) * steps);
    return `${path(images, "path")}\n# the picture is ${numbered("path", place)}`;
  }
  const [across, down] = at.map((each) => Math.round(each * steps));
  const commands = [path(images.slice(0, 2), "top"), path(images.slice(2), "bottom"),
                    path([numbered("top", across), numbered("bottom", across)], "path")];
  const note = "each command rounds images to bytes for the next";
  return [...commands, `# the picture is ${numbered("path", down)}; ${note}`].join("\n");
}

// A button of another view that adds a picture, with a message in that view.
function addFrom(view, picture) {
  find(`${view}-mix`).onclick = () =>
    picture() && run(view, () => {
      addImages([picture()]);
      show(view, "", `Added to Mix, which has ${counted(images.length, "image")}.`);
    });
}

export function startMix() {
  const range = {min: 0, max: 1, step: 1 / steps, value: 0.5};
  find("mix-path").append(makeSlider("mix-place", "Place on the path", range));
  find("mix-place").addEventListener("input", followSettings);
  find("mix-kind").addEventListener("change", followSettings);
  startSquare(followSettings);
  find("mix-example").onclick = () => run("mix", () => addExamples(1));
  find("mix-fill").onclick = () => run("mix", () => addExamples(mostImages - images.length));
  find("mix-edit").onclick = () => editPicture(result);
  find("mix-save").onclick = () => save(bytesOf(result), result.name);
  find("mix-copy").onclick = () => run("mix", () => showCommand("mix", commandsOfMix()));
  addFrom("sample", chosenSample);
  addFrom("edit", editedPicture);
  setImages([]);
}
