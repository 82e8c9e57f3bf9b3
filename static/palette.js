// The palette: a field that searches on the server as one types, and a list below it that the arrows move through.
// What is chosen is a link: it leads to the page where a thing is done, and does nothing by itself.

const WAIT = 90;
const RECENT = 6;
const dialog = document.getElementById("palette");
const field = dialog.querySelector("input");
const list = document.getElementById("palette-found");
const count = document.getElementById("palette-count");
const app = document.body.dataset.app ?? "";
const store = `deployer.recent.${document.body.dataset.person}`;
let timer = 0;
let asking = null;
let shown = null; // the words whose answer is in the list

export function openPalette() {
  if (dialog.open) return;
  dialog.showModal();
  field.value = "";
  ask();
}

const options = () => [...list.querySelectorAll("a[role=option]")];
const chosen = () => list.querySelector("[aria-selected=true]");

function choose(option) {
  chosen()?.setAttribute("aria-selected", "false");
  if (!option) return field.removeAttribute("aria-activedescendant");
  option.setAttribute("aria-selected", "true");
  field.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

function move(steps) {
  const all = options();
  if (!all.length) return;
  const place = all.indexOf(chosen());
  choose(all[(place + steps + all.length) % all.length]);
}

async function ask() {
  clearTimeout(timer);
  asking?.abort();
  asking = new AbortController();
  const words = field.value.trim();
  try {
    const address = `${field.form.action}?${new URLSearchParams({ q: words, app })}`;
    const answer = await fetch(address, { headers: { "HX-Request": "true" }, signal: asking.signal });
    if (answer.redirected) return location.reload(); // the sign-in is over
    if (!answer.ok) throw new Error(answer.statusText);
    show(words, await answer.text());
  } catch (error) {
    if (error.name !== "AbortError") show(null, "");
  }
}

function show(words, drawn) {
  shown = words;
  list.innerHTML = drawn;
  if (words === "") list.prepend(...recent());
  const found = options();
  choose(found[0]);
  if (words === null) count.textContent = "The server does not answer. Try again.";
  else count.textContent = found.length ? `${found.length} found` : "Nothing found";
  list.scrollTop = 0;
  if (words === null) list.append(said("nothing", count.textContent));
}

function said(name, text) {
  const element = document.createElement(name === "nothing" ? "p" : "span");
  element.className = name;
  element.textContent = text;
  return element;
}

// --- Where one was lately ---------------------------------------------------------------------------------------------

function visited() {
  try {
    return JSON.parse(localStorage.getItem(store)) ?? [];
  } catch {
    return [];
  }
}

function recent() {
  const pages = visited().filter((page) => page.path !== location.pathname).slice(0, RECENT);
  if (!pages.length) return [];
  const group = document.createElement("div");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Where you were lately");
  const heading = document.createElement("h2");
  heading.setAttribute("role", "presentation");
  heading.textContent = "Where you were lately";
  group.append(heading, ...pages.map(({ path, title }, place) => {
    const link = document.createElement("a");
    link.className = "hit";
    link.id = `hit-recent-${place}`;
    link.href = path;
    link.tabIndex = -1;
    link.setAttribute("role", "option");
    link.setAttribute("aria-selected", "false");
    link.append(said("what", title));
    return link;
  }));
  return [group];
}

function remember() {
  const path = location.pathname;
  if (!/^\/apps\/.|^\/clusters\/.|^\/registries\/./.test(path) || document.querySelector("main h1") === null) return;
  const title = document.title.replace(/^[●◌◐‖↺✓✕⊘⇥○]\s*/, "");
  const others = visited().filter((page) => page.path !== path).slice(0, 2 * RECENT);
  localStorage.setItem(store, JSON.stringify([{ path, title }, ...others]));
}

field.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(ask, WAIT);
});
field.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  const steps = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (steps) move(steps);
  else if (event.key === "Escape") dialog.close();
  else return;
  event.preventDefault();
});
field.form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (shown !== field.value.trim()) await ask(); // faster than the list: go to what was meant
  chosen()?.click();
});
list.addEventListener("pointermove", (event) => {
  const option = event.target.closest("a[role=option]");
  if (option && option !== chosen()) choose(option);
});
list.addEventListener("click", (event) => {
  // A place on this very page closes the palette: nothing is loaded. First, so that the focus, which goes back to
  // where it was, does not take the reader away from there.
  if (event.target.closest("a") && !event.ctrlKey && !event.metaKey) dialog.close();
});
if (!/not here/i.test(document.title)) remember();
