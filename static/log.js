// A log that grows: asks for what comes after the last line that it has, so that nothing is missing and nothing twice,
// however often the connection breaks. The page comes with the newest lines, and is readable without this.

import { AnsiUp } from "./vendor/ansi_up-6.0.6.js";

const BLOCK = 500;
const [FIRST_DELAY, LONGEST_DELAY] = [250, 5000];
const [SIGNED_OUT, GONE] = [4401, 4404];
const STYLES = { "font-weight:bold": "ansi-bold", "opacity:0.7": "ansi-faint", "font-style:italic": "ansi-italic", "text-decoration:underline": "ansi-underline" };

class Log {
  constructor(root) {
    this.root = root;
    this.scroll = root.querySelector("[data-scroll]");
    this.follow = root.querySelector("[data-follow]");
    this.count = root.querySelector("[data-count]");
    this.earlier = root.querySelector("[data-earlier]");
    this.errors = new RegExp(root.dataset.errors, "i");
    this.last = Number(root.dataset.last);
    this.delay = FIRST_DELAY;
    this.over = "finished" in root.dataset || "past" in root.dataset;
    for (const message of root.querySelectorAll("[data-raw]")) paint(message, JSON.parse(message.dataset.raw));
    this.listen();
    if (!this.over) this.connect();
  }

  listen() {
    this.follow.closest("label").hidden = this.over;
    this.follow.addEventListener("change", () => this.toEnd());
    this.scroll.addEventListener("scroll", () => {
      const distance = this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight;
      if (this.scrolledByUs) this.scrolledByUs = false;
      else this.follow.checked = distance < 24;
    }, { passive: true });
    this.earlier?.addEventListener("click", (event) => { event.preventDefault(); this.loadEarlier(); });
    addEventListener("hashchange", () => this.toTarget());
    if (location.hash.startsWith("#L")) this.toTarget();
    else if (!("past" in this.root.dataset)) this.toEnd();
  }

  // A line that the page does not have: the page around it.
  toTarget() {
    const number = Number(location.hash.match(/^#L(\d+)$/)?.[1]);
    if (!number) return;
    const line = document.getElementById(`L${number}`);
    if (line) {
      this.follow.checked = false;
      line.scrollIntoView({ block: "center" });
    } else if (number <= this.last && !new URLSearchParams(location.search).has("before")) {
      location.replace(`?before=${number + BLOCK / 2}#L${number}`);
    }
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${this.root.dataset.log}?after=${this.last}`);
    socket.onmessage = (event) => {
      this.delay = FIRST_DELAY;
      const frame = JSON.parse(event.data);
      const missing = frame.lines.length && frame.lines[0].number > this.last + 1;
      if (missing) socket.close();
      else this.append(frame.lines.filter((line) => line.number > this.last));
      if (frame.finished && !missing) this.finish();
    };
    socket.onclose = (event) => {
      if (event.code === SIGNED_OUT) location.reload();
      if (this.over || event.code === SIGNED_OUT || event.code === GONE) return;
      setTimeout(() => this.connect(), this.delay * (0.5 + Math.random() / 2));
      this.delay = Math.min(LONGEST_DELAY, this.delay * 2);
    };
  }

  finish() {
    this.over = true;
    this.follow.closest("label").hidden = true;
  }

  append(lines) {
    if (!lines.length) return;
    this.root.querySelector("[data-nothing]").hidden = true;
    let block = this.scroll.querySelector("ol:last-of-type");
    for (let start = 0; start < lines.length;) {
      if (block.childElementCount >= BLOCK) {
        block.classList.add("sealed");
        block.after(block = newBlock());
      }
      const part = lines.slice(start, start + BLOCK - block.childElementCount);
      block.append(...part.map((line) => this.row(line)));
      start += part.length;
    }
    this.last = lines.at(-1).number;
    this.count.textContent = `${this.last} lines`;
    this.toEnd();
  }

  // The server draws the same row: templates/log.html.
  row({ number, time, stream, message }) {
    const row = document.createElement("li");
    row.id = `L${number}`;
    const link = document.createElement("a");
    link.className = "n";
    link.href = `#L${number}`;
    link.textContent = number;
    const said = cell("m", "");
    if (this.errors.test(message)) said.classList.add("err");
    paint(said, message);
    row.append(link, cell("t", time.slice(11, 19)), cell("s", stream), said);
    return row;
  }

  async loadEarlier() {
    const first = this.scroll.querySelector("li");
    if (this.loading || !first) return;
    this.loading = true;
    try {
      const answer = await fetch(`${this.root.dataset.lines}?before=${first.id.slice(1)}`);
      const { lines } = await answer.json();
      const block = newBlock();
      block.append(...lines.map((line) => this.row(line)));
      const height = this.scroll.scrollHeight;
      this.scroll.querySelector("ol").before(block);
      this.scroll.scrollTop += this.scroll.scrollHeight - height;
      if (!lines.length || lines[0].number === 1) this.earlier.remove();
    } finally {
      this.loading = false;
    }
  }

  toEnd() {
    if (!this.follow.checked || "past" in this.root.dataset) return;
    this.scrolledByUs = this.scroll.scrollTop + this.scroll.clientHeight < this.scroll.scrollHeight - 1;
    this.scroll.scrollTop = this.scroll.scrollHeight;
  }
}

function newBlock() {
  const block = document.createElement("ol");
  block.className = "block";
  return block;
}

function cell(name, text) {
  const span = document.createElement("span");
  span.className = name;
  span.textContent = text;
  return span;
}

// Terminal colours, and of what a carriage return overwrites the last state. ansi_up escapes HTML; the few styles that
// it writes become classes, because the page's policy allows no style attribute.
function paint(element, message) {
  const shown = message.replace(/\r+$/, "").replace(/^.*\r/s, "");
  if (!shown.includes("\x1b")) {
    element.textContent = shown;
    return;
  }
  const ansi = new AnsiUp();
  ansi.use_classes = true;
  ansi.url_allowlist = {};
  // Titles and links (OSC): their words stay, their addresses go, as the server draws them.
  const bare = shown.replace(/\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?/g, "");
  // In what was said, every quotation mark is escaped: this meets attributes only.
  const html = ansi.ansi_to_html(`${bare}\x1b[0m`).replaceAll(' style="', ' data-style="');
  const inert = new DOMParser().parseFromString(html, "text/html").body;
  for (const styled of inert.querySelectorAll("[data-style]")) {
    const classes = styled.dataset.style.split(";").map((style) => STYLES[style]).filter(Boolean);
    delete styled.dataset.style;
    styled.classList.add(...classes);
  }
  element.replaceChildren(...inert.childNodes);
}

for (const root of document.querySelectorAll("[data-log]")) new Log(root);
