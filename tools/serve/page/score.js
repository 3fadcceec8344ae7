// The view Score.

import {hasClasses, requestWithFiles, server} from "./api.js";
import {fileWord, hideCommand, showCommand} from "./commands.js";
import {counted, find, make, numberOf, part} from "./dom.js";
import {makeHistogram, medianOf} from "./histogram.js";
import {checkImages} from "./pictures.js";
import {follow, run, show} from "./views.js";

// The scores that images can be compared by with the reference images.
const comparisons = {
  bits_per_dim: {axis: "bits/dim", rank: "rank", more: "more bits/dim than"},
  complexity_corrected: {axis: "corrected score", rank: "complexity_rank", more: "a larger corrected score than"},
};

let files = []; // {file, src}
let scored = []; // the files of the newest scores
let rows = []; // of the answer, with `src`
let sortedBy = 1; // the place of a column
let isDescending = true;

const percent = (share) => `${Number((100 * share).toFixed(1))}\u00a0%`; // not split between lines
const referencesText = () => counted(server.reference.images, "reference image");

// ---- Reference images

function rankText(row) {
  const {rank, more} = comparisons[find("score-compare").value];
  return `${more} ${percent(row[rank])} of the ${referencesText()}`;
}

function showHistogram() {
  if (!server.reference) return;
  const score = find("score-compare").value;
  const {axis} = comparisons[score];
  const sorted = server.reference[score];
  const [first, median, last] = [sorted[0], medianOf(sorted), sorted.at(-1)].map((value) => value.toFixed(3));
  const marked = rows.length > 0 ? ` Marked: ${counted(rows.length, "image")}.` : "";
  const description = `Histogram of the ${axis} of the ${referencesText()}: ` +
    `from ${first} to ${last}, median ${median}.${marked}`;
  const marks = rows.map((row) => ({value: row[score], name: row.name}));
  find("score-histogram").replaceChildren(makeHistogram({sorted, marks, axis, description}));
}

function startReference() {
  const {reference} = server;
  find("score-reference").hidden = !reference;
  find("score-no-reference").hidden = Boolean(reference);
  if (reference) find("score-reference-title").textContent = `${referencesText()} of ${reference.source}`;
  find("score-compare").addEventListener("change", showScores);
}

// ---- The table

function columns() {
  const number = (name, title) => ({title, value: (row) => row[name], text: (value) => value.toFixed(3)});
  const classColumn = (title, k) => ({title, value: (row) => row.classes[k],
                                      text: (share) => `${(100 * share).toFixed(1)} %`});
  return [{title: "Image", value: (row) => row.name, text: String}, number("bits_per_dim", "bits/dim"),
          number("png_bits_per_dim", "as PNG"), number("complexity_corrected", "corrected"),
          ...server.classes.map(classColumn)];
}

function compare(one, other) {
  return typeof one === "string" ? one.localeCompare(other) : one - other;
}

function sortBy(place) {
  isDescending = sortedBy === place ? !isDescending : place !== 0;
  sortedBy = place;
  showScores();
}

function makeHead() {
  const cells = columns().map(({title}, place) => {
    const button = make("button", {}, title);
    button.onclick = () => sortBy(place);
    return make("th", {scope: "col", "aria-sort": "none"}, button);
  });
  part("score", "thead tr").append(...cells);
}

function showOrder() {
  part("score", "thead tr").childNodes.forEach((cell, place) => {
    cell.setAttribute("aria-sort", place !== sortedBy ? "none" : isDescending ? "descending" : "ascending");
    cell.firstChild.dataset.sign = place !== sortedBy ? "" : isDescending ? "↓" : "↑";
  });
}

function lineOf(row) {
  const [name, ...scores] = columns().map(({value, text}) => text(value(row)));
  const texts = make("span", {class: "texts"}, make("span", {class: "name"}, name));
  if (server.reference) texts.append(make("span", {class: "soft rank"}, rankText(row)));
  const first = make("div", {class: "scored"}, make("img", {src: row.src, alt: ""}), texts);
  return make("tr", {}, make("td", {}, first), ...scores.map((text) => make("td", {}, text)));
}

function showScores() {
  const {value} = columns()[sortedBy];
  const sorted = [...rows].sort((one, other) => compare(value(one), value(other)) * (isDescending ? -1 : 1));
  showOrder();
  part("score", "tbody").replaceChildren(...sorted.map(lineOf));
  find("score-table").hidden = rows.length === 0;
  showHistogram();
}

// ---- Images

// After a refusal the files are again those that were scored last, so that one of a wrong kind does not stay.
async function scoresOf(asked) {
  try {
    const path = `/api/score?draws=${numberOf("score-draws")}`;
    return (await requestWithFiles(path, asked.map(({file}) => file))).images;
  } catch (error) {
    if (error.status === 400 && asked === files) files = scored;
    throw error;
  }
}

const followSettings = follow("score", async () => {
  hideCommand("score");
  const asked = files;
  if (asked.length > 0) {
    const images = await scoresOf(asked);
    if (asked !== files) return; // another request follows
    rows = images.map((image, i) => ({...image, src: asked[i].src}));
  } else {
    rows = [];
  }
  scored = asked;
  showScores();
  show("score", "", rows.length > 0 ? counted(rows.length, "image") : "Add images.");
});

export async function scoreFiles(list) {
  await checkImages(list);
  const {images: most} = server.limits;
  if (files.length + list.length > most) throw new Error(`At most ${most} images can be scored at once.`);
  files = [...files, ...list.map((file) => ({file, src: URL.createObjectURL(file)}))];
  followSettings();
}

function clear() {
  for (const {src} of files) URL.revokeObjectURL(src);
  files = [];
  followSettings();
}

function commandOfScores() {
  if (files.length === 0) throw new Error("Add images first.");
  const names = files.map(({file}) => fileWord(file.name)).join(" ");
  const marginal = hasClasses() ? " --classes marginal" : "";
  const flags = `--draws ${numberOf("score-draws")} --seed 0${marginal} --scores scores.csv`;
  return `glow-eval ${fileWord(server.file)} ${names} ${flags}`;
}

export function startScore() {
  makeHead();
  startReference();
  showScores();
  followSettings();
  find("score-draws").addEventListener("input", followSettings);
  find("score-clear").onclick = clear;
  find("score-copy").onclick = () => run("score", () => showCommand("score", commandOfScores()));
}
