// Commands of the tools that compute what a view shows.

import {hasClasses, server} from "./api.js";
import {find, part} from "./dom.js";
import {show} from "./views.js";

// As a word of a shell.
export const word = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
export const fileWord = (name) => word(name.startsWith("-") ? `./${name}` : name);
export const listWord = (items) => word(items.map((item) => item.replace(/[,\\]/g, "\\$&")).join(","));

// The file that glow-edit writes for the image `place` of a folder.
export const numbered = (folder, place) => `${folder}/${String(place).padStart(6, "0")}.png`;

// `inputs` are pictures or names of files; the class of all is that of `picture`.
export function editCommand(name, inputs, flags, picture = inputs[0]) {
  const classFlag = hasClasses() && picture.className ? ` --class ${word(picture.className)}` : "";
  const files = inputs.map((input) => fileWord(input.name ?? input)).join(" ");
  return `glow-edit ${name} ${fileWord(server.file)} ${files}${classFlag} ${flags}`;
}

export async function showCommand(view, text) {
  const box = find(`${view}-command`);
  box.closest("label").hidden = false;
  box.value = text;
  try {
    await navigator.clipboard.writeText(text);
    show(view, "", "Copied the command.");
  } catch {
    box.select(); // no clipboard without https
    show(view, "", "Copy the selected command.");
  }
}

// When settings change, the command that is shown would be another one.
export function hideCommand(view) {
  part(view, ".command").hidden = true;
}
