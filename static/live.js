// What the server's live parts need in the browser: the tab's title and icon, times that count, a focus that stays,
// a calm word when the connection is lost. The parts themselves are swapped by htmx and its websocket extension.

const SIGNED_OUT = 4401;
const icon = document.getElementById("icon");
const connection = document.getElementById("connection");
const announcement = document.getElementById("announcement");
let announced = null;
let lost = 0;

// A server that restarts is back within seconds: don't wait for minutes.
htmx.config.wsReconnectDelay = (tries) => Math.min(4000, 250 * 2 ** tries) * (0.5 + Math.random() / 2);

function showTab() {
  const head = document.querySelector("[data-title]");
  if (!head) return;
  document.title = head.dataset.title;
  const address = icon.getAttribute("href").replace(/[^/]+$/, `${head.dataset.tone}.svg`);
  if (icon.getAttribute("href") !== address) icon.setAttribute("href", address);
  if (announced !== null && announced !== head.dataset.announce) announcement.textContent = head.dataset.announce;
  announced = head.dataset.announce;
}

// In the same words as `ago` and `duration` in releases/templatetags/shown.py.
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
  if (element.textContent !== text) element.textContent = text;
}

let focused = "";
document.addEventListener("htmx:wsBeforeMessage", () => { focused = document.activeElement?.id ?? ""; });
document.addEventListener("htmx:wsAfterMessage", () => {
  if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus({ preventScroll: true });
  showTab();
  tick();
});

document.addEventListener("htmx:wsOpen", () => {
  clearTimeout(lost);
  lost = 0;
  connection.hidden = true;
});
document.addEventListener("htmx:wsClose", (event) => {
  if (event.detail.event.code === SIGNED_OUT) location.reload();
  if (!lost) lost = setTimeout(() => { connection.hidden = false; }, 1500);
});
addEventListener("pagehide", () => clearTimeout(lost));

showTab();
tick();
setInterval(tick, 1000);
