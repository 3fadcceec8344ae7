// The view Edit.

import {levelCount, levelName, server} from "./api.js";
import {editCommand, fileWord, hideCommand, listWord, numbered, showCommand} from "./commands.js";
import {counted, drawSeed, find, makeSlider, numberOf, numbersOf, part, save, setSliders} from "./dom.js";
import {nextExample} from "./examples.js";
import {bitsText, bytesOf, checkImages, differingPixels, encode, fileOf, fromLatents, pictureOf,
        setPicture} from "./pictures.js";
import {chosenSample} from "./sample.js";
import {currentView, follow, open, run, show, whenOpened} from "./views.js";

// Settings: the values of the controls and the picture that is edited. `earlier` has those that Undo goes back to.
let settings = null;
let earlier = [];
let result = null;
let original = null; // the picture that is shown beside the result

export const editedPicture = () => result;

function noEdit(picture) {
  const amounts = Array(levelCount()).fill(0);
  return {picture, strengths: server.directions.map(() => 0), amounts, temperature: 1, seed: 0};
}

function readControls() {
  return {picture: settings.picture, strengths: numbersOf("edit-directions"),
          amounts: numbersOf("edit-amounts", ".amount input"), temperature: Number(find("edit-temperature").value),
          seed: numberOf("edit-seed")};
}

function setControls(newSettings) {
  settings = newSettings;
  setSliders("edit-directions", settings.strengths);
  setSliders("edit-amounts", settings.amounts, ".amount input");
  find("edit-temperature").set(settings.temperature);
  find("edit-seed").value = settings.seed;
  find("edit-undo").disabled = earlier.length === 0;
  followSettings();
}

// Makes `newSettings` those of the controls; Undo goes back to the ones before.
function change(newSettings) {
  if (settings) earlier.push(settings);
  setControls(newSettings);
}

function undo() {
  if (earlier.length > 0) setControls(earlier.pop());
  if (find("edit-undo").disabled) find("edit-reset").focus();
}

export function editPicture(picture) {
  change(noEdit(picture));
  if (currentView() !== "edit") open("edit");
}

function bodyOf({strengths, amounts: amount, temperature, seed}) {
  const places = [...strengths.keys()].filter((k) => strengths[k] !== 0);
  const moves = {direction: places.map((k) => server.directions[k]), strengths: places.map((k) => strengths[k])};
  return {...(places.length > 0 && moves), amount, temperature, seed};
}

async function compareText(picture, reconstruction) {
  const {bits} = server.model;
  const {count, total} = await differingPixels(picture, reconstruction);
  if (count > 0) return `${counted(count, "pixel")} of ${total} differ`;
  return bits < 8 ? `the same in the model’s ${bits} bits` : "the same bytes";
}

async function showOriginal(picture) {
  if (picture === original) return;
  const [image] = await fromLatents("/api/decode", [picture], () => ({}));
  const reconstruction = pictureOf(image, picture.name, picture.className);
  const text = await compareText(picture, reconstruction);
  setPicture(find("edit-original"), picture, `The image ${picture.name}`, 128);
  setPicture(find("edit-reconstruction"), reconstruction, "Its reconstruction", 128);
  find("edit-name").textContent = `${picture.name}, ${bitsText(picture)}`;
  find("edit-difference").textContent = `Reconstruction: ${text}`;
  original = picture;
}

const followSettings = follow("edit", async () => {
  if (!settings) return;
  hideCommand("edit");
  const {picture} = settings;
  await showOriginal(picture);
  const [image] = await fromLatents("/api/edit", [picture], () => bodyOf(readControls()));
  result = pictureOf(image, `edited-${picture.name.replace(/\.\w+$/, "")}.png`, picture.className);
  setPicture(find("edit-image"), result, "The edited image", 512);
  find("edit-bits").textContent = `Edited: ${bitsText(result)}`;
  find("edit-pictures").hidden = false;
  show("edit", "", "");
});

// One command for the noise if all levels have the same amount, else one a level; then one for each strength.
function commandsOf({picture, strengths, amounts, temperature, seed}) {
  const commands = [];
  let input = picture.name;
  const add = (name, flags, place) => {
    const folder = `step${commands.length + 1}`;
    commands.push(editCommand(name, [input], `${flags}--out ${folder}/`, picture));
    input = numbered(folder, place);
  };
  const vary = (flags, amount, place) =>
    add("vary", `${flags}--amounts ${amount} --variations 1 --temperature ${temperature} --seed ${seed} `, place);
  if (amounts.every((amount) => amount === amounts[0])) amounts[0] > 0 && vary("", amounts[0], 1);
  else amounts.forEach((amount, level) => amount > 0 && vary("--per-level ", amount, 2 * level + 1));
  for (const strength of new Set(strengths.filter((each) => each !== 0))) {
    const names = server.directions.filter((_, k) => strengths[k] === strength);
    const together = names.length > 1 ? " --together" : "";
    const file = fileWord(server.directions_file);
    add("apply", `--directions ${file} --direction ${listWord(names)}${together} --strengths ${strength} `, 0);
  }
  if (commands.length === 0) add("reconstruct", "", 1);
  const note = commands.length > 1 ? "; each command rounds the image to bytes for the next" : "";
  return [...commands, `# the picture is ${input}${note}`].join("\n");
}

export async function editFile(file) {
  await checkImages([file]);
  const [picture] = await encode([file], find("edit-class").value);
  editPicture(picture);
}

function makeSliders() {
  const strengths = {min: -2, max: 2, step: 0.1, value: 0};
  find("edit-directions").append(
    ...server.directions.map((name, k) => makeSlider(`edit-direction-${k}`, name, strengths)));
  find("edit-directions").hidden = server.directions.length === 0;
  for (let level = 0; level < levelCount(); ++level) {
    const name = levelCount() > 1 ? levelName(level) : "All latents";
    const amount = makeSlider(`edit-amount-${level}`, name, {min: 0, max: 1, step: 0.05, value: 0});
    amount.classList.add("amount");
    find("edit-amounts").append(amount);
  }
  find("edit-amounts").append(makeSlider("edit-temperature", "Temperature", {min: 0, max: 1.5, step: 0.05, value: 1}));
}

// A slider sends `input` at each step, which the picture follows, and `change` at the end, which Undo takes back.
function listenToControls() {
  const isSetting = (input) => settings && (input.type === "range" || input.type === "number");
  const controls = part("edit", ".controls");
  controls.addEventListener("input", (event) => isSetting(event.target) && followSettings());
  controls.addEventListener("change", ({target}) => {
    if (isSetting(target) && find("edit-seed").checkValidity() && target.checkValidity()) change(readControls());
  });
  find("edit-class").onchange = () => settings && run("edit", () => editFile(fileOf(settings.picture)));
  find("edit-new-seed").onclick = () => drawSeed("edit-seed");
  find("edit-example").onclick = () =>
    run("edit", async () => editPicture(await nextExample(find("edit-class").value)));
}

export function startEdit() {
  makeSliders();
  listenToControls();
  const editSample = () => chosenSample() && editPicture(chosenSample());
  find("sample-edit").onclick = editSample;
  whenOpened("edit", () => !settings && editSample());
  find("edit-undo").onclick = undo;
  find("edit-reset").onclick = () => settings && change(noEdit(settings.picture));
  find("edit-save").onclick = () => result && save(bytesOf(result), result.name);
  find("edit-copy").onclick = () => result && run("edit", () => showCommand("edit", commandsOf(readControls())));
  find("edit").addEventListener("keydown", (event) => {
    if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.target.type === "number") return;
    event.preventDefault();
    undo();
  });
}
