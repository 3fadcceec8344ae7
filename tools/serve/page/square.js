// The square with a point between four images.

import {find, make} from "./dom.js";

export const steps = 50; // between two images; the commands write as many images and one more
const place = {across: 0.5, down: 0.5}; // from 0 to 1
let afterMove = () => {};

export const placeInSquare = () => ({...place});

function move(across, down) {
  const inside = (value) => Math.min(1, Math.max(0, Math.round(value * steps) / steps));
  place.across = inside(across);
  place.down = inside(down);
  const [right, below] = [Math.round(100 * place.across), Math.round(100 * place.down)];
  find("mix-handle").style.left = `${right}%`;
  find("mix-handle").style.top = `${below}%`;
  find("mix-pad").setAttribute("aria-valuenow", right);
  find("mix-pad").setAttribute("aria-valuetext", `${right} % to the right, ${below} % down`);
  afterMove();
}

function moveByPointer(event) {
  const pad = find("mix-pad");
  if (event.type === "pointerdown") pad.setPointerCapture(event.pointerId);
  else if (!pad.hasPointerCapture(event.pointerId)) return;
  const {left, top, width, height} = pad.getBoundingClientRect();
  move((event.clientX - left) / width, (event.clientY - top) / height);
}

function moveByKey(event) {
  const step = (event.shiftKey ? 5 : 1) / steps;
  const moves = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step],
                 Home: [-1, 0], End: [1, 0], PageUp: [0, -1], PageDown: [0, 1]};
  const [right, below] = moves[event.key] ?? [];
  if (right === undefined) return;
  event.preventDefault();
  move(place.across + right, place.down + below);
}

// Shows the square with four images in its corners, or hides it.
export function showSquare(images) {
  find("mix-square").hidden = images.length !== 4;
  for (const corner of find("mix-pad").querySelectorAll("img")) corner.remove();
  if (images.length === 4) find("mix-pad").append(...images.map(({src}) => make("img", {src, alt: ""})));
}

// `followMoves` is called after each move of the point.
export function startSquare(followMoves) {
  for (const type of ["pointerdown", "pointermove"]) find("mix-pad").addEventListener(type, moveByPointer);
  find("mix-pad").addEventListener("keydown", moveByKey);
  move(place.across, place.down);
  afterMove = followMoves;
}
