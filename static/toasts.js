// A calm word in the corner when a rollout has ended that one began, or whose page this tab had open. What this tab has
// been told is kept with it: nothing comes twice, and what ended while the connection was away still comes.

const STAYS = 10000;
const AGAIN_AT_LEAST = 3000;
const FIRST_DELAY = 500;
const LONGEST_DELAY = 5000;
const FINAL = [4401, 4403, 4404];
const TOLD_KEPT = 100;
const corner = document.getElementById("toasts");
const store = `deployer.toasts.${document.body.dataset.person}`;
const dismissals = `deployer.dismissed.${document.body.dataset.person}`;
const [, ofApp, ofNumber] = location.pathname.match(/^\/apps\/([^/]+)\/rollouts\/(\d+)$/) ?? [];
const here = ofNumber && `${ofApp}.${Number(ofNumber)}`;
const state = restored();
let delay = FIRST_DELAY;

// `seen`, `watched`: as the server gave them last; `told`: keys; `shown`: toasts that nobody has dismissed.
function restored() {
  const fresh = { seen: null, watched: [], told: [], shown: [] };
  try {
    return { ...fresh, ...JSON.parse(sessionStorage.getItem(store)) };
  } catch {
    return fresh;
  }
}

function keep() {
  state.told = state.told.slice(-TOLD_KEPT);
  sessionStorage.setItem(store, JSON.stringify(state));
}

function connect() {
  const asked = new URLSearchParams({ watched: state.watched.join(",") });
  if (state.seen !== null) asked.set("seen", state.seen);
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/pages/toasts?${asked}`);
  socket.onmessage = (event) => {
    delay = FIRST_DELAY;
    const { seen, watched, ended } = JSON.parse(event.data);
    for (const toast of ended) hear(toast);
    Object.assign(state, { seen, watched });
    keep();
  };
  socket.onclose = (event) => {
    if (FINAL.includes(event.code)) return;
    setTimeout(connect, delay * (0.5 + Math.random() / 2));
    delay = Math.min(LONGEST_DELAY, delay * 2);
  };
}

function hear(toast) {
  if (state.told.includes(toast.key)) return;
  state.told.push(toast.key);
  if (toast.key === here) return; // it is told on this very page
  const stays = toast.tone === "bad" ? null : STAYS;
  state.shown.push({ ...toast, until: stays && Date.now() + stays });
  show(toast, stays);
}

function show(toast, stays) {
  const box = make("div", `toast ${toast.tone}`);
  box.dataset.key = toast.key;
  const sign = make("span", `mark ${toast.tone}`, toast.icon);
  sign.setAttribute("aria-hidden", "true");
  const link = make("a", "", toast.words);
  link.href = toast.address;
  const words = make("p", "");
  words.append(link);
  const away = make("button", "", "✕");
  away.type = "button";
  away.setAttribute("aria-label", `Dismiss: ${toast.words}`);
  away.addEventListener("click", () => dismiss(toast.key));
  box.addEventListener("keydown", (event) => { if (event.key === "Escape") dismiss(toast.key); });
  box.append(sign, words, away);
  if (toast.more) box.append(make("p", "more", toast.more));
  corner.append(box);
  if (stays) vanish(box, toast.key, stays);
}

// Not while somebody points at it or is in it: then the time begins anew.
function vanish(box, key, stays) {
  let timer = setTimeout(() => dismiss(key), stays);
  const hold = () => clearTimeout(timer);
  const release = () => {
    clearTimeout(timer);
    if (!box.matches(":hover, :focus-within")) timer = setTimeout(() => dismiss(key), stays);
  };
  for (const name of ["pointerenter", "focusin"]) box.addEventListener(name, hold);
  for (const name of ["pointerleave", "focusout"]) box.addEventListener(name, () => setTimeout(release));
}

function dismiss(key, { everywhere = true } = {}) {
  const box = [...corner.children].find((one) => one.dataset.key === key);
  if (!box) return;
  const hadFocus = box.contains(document.activeElement);
  const next = box.nextElementSibling ?? box.previousElementSibling;
  box.remove();
  state.shown = state.shown.filter((toast) => toast.key !== key);
  keep();
  if (everywhere) localStorage.setItem(dismissals, key);
  if (hadFocus) backFrom(next);
}

function backFrom(next) {
  const place = next?.querySelector("button") ?? document.getElementById("main");
  if (place.id === "main") place.tabIndex = -1;
  place.focus({ preventScroll: true });
}

function make(kind, name, text = "") {
  const element = document.createElement(kind);
  if (name) element.className = name;
  element.textContent = text;
  return element;
}

// What was dismissed in one tab is dismissed in the others.
addEventListener("storage", (event) => {
  if (event.key === dismissals && event.newValue) dismiss(event.newValue, { everywhere: false });
});

// Those of the page before: already announced there.
corner.setAttribute("aria-live", "off");
state.shown = state.shown.filter((toast) => toast.key !== here);
for (const toast of state.shown) show(toast, toast.until && Math.max(AGAIN_AT_LEAST, toast.until - Date.now()));
setTimeout(() => corner.removeAttribute("aria-live"), 500);

if (here && !state.watched.includes(here)) state.watched.push(here);
keep();
connect();
