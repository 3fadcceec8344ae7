// Starts the page: loads what the server says about its model, then the views.

import {hasClasses, levelCount, loadModel, server} from "./api.js";
import {counted, find, make} from "./dom.js";
import {editFile, startEdit} from "./edit.js";
import {startFiles} from "./files.js";
import {mixFiles, startMix} from "./mix.js";
import {startSample} from "./sample.js";
import {scoreFiles, startScore} from "./score.js";
import {startViews} from "./views.js";

function showModel() {
  const {file, model, parameters, version} = server;
  const colours = {1: "grey", 3: "colour"}[model.channels] ?? counted(model.channels, "channel");
  const levels = model.levels ? `, ${counted(levelCount(), "level")}` : "";
  const size = `${model.width} × ${model.height} ${colours}, ${model.bits} bits${levels}`;
  const counts = `${parameters.toLocaleString("en")} parameters`;
  find("about").textContent = `${file}: ${model.family}, ${size}, ${counts}. Version ${version}.`;
  document.title = `${file.split("/").pop()} – Glow`;
  document.body.classList.toggle("small", Math.max(model.width, model.height) <= 128);
}

function makeClassLists() {
  for (const label of document.querySelectorAll(".class")) {
    label.hidden = !hasClasses();
    const select = label.querySelector("select");
    if (select.id === "sample-class" || !hasClasses()) select.append(make("option", {value: ""}, "any"));
    select.append(...server.classes.map((name) => make("option", {}, name)));
  }
}

async function start() {
  await loadModel();
  showModel();
  makeClassLists();
  startViews();
  startSample();
  startEdit();
  startMix();
  startScore();
  startFiles({edit: ([file]) => editFile(file), mix: mixFiles, score: scoreFiles});
  find("main").hidden = false;
}

start().catch((error) => (find("start-problem").textContent = error.message));
