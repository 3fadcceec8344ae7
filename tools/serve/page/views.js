// The four views, of which one is open, and the work that each of them does.

import {find, part} from "./dom.js";

const views = ["sample", "edit", "mix", "score"];
const lastWork = {}; // by view, the promise of the work that was added last
const openers = {}; // by view, what is called when it is opened

export function show(view, problem, status) {
  part(view, ".problem").textContent = problem;
  if (status !== undefined) part(view, ".status").textContent = status;
}

async function attempt(view, work) {
  try {
    await work();
    show(view, "");
  } catch (error) {
    show(view, error.message);
  }
}

// Runs `work` when the earlier work of the view is done. The view is marked as busy until its last work is done.
export function run(view, work) {
  const result = part(view, ".result");
  result.setAttribute("aria-busy", "true");
  const own = (lastWork[view] ?? Promise.resolve()).then(() => attempt(view, work));
  lastWork[view] = own;
  own.then(() => own === lastWork[view] && result.removeAttribute("aria-busy"));
}

// A function that runs `work` with the newest settings. While it runs, further calls lead to one more run together.
export function follow(view, work) {
  let isWaiting = false;
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    run(view, () => {
      isWaiting = false;
      return work();
    });
  };
}

export function currentView() {
  return views.find((view) => !find(view).hidden);
}

export function whenOpened(view, work) {
  openers[view] = work;
}

export function open(view) {
  for (const each of views) {
    find(each).hidden = each !== view;
    find(`tab-${each}`).setAttribute("aria-selected", each === view);
    find(`tab-${each}`).tabIndex = each === view ? 0 : -1;
  }
  find(`tab-${view}`).focus();
  openers[view]?.();
}

function openByKey(event) {
  const place = views.indexOf(currentView());
  const target = {ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: -1}[event.key];
  if (target === undefined) return;
  event.preventDefault();
  open(views.at(target % views.length));
}

export function startViews() {
  for (const view of views) find(`tab-${view}`).onclick = () => open(view);
  find("tabs").addEventListener("keydown", openByKey);
}
