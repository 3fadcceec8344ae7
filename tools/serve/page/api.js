// Requests to the server; docs/http.md describes them.

import {find} from "./dom.js";

export const server = {}; // the answer of /api/model

const mostAttempts = 20; // of a request that a busy server refuses

let token = "";
let tokenRequest = null;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function askForToken() {
  const dialog = find("token-dialog");
  find("token-problem").textContent = token ? "The server does not accept this token." : "";
  tokenRequest ??= new Promise((resolve, reject) => {
    find("token-form").onsubmit = (event) => {
      event.preventDefault();
      token = find("token").value;
      dialog.close();
      resolve();
    };
    dialog.oncancel = () => reject(new Error("The server needs a token."));
    dialog.showModal();
  }).finally(() => (tokenRequest = null));
  return tokenRequest;
}

// The token in the page's address is removed from it, so that the history and copied addresses do not have it.
function takeTokenOfAddress() {
  const given = /^#token=(.+)$/.exec(location.hash)?.[1];
  if (!given) return;
  try {
    token = decodeURIComponent(given);
  } catch {
    token = given;
  }
  history.replaceState(null, "", location.pathname);
}

async function errorOf(response) {
  const body = await response.json().catch(() => ({}));
  return Object.assign(new Error(body.error ?? `the server answered ${response.status}`), {status: response.status});
}

// `options` gives those of fetch; it is called anew for each attempt, so that the newest settings are sent.
export async function request(path, options = () => ({})) {
  for (let attempt = 1; ; ++attempt) {
    const {headers, ...others} = options();
    const own = token ? {Authorization: `Bearer ${token}`} : {};
    const all = {Accept: "application/json", ...own, ...headers};
    const response = await fetch(path, {...others, headers: all}).catch(() => {
      throw new Error("The server does not answer.");
    });
    const seconds = Number(response.headers.get("Retry-After"));
    if (response.ok) return response;
    if (response.status === 401) await askForToken();
    else if (response.status === 503 && seconds > 0 && attempt < mostAttempts) await pause(1000 * seconds);
    else throw await errorOf(response);
  }
}

export function jsonBody(body, headers = {}) {
  return {method: "POST", headers: {"Content-Type": "application/json", ...headers}, body: JSON.stringify(body)};
}

// The answer for image files.
export async function requestWithFiles(path, files) {
  const body = new FormData();
  for (const file of files) body.append("images", file, file.name);
  return (await request(path, () => ({method: "POST", body}))).json();
}

export async function loadModel() {
  takeTokenOfAddress();
  Object.assign(server, await (await request("/api/model")).json());
}

export const hasClasses = () => server.classes.length > 0;
export const levelCount = () => server.model.levels ?? 1;

export function levelName(level) {
  return `Level ${level}${level === 0 ? " (finest)" : level === levelCount() - 1 ? " (coarsest)" : ""}`;
}
