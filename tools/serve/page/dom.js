// Elements of the page and their values. Text is inserted as text only, never as markup.

export const find = (id) => document.getElementById(id);
export const part = (view, selector) => find(view).querySelector(selector);
export const counted = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;

function complete(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function make(tag, attributes = {}, ...children) {
  return complete(document.createElement(tag), attributes, children);
}

export function makeSvg(tag, attributes = {}, ...children) {
  return complete(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

// A slider with its label and value. The input has a function `set`, which also writes the value.
export function makeSlider(id, label, {min, max, step, value}) {
  const input = make("input", {id, type: "range", min, max, step, value});
  const output = make("output", {for: id});
  const write = () => (output.textContent = min < 0 && input.value > 0 ? `+${input.value}` : input.value);
  input.addEventListener("input", write);
  input.set = (number) => {
    input.value = number;
    write();
  };
  write();
  return make("div", {class: "slider"}, make("label", {for: id}, label), output, input);
}

const inputsOf = (id, selector = "input") => [...find(id).querySelectorAll(selector)];
export const numbersOf = (id, selector) => inputsOf(id, selector).map((input) => Number(input.value));
export const setSliders = (id, values, selector) =>
  inputsOf(id, selector).forEach((input, i) => input.set(values[i]));

// Of an input for a number; throws an error that names it.
export function numberOf(id) {
  const input = find(id);
  const name = input.labels[0].textContent.trim();
  if (!input.checkValidity()) throw new Error(`${name}: ${input.validationMessage}`);
  return Number(input.value);
}

export function drawSeed(id) {
  find(id).value = crypto.getRandomValues(new Uint32Array(1))[0];
  for (const type of ["input", "change"]) find(id).dispatchEvent(new Event(type, {bubbles: true}));
}

export function save(blob, name) {
  const href = URL.createObjectURL(blob);
  make("a", {href, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(href), 60000); // a browser may read it after the click
}
