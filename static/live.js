// What the server's live parts need in the browser: they are morphed, so that whatever a reader has begun there (typed,
// opened, selected, scrolled to, focused) stays; the tab's title and icon follow, and times count.

import { back, lost } from "./connection.js";

const SIGNED_OUT = 4401;
const icon = document.getElementById("icon");
const announcement = document.getElementById("announcement");
let announced = null;

// A server that restarts is back within seconds: don't wait for minutes.
htmx.config.wsReconnectDelay = (tries) => Math.min(4000, 250 * 2 ** tries) * (0.5 + Math.random() / 2);

function showTab() {
  const head = document.querySelector("[data-title]");
  if (!head) return;
  document.title = head.dataset.title;
  const shown = icon.getAttribute("href");
  const wanted = head.dataset.tone ? shown.replace(/[^/]+$/, `${head.dataset.tone}.svg`) : shown;
  if (shown !== wanted) icon.setAttribute("href", wanted);
  if (announced !== null && announced !== head.dataset.announce) announcement.textContent = head.dataset.announce;
  announced = head.dataset.announce;
}

// In the same words as `ago` and `elapsed` in releases/templatetags/shown.py.
function ago(moment) {
  const seconds = (Date.now() - moment) / 1000;
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  if (seconds < 2 * 86400) return "yesterday";
  if (seconds < 30 * 86400) return `${Math.floor(seconds / 86400)} days ago`;
  return moment.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
}

function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function tick() {
  for (const time of document.querySelectorAll("time[data-ago]")) write(time, ago(new Date(time.dateTime)));
  for (const time of document.querySelectorAll("time[data-elapsed]")) {
    if (time.dataset.elapsed) write(time, duration((Date.now() - new Date(time.dataset.elapsed)) / 1000));
  }
}

function write(element, text) {
  if (element.textContent === text) return;
  // The same text node stays: a selection that ends in it is not thrown away.
  if (element.firstChild?.nodeType === Node.TEXT_NODE) element.firstChild.data = text;
  else element.textContent = text;
}

// --- Morphing ---------------------------------------------------------------------------------------------------------

function isTyped(field) {
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field instanceof HTMLSelectElement) return [...field.options].some((one) => one.selected !== one.defaultSelected);
  return "defaultValue" in field && field.type !== "hidden" && field.value !== field.defaultValue;
}

// False: it stays as the reader has it.
function mayChange(attribute, element) {
  if (attribute === "open") return !element.matches("details, dialog");
  if (["value", "checked", "selected"].includes(attribute)) return !isTyped(element.closest("select") ?? element);
  return true;
}

function mayMorph(shown, drawn) {
  // Times count here by themselves: the server's text of the same moment is older than ours.
  if (shown.nodeName === "TIME" && drawn.nodeName === "TIME") return !isSameTime(shown, drawn);
  return !(shown.nodeName === "TEXTAREA" && isTyped(shown));
}

function isSameTime(one, other) {
  return one.dateTime === other.dateTime && one.dataset.elapsed === other.dataset.elapsed
    && (one.hasAttribute("data-ago") || Boolean(one.dataset.elapsed));
}

const MORPH = {
  morphStyle: "outerHTML",
  restoreFocus: true,
  callbacks: { beforeAttributeUpdated: mayChange, beforeNodeMorphed: mayMorph },
};

function redraw(message) {
  const parsed = document.createElement("template");
  parsed.innerHTML = message;
  for (const part of [...parsed.content.children]) {
    const shown = part.id && document.getElementById(part.id);
    if (!shown) continue;
    const focused = shown.contains(document.activeElement) ? document.activeElement : null;
    const after = focused && headingBefore(focused, shown);
    Idiomorph.morph(shown, part, MORPH);
    if (focused) keepFocus(focused, after, document.getElementById(part.id) ?? shown);
  }
}

// Where the focus goes when what had it is there no longer, or can be pressed no longer: the heading above it.
function headingBefore(element, section) {
  const headings = [...section.querySelectorAll("h1, h2, h3")];
  return headings.findLast((one) => one.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING) ?? section;
}

// The same one, or what took its place: of that ID, or the link to the same address.
function successor(element, section) {
  if (element.isConnected) return element;
  if (element.id) return document.getElementById(element.id);
  const address = element.getAttribute("href");
  return address && section.querySelector(`a[href="${CSS.escape(address)}"]`);
}

function keepFocus(element, after, section) {
  const present = successor(element, section);
  if (present && !present.disabled) {
    if (document.activeElement !== present) present.focus({ preventScroll: true });
    return;
  }
  const place = after.isConnected ? after : document.getElementById("main");
  if (!place.hasAttribute("tabindex")) place.setAttribute("tabindex", "-1");
  place.focus({ preventScroll: true });
}

document.addEventListener("htmx:wsBeforeMessage", (event) => {
  event.preventDefault(); // else the extension would replace the parts as a whole
  redraw(event.detail.message);
  showTab();
  tick();
  document.dispatchEvent(new CustomEvent("redrawn"));
});

// --- The connection ---------------------------------------------------------------------------------------------------

document.addEventListener("htmx:wsOpen", () => back("page"));
document.addEventListener("htmx:wsClose", (event) => {
  if (event.detail.event.code === SIGNED_OUT) location.reload();
  lost("page");
});

showTab();
tick();
setInterval(tick, 1000);
