// A one-off command: its output as it comes, from the same address that a browser without this gets as a page. Leaving
// the page, or Stop, hangs up, and that ends the command.

import { AnsiUp } from "./vendor/ansi_up-6.0.6.js";

const [BLOCK, BLOCKS] = [500, 20];
const form = document.querySelector("[data-run]");
const section = document.querySelector("[data-output]");
const [state, count, scroll, end] = ["state", "count", "scroll", "end"].map((name) => section.querySelector(`[data-${name}]`));
const [start, stop] = [form.querySelector("#run-start"), form.querySelector("[data-stop]")];
let running = null;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!running) run();
});
stop.addEventListener("click", () => running?.abort());
addEventListener("beforeunload", (event) => { if (running) event.preventDefault(); });

async function run() {
  running = new AbortController();
  const { signal } = running;
  begin();
  let told = null;
  try {
    const body = new FormData(form);
    const answer = await fetch(form.action, { method: "POST", body, signal, headers: { Accept: "application/x-ndjson" } });
    if (answer.redirected) return location.assign(answer.url);
    told = answer.ok ? await read(answer) : await refusal(answer);
  } catch (error) {
    told = signal.aborted ? failed("stopped") : failed("the connection is lost, and the command ended with it");
  } finally {
    running = null;
    finish(told);
  }
}

function begin() {
  document.querySelector("[data-refusal]")?.remove();
  section.querySelectorAll("ol").forEach((list, place) => place ? list.remove() : list.replaceChildren());
  section.hidden = false;
  section.scrollIntoView({ block: "nearest" });
  state.replaceChildren(pill("busy", "◐", "running"));
  end.replaceChildren();
  count.textContent = "";
  [start.disabled, stop.hidden] = [true, false];
}

function finish(told) {
  [start.disabled, stop.hidden] = [false, true];
  state.replaceChildren(...[told ?? []].flat());
  if (document.activeElement === document.body) start.focus();
}

// How it ended, as elements.
async function read(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const lines = new Lines();
  let [rest, ended] = ["", null];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return ended ?? failed("stopped: you may not run it any more, or Deployer was restarted");
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    const found = parts.filter(Boolean).map((part) => JSON.parse(part));
    lines.add(found.filter((each) => "message" in each));
    const last = found.at(-1);
    if (last && !("message" in last)) ended = "exit" in last ? exited(last.exit) : broken(last.error);
  }
}

// The server's own words, from the page that it answers with.
async function refusal(answer) {
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const note = page.querySelector("[role=alert]");
  section.hidden = true;
  if (!note) return failed(`refused (${answer.status})`);
  note.dataset.refusal = "";
  form.closest("section").before(document.adoptNode(note));
  return null;
}

class Lines {
  constructor() {
    this.ansi = new AnsiUp();
    this.ansi.use_classes = true;
    this.list = section.querySelector("[data-lines]");
    this.total = 0;
  }

  add(lines) {
    if (!lines.length) return;
    const follows = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 40;
    for (const line of lines) {
      if (this.list.children.length >= BLOCK) this.next();
      this.list.append(this.item(line));
    }
    this.total += lines.length;
    const gone = section.querySelector("ol li .n")?.textContent - 1;
    count.textContent = `${this.total} line${this.total === 1 ? "" : "s"}${gone > 0 ? `, the first ${gone} not shown` : ""}`;
    if (follows) scroll.scrollTop = scroll.scrollHeight;
  }

  next() {
    const list = document.createElement("ol");
    this.list.classList.add("sealed");
    this.list.after(list);
    this.list = list;
    const lists = section.querySelectorAll("ol");
    if (lists.length > BLOCKS) lists[0].remove();
  }

  item({ number, time, stream, message }) {
    const item = document.createElement("li");
    if (stream === "system/deployer") item.className = "ours";
    item.append(span("n", number), span("t", time.slice(11, 19)), span("m", ""));
    item.lastChild.innerHTML = this.ansi.ansi_to_html(message.replace(/\r+$/, "").replace(/^.*\r/, ""));
    return item;
  }
}

function exited(code) {
  return code === 0 ? pill("ok", "✓", "exited with 0") : failed(`exited with ${code}`);
}

function broken(error) {
  return [failed(error.message), ...error.reasons.slice(1).map((reason) => span("muted", ` ${reason}`))];
}

function failed(words) {
  return pill("bad", "✕", words);
}

function pill(tone, icon, words) {
  const made = span(`pill ${tone}`, "");
  const mark = span("", icon);
  mark.setAttribute("aria-hidden", "true");
  made.append(mark, ` ${words}`);
  return made;
}

function span(name, text) {
  const made = document.createElement("span");
  if (name) made.className = name;
  made.textContent = text;
  return made;
}
