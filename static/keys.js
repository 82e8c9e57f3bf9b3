// The keys of every page: Ctrl K opens the palette, ? tells the keys, / searches, g and a letter goes somewhere.
// Those of a single key rest while one types, and can be turned off (WCAG 2.1.4).

import { openPalette } from "./palette.js";

const OFF = "deployer.keys-off";
const SECOND_KEY_WITHIN = 1500;
const keys = document.getElementById("keys");
const off = document.getElementById("keys-off");
const app = document.body.dataset.app;

const EVERYWHERE = { a: "/", h: "/releases", v: "/activity" };
const OF_APP = { o: "", r: "/releases", b: "/builds", e: "/env", p: "/processes", l: "/logs", s: "/settings" };
let awaited = 0;

function go(key) {
  if (key in EVERYWHERE) location.assign(EVERYWHERE[key]);
  else if (app && key in OF_APP) location.assign(`/apps/${app}${OF_APP[key]}`);
}

const FIELDS = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";

// The field of a dialog that has just closed may still be the target of the next key.
function isTyping(element) {
  return element instanceof Element && element.closest(FIELDS) && !element.closest("dialog:not([open])");
}

function search() {
  const field = document.querySelector("main [data-search]");
  if (!field) return openPalette();
  field.focus();
  field.select?.();
  field.scrollIntoView({ block: "nearest" });
}

function showKeys() {
  document.getElementById("palette").close();
  if (!keys.open) keys.showModal();
}

const single = {
  "/": search,
  "?": showKeys,
  g: () => { awaited = Date.now(); },
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    keys.close();
    openPalette();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || off.checked || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const isSecond = Date.now() - awaited < SECOND_KEY_WITHIN;
  awaited = 0;
  if (isSecond && event.key.length === 1) {
    event.preventDefault();
    go(event.key);
  } else if (event.key in single) {
    event.preventDefault();
    single[event.key]();
  }
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-opens]");
  if (opener && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    if (opener.dataset.opens === "keys") showKeys();
    else openPalette();
  } else if (event.target instanceof HTMLDialogElement && event.target.open) {
    event.target.close(); // outside of what it shows
  }
});

off.checked = localStorage.getItem(OFF) === "yes";
off.addEventListener("change", () => {
  if (off.checked) localStorage.setItem(OFF, "yes");
  else localStorage.removeItem(OFF);
});
if (/Mac|iPhone|iPad/.test(navigator.platform)) {
  for (const key of document.querySelectorAll(".opens kbd")) key.textContent = "⌘ K";
}
