// Files that are chosen, dropped or pasted.

import {find} from "./dom.js";
import {currentView, open, run} from "./views.js";

// `takers` has, by view, what is done with files in it.
export function startFiles(takers) {
  // Sample takes no files; there they go on in Edit.
  const take = (list) => {
    const files = [...list];
    if (files.length === 0) return;
    if (!takers[currentView()]) open("edit");
    const view = currentView();
    run(view, () => takers[view](files));
  };
  for (const view of Object.keys(takers)) {
    find(`${view}-file`).onchange = (event) => {
      take(event.target.files);
      event.target.value = ""; // so that the same file can be chosen again
    };
  }
  const mark = (isDragged) => document.body.classList.toggle("dragging", isDragged);
  document.addEventListener("paste", (event) => take(event.clipboardData.files));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget ?? mark(false));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    take(event.dataTransfer.files);
  });
}
