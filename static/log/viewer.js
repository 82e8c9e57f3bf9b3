// The viewer: a stretch of the log in sight, more of it as one scrolls, what comes live at its end.

import { Blocks } from "./blocks.js";
import { Marks } from "./marks.js";
import { Rows, numberOf } from "./rows.js";
import { Search } from "./search.js";
import { paint } from "./words.js";

const NEAR = 1500; // pixels from an edge: time to ask for more
const FRAME_LINES = 1000;
const WAITING = 4000;
const END = 24;
const WRAP = "log-wrap";

export class Viewer {
  constructor(root, makeSource) {
    this.root = root;
    this.scroll = root.querySelector("[data-scroll]");
    this.rows = new Rows(root);
    this.source = makeSource(root, this.rows);
    for (const message of root.querySelectorAll("[data-raw]")) paint(message, JSON.parse(message.dataset.raw));
    const { first = 1, last = 0 } = root.dataset;
    this.blocks = new Blocks(this.scroll, { first: Number(first), last: Number(last), moved: () => this.toEnd() });
    if (!this.source.linkable) this.blocks.reset([], { first: 1, last: 0 });
    this.waiting = [];
    this.attached = this.blocks.last >= this.source.newest;
    this.begin();
  }

  begin() {
    const { root, source, blocks } = this;
    const find = (name) => root.querySelector(`[data-${name}]`);
    [this.follow, this.wrap, this.streams] = ["follow", "wrap", "streams"].map(find);
    [this.counted, this.said, this.nothing, this.earlier, this.later] = ["count", "said", "nothing", "earlier", "later"].map(find);
    root.classList.add("alive");
    for (const part of root.querySelectorAll("[data-alive]")) part.hidden = false;
    const shared = { source, blocks, go: (number) => this.go(number), say: (words) => this.say(words), stream: () => this.stream };
    this.follow.checked = this.attached && !source.finished;
    this.listen();
    this.search = new Search(root, { ...shared, top: () => this.top });
    this.marks = new Marks(root, shared);
    const asked = location.hash ? null : root.querySelector("li.marked");
    if (asked) this.go(numberOf(asked));
    this.toEnd();
    this.edges();
    this.fill();
    source.listen({ take: (lines) => this.take(lines), end: () => this.end(), say: (words) => this.say(words) });
  }

  listen() {
    const { follow, wrap, streams, scroll } = this;
    follow.closest("label").hidden = this.source.finished;
    follow.addEventListener("change", () => { if (follow.checked) this.toNewest(); });
    scroll.addEventListener("scroll", () => this.scrolled(), { passive: true });
    wrap.closest("label").hidden = false;
    wrap.checked = remembered(WRAP) !== "off";
    wrap.addEventListener("change", () => { remember(WRAP, wrap.checked ? "on" : "off"); this.wrapped(); });
    if (!wrap.checked) this.wrapped();
    streams.addEventListener("change", () => this.choose(streams.value));
    for (const edge of [this.earlier, this.later]) edge.addEventListener("click", (event) => this.pressed(event));
  }

  get stream() {
    return this.source.linkable ? this.streams.value : "";
  }

  get top() {
    const row = this.blocks.topRow;
    return row ? numberOf(row) : this.blocks.first;
  }

  // --- What comes ---------------------------------------------------------------------------------------------------

