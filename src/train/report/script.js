
// Fills the places in page.html with the data of the run.

const data = JSON.parse(document.getElementById("data").textContent);
const {record} = data;
const config = parsed(data.config);
const part = (name) => (config[name] && typeof config[name] === "object" ? config[name] : {});
const totalSteps = Number(part("resolved").steps) || 0;

function parsed(text) {
  try {
    const value = JSON.parse(text);
    return value && typeof value === "object" ? value : {};
  } catch {
    return {};
  }
}

function curve(name) {
  return record.curves[name] || {steps: [], values: [], missing: 0};
}

function lastOf(name) {
  return curve(name).values.at(-1);
}

// The value of a curve at a step; only the points that are shown are searched.
function valueAt(name, step) {
  const {steps, values} = curve(name);
  return steps.length ? values[nearest(steps, step)] : undefined;
}

function show(id) {
  document.getElementById(id).hidden = false;
  return document.getElementById(id);
}

function duration(seconds) {
  const minutes = Math.round(seconds / 60);
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function bytes(count) {
  return count < 1e9 ? `${formatNumber(count / 1e6)} MB` : `${formatNumber(count / 1e9)} GB`;
}

const bits = (value) => value.toFixed(value < 0.1 ? 4 : 3);
const counted = (count, thing) => `${formatStep(count)} ${thing}${count === 1 ? "" : "s"}`;

function showHead() {
  document.title = `${data.name} – Glow`;
  document.getElementById("name").textContent = data.name;
  const {last_step: step} = record;
  const written = new Date(document.lastModified).toLocaleString([], {dateStyle: "medium", timeStyle: "short"});
  const done = totalSteps ? `Step ${formatStep(step)} of ${formatStep(totalSteps)}` : `Step ${formatStep(step)}`;
  const left = ((totalSteps - step) * lastOf("seconds")) / step;
  const remaining = left > 0 ? `, about ${duration(left)} to go; reload for what is newer` : "";
  document.getElementById("status").textContent = `${done}${remaining}. Written ${written}.`;
  if (totalSteps) Object.assign(show("progress"), {max: totalSteps, value: step});
}

function warnings() {
  const lines = [];
  const {skipped} = record;
  if (skipped) lines.push(`${counted(skipped, "step")} had no finite loss or gradient and changed nothing.`);
  for (const {step, from_step: from, rollbacks, not_finite: what} of record.rollbacks) {
    lines.push(`Return ${rollbacks}, from step ${formatStep(from)} to step ${formatStep(step)}, and on with half the ` +
      `learning rate; what was not finite: ${what}.`);
  }
  const lost = Math.max(curve("valid_reconstruction_error").missing, curve("noise_reconstruction_error").missing);
  if (lost) lines.push(`At ${counted(lost, "evaluation")} the model had no inverse.`);
  const unscored = lastOf("valid_non_finite");
  if (unscored) lines.push(`The last evaluation left out ${counted(unscored, "image")} without a finite density.`);
  return lines;
}

function showWarnings() {
  const lines = warnings();
  if (lines.length) show("warnings").append(...lines.map((line) => make("li", {}, line)));
}

function showFigures() {
  const figures = document.getElementById("figures");
  const add = (name, value, detail) =>
    figures.append(make("div", {}, make("dt", {}, name), make("dd", {}, value, make("small", {}, detail))));
  // A single image has no standard error.
  const plusMinus = (error) => (error === undefined ? "" : `± ${bits(error)} `);
  const best = record.best_step;
  const bestBits = best === undefined ? undefined : valueAt("valid_bits_per_dim", best);
  if (bestBits !== undefined) {
    const error = plusMinus(valueAt("valid_standard_error", best));
    add("Best validation", bits(bestBits), `${error}bits/dim, at step ${formatStep(best)}`);
  }
  const test = lastOf("test_bits_per_dim"), training = lastOf("bits_per_dim_smoothed");
  if (test !== undefined) add("Test", bits(test), `${plusMinus(lastOf("test_standard_error"))}bits/dim, the best model`);
  if (training !== undefined) add("Training", bits(training), "bits/dim, of late");
  const speed = lastOf("images_per_second"), seconds = lastOf("seconds");
  if (speed !== undefined) add("Speed", formatNumber(speed), "images/s, training");
  if (seconds !== undefined) {
    const memory = bytes(Math.max(...curve("peak_memory_bytes").values));
    add("Time", duration(seconds), `${memory} of memory at most`);
  }
}

function chartSpecs() {
  const marks = [...record.skipped_steps, ...record.rollbacks.map(({step}) => step)];
  const bitsPerDim = [
    {name: "batches", colour: "first", curve: curve("bits_per_dim"), faint: true},
    {name: "training", colour: "first", curve: curve("bits_per_dim_smoothed"), format: bits},
    {name: "validation", colour: "second", curve: curve("valid_bits_per_dim"), errors: curve("valid_standard_error"),
      format: bits},
  ];
  const errors = [
    {name: "validation images", colour: "first", curve: curve("valid_reconstruction_error")},
    {name: "black, grey, white", colour: "second", curve: curve("constant_reconstruction_error")},
    {name: "noise", colour: "third", curve: curve("noise_reconstruction_error")},
  ];
  const only = (name, colour = "first") => [{name: "", colour, curve: curve(name)}];
  const bins = 2 ** Number(part("model").bits);
  const limit = bins ? {name: "half a bin", value: 0.5 / bins} : undefined;
  const classBits = curve("class_bits").values.some((value) => value > 0) ? only("class_bits") : [];
  return [
    {id: "bits", title: "Bits per dimension", series: bitsPerDim, wide: true, marks,
      markName: "skipped steps, returns"},
    {id: "rate", title: "Learning rate", series: only("learning_rate"), fromZero: true},
    {id: "speed", title: "Images per second", series: only("images_per_second"), fromZero: true},
    {id: "gradient", title: "Gradient norm", series: only("gradient_norm"), log: true},
    {id: "classes", title: "Class bits per image", series: classBits, fromZero: true},
    {id: "reconstruction", title: "Reconstruction error", series: errors, log: true, limit},
    {id: "singular", title: "Smallest singular value", series: only("smallest_singular_value", "third"), log: true},
    {id: "scale", title: "Largest scale", series: only("largest_scale", "fourth"), log: true},
    {id: "rebuilt", title: "Error of rebuilt flow variables", series: only("reconstruction_error"), log: true},
  ];
}

function showCurves() {
  for (const spec of chartSpecs()) {
    if (!spec.series.some((one) => one.curve.values.some((value) => !spec.log || value > 0))) continue;
    show("curves");
    document.getElementById("charts").append(new Chart(spec).figure);
  }
}

// Enlarges a small image as far as the width allows, by a whole number of screen pixels for each of its pixels.
function enlarge(image) {
  const fit = () => {
    const beside = image.previousElementSibling;
    const room = image.parentElement.clientWidth - (beside ? beside.offsetWidth + 12 : 0);
    const times = Math.floor((Math.min(room, 540) * devicePixelRatio) / image.naturalWidth);
    image.classList.toggle("enlarged", times > devicePixelRatio);
    image.width = times ? (times * image.naturalWidth) / devicePixelRatio : room;
  };
  image.addEventListener("load", fit);
  addEventListener("resize", fit);
}

function showGrids() {
  const {count, shown} = data.grids;
  if (!shown.length) return;
  show("pictures");
  show("grids");
  const slider = document.getElementById("grid"), image = document.getElementById("grid-image");
  const showGrid = () => {
    const {step, image: source} = shown[slider.value];
    document.getElementById("grid-step").textContent = formatStep(step);
    slider.setAttribute("aria-valuetext", `step ${formatStep(step)}`);
    image.alt = `samples after step ${formatStep(step)}`;
    image.src = source;
  };
  enlarge(image);
  slider.max = slider.value = shown.length - 1;
  slider.disabled = shown.length === 1;
  slider.addEventListener("input", showGrid);
  showGrid();
  if (shown.length < count) {
    document.getElementById("grids-shown").textContent =
      `${shown.length} of ${formatStep(count)} grids; all are in samples/.`;
  }
}

function levelRows() {
  const levels = Number(part("model").levels) || 0;
  const drawn = Array.from({length: levels}, (_, i) => (i ? `levels 1–${i + 1} anew` : "level 1 anew"));
  if (levels > 1) drawn[levels - 1] = "all levels anew";
  return levels ? ["original", "reconstructed", ...drawn] : [];
}

function showPictures() {
  const temperatures = data.pictures.temperatures.rows.map((temperature) => temperature.toFixed(1));
  const rows = {temperatures, levels: levelRows(), interpolations: []};
  for (const [id, {image: source}] of Object.entries(data.pictures)) {
    if (!source) continue;
    show("pictures");
    const figure = show(id);
    const image = make("img", {alt: figure.querySelector("h3").textContent});
    const labels = make("ol", {}, ...rows[id].map((row) => make("li", {}, row)));
    figure.querySelector(".rows").append(...(rows[id].length ? [labels] : []), image);
    enlarge(image);
    image.src = source;
  }
}

function quoted(word) {
  return /^[\w.,:/=+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

// Keeps a flag and its value on one line if the line is long enough.
function brokenBetweenFlags(words) {
  const flags = [];
  for (const word of words.map(quoted)) {
    if (word.startsWith("--") || !flags.length) flags.push(word);
    else flags[flags.length - 1] += ` ${word}`;
  }
  return flags.flatMap((flag, i) => (i ? [" ", make("span", {}, flag)] : [make("span", {}, flag)]));
}

function showHowToReproduce() {
  const {glow, libtorch} = part("versions"), {device, threads} = part("resolved"), {seed} = part("options");
  const facts = [glow && `Glow ${glow}`, libtorch && `LibTorch ${libtorch}`, device && `device ${device}`,
    threads && counted(threads, "thread"), seed !== undefined && `seed ${seed}`].filter(Boolean);
  if (Array.isArray(config.command)) show("command").append(...brokenBetweenFlags(config.command.map(String)));
  if (facts.length) {
    document.getElementById("versions").textContent = `With ${facts.join(", ")} the same command writes the same ` +
      "bytes, but for times; another device or number of threads gives other last digits.";
  }
  if (facts.length || Array.isArray(config.command)) show("reproduce");
}

function showSettings() {
  const text = (value) => (typeof value === "string" ? value || "–" : JSON.stringify(value));
  const isGroup = (value) => value && typeof value === "object" && !Array.isArray(value);
  const table = (name, entries) => make("table", {class: entries.length > 20 ? "long" : ""}, make("caption", {}, name),
    make("tbody", {}, ...entries.map(([key, value]) =>
      make("tr", {}, make("th", {scope: "row"}, key.replaceAll("_", " ")), make("td", {}, text(value))))));
  const entries = Object.entries(config).filter(([name]) => name !== "command");
  const single = entries.filter(([, value]) => !isGroup(value));
  const groups = entries.filter(([, value]) => isGroup(value));
  const tables = groups.map(([name, value]) => table(name, Object.entries(value)));
  if (single.length) tables.push(table("run", single));
  if (tables.length) show("settings");
  document.getElementById("tables").append(...tables);
}

showHead();
showWarnings();
showFigures();
showCurves();
showGrids();
showPictures();
showHowToReproduce();
showSettings();