  take(lines) {
    this.count();
    this.meet(lines);
    if (!this.attached) return this.follow.checked ? this.toNewest() : this.edges();
    this.waiting = this.waiting.concat(lines);
    // More than anybody can read: go on with the newest when one follows, stay when one does not.
    if (this.waiting.length > WAITING) this.follow.checked ? this.skip() : this.detach();
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  skip() {
    this.turn = (this.turn ?? 0) + 1; // what was asked for belongs to the lines that go now
    this.waiting = this.waiting.slice(-FRAME_LINES / 2);
    this.blocks.reset([], { first: this.waiting[0].number, last: this.waiting[0].number - 1 });
  }

  draw() {
    this.frame = undefined;
    const lines = this.waiting.splice(0, FRAME_LINES).filter((line) => line.number > this.blocks.last);
    if (lines.length) {
      this.blocks.append(this.made(lines), lines.at(-1).number);
      if (this.follow.checked) this.blocks.dropFirst();
      else if (this.blocks.dropLast()) this.detach();
    }
    this.edges();
    this.toEnd();
    if (this.waiting.length) this.frame ??= requestAnimationFrame(() => this.draw());
  }

  // What comes is no longer drawn; it is there when one scrolls to it.
  detach() {
    this.attached = false;
    this.waiting = [];
  }

  end() {
    this.follow.checked &&= false;
    this.follow.closest("label").hidden = true;
    this.edges();
  }

  made(lines) {
    const wanted = this.stream;
    const rows = lines.filter(({ stream }) => !wanted || stream === wanted || stream.startsWith(`${wanted}/`)).map((line) => this.rows.row(line));
    if (this.marks?.range) this.marks.mark(rows);
    if (this.search?.words) this.search.mark(rows);
    return rows;
  }

  // --- Scrolling ----------------------------------------------------------------------------------------------------

  scrolled() {
    if (Math.abs(this.scroll.scrollTop - this.placed) < 1) return;
    const up = this.scroll.scrollTop < this.placed;
    this.placed = this.scroll.scrollTop;
    if (this.below < END) this.follow.checked = this.attached && !this.source.finished;
    else if (up) this.follow.checked = false;
    this.fill();
  }

  get below() {
    return this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight;
  }

  // One part after another, until there is enough on both sides of what is in sight.
  async fill() {
    if (this.filling) return;
    this.filling = true;
    try {
      for (let more = true; more;) {
        const turn = this.turn;
        if (this.scroll.scrollTop < NEAR && this.blocks.first > this.source.oldest) more = await this.loadEarlier(turn);
        else if (this.below < NEAR && !this.attached) more = await this.loadLater(turn);
        else more = false;
      }
    } catch {
      this.say("More lines could not be had. Scroll to try again.");
    } finally {
      this.filling = false;
      this.edges();
    }
  }

  async loadEarlier(turn) {
    const { lines, first } = await this.source.part({ before: this.blocks.first }, this.stream);
    if (turn !== this.turn) return true;
    if (first >= this.blocks.first) return false;
    this.blocks.prepend(this.made(lines), first);
    if (this.blocks.dropLast()) this.detach();
    this.placed = this.scroll.scrollTop;
    this.edges();
    return true;
  }

  async loadLater(turn) {
    const { lines, last } = await this.source.part({ after: this.blocks.last }, this.stream);
    if (turn !== this.turn) return true;
    const grown = last > this.blocks.last;
    this.blocks.append(this.made(lines), last);
    this.attached = this.blocks.last >= this.source.newest;
    this.blocks.dropFirst();
    this.placed = this.scroll.scrollTop;
    this.edges();
    this.toEnd();
    return grown;
  }

  // To a line, wherever it is.
  async go(number) {
    this.follow.checked = false;
    const inside = number >= this.blocks.first && number <= this.blocks.last;
    if (!inside && !(await this.load({ line: number }))) return;
    const row = this.blocks.rowFrom(number);
    if (!row) return;
    row.scrollIntoView({ block: "center", inline: "nearest" });
    for (const old of this.root.querySelectorAll("li.here")) old.classList.remove("here");
    row.classList.add("here");
    this.placed = this.scroll.scrollTop;
    this.fill();
  }

  async toNewest() {
    this.follow.checked = !this.source.finished;
    if (!this.attached && !(await this.load({}))) return;
    this.placed = this.scroll.scrollTop = this.scroll.scrollHeight;
    this.fill();
  }

  // Another stretch in place of the one that is here. False: it was overtaken by the next, or could not be had.
  async load(where) {
    const turn = this.turn = (this.turn ?? 0) + 1;
    this.detach();
    try {
      const { lines, first, last } = await this.source.part(where, this.stream);
      if (turn !== this.turn) return false;
      this.blocks.reset(this.made(lines), { first, last });
      this.attached = last >= this.source.newest;
      this.edges();
      return true;
    } catch {
      this.say("These lines could not be had. Try again.");
      return false;
    }
  }

  toEnd() {
    if (this.follow.checked && this.attached || this.placed === undefined && this.attached) this.scroll.scrollTop = this.scroll.scrollHeight;
    this.placed = this.scroll.scrollTop;
  }

  // --- Words around the lines ---------------------------------------------------------------------------------------

  edges() {
    const { blocks, source } = this;
    this.earlier.hidden = blocks.first <= source.oldest;
    this.later.hidden = this.attached;
    write(this.earlier, blocks.count ? "Earlier lines…" : `Looking before line ${blocks.first.toLocaleString("en")}…`);
    write(this.later, `${(source.newest - blocks.last).toLocaleString("en")} later lines…`);
    this.nothing.hidden = blocks.count > 0 || !this.earlier.hidden || !this.later.hidden;
    if (!this.nothing.hidden) write(this.nothing, this.stream ? `No lines of ${this.stream}.` : source.finished ? "No lines." : "No lines yet.");
    this.count();
  }

  count() {
    this.root.style.setProperty("--digits", Math.max(5, String(this.source.newest).length));
    write(this.counted, `${this.source.newest.toLocaleString("en")} ${this.source.newest === 1 ? "line" : "lines"}`);
  }

  say(words) {
    write(this.said, words);
  }

  pressed(event) {
    if (!event.target.closest("a")) return;
    event.preventDefault();
    this.fill();
  }

  // --- Choices ------------------------------------------------------------------------------------------------------

  wrapped() {
    this.root.classList.toggle("nowrap", !this.wrap.checked);
    this.blocks.measure();
    this.toEnd();
  }

  async choose(stream) {
    const address = new URL(location);
    address.search = "";
    if (!this.source.linkable) return location.assign(chosen(address, stream));
    if (stream) address.searchParams.set("stream", stream);
    history.replaceState(history.state, "", address);
    this.search.refresh();
    await this.load(this.marks.range ? { line: this.marks.range.from } : {});
    if (this.marks.range) this.go(this.marks.range.from);
    else this.toNewest();
  }

  // Processes that speak can be chosen from then on.
  meet(lines) {
    this.met ??= new Set([...this.streams.options].map((option) => option.value || option.text));
    for (const { stream } of lines) {
      if (this.met.size > 60 || this.met.has(stream) || !/^(service|timer)\//.test(stream)) continue;
      this.met.add(stream);
      this.streams.add(new Option(stream));
    }
  }
}

function chosen(address, stream) {
  const [kind, name, process] = stream.split("/");
  if (kind === "service" && name) address.searchParams.set("service", name);
  if (process) address.searchParams.set("process", process);
  return address;
}

function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

function remembered(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

function remember(name, value) {
  try { localStorage.setItem(name, value); } catch { /* a browser may keep nothing */ }
}
