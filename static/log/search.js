// Search: what is looked for is marked as one types, and found on the server, from line to line.

const COUNT_AFTER = 300;
const MARKED = "log-hits";
const MANY = 20_000;

export class Search {
  // `go(number)`: show that line. `top()`: the number of the first line in sight.
  constructor(root, { source, blocks, go, top, say, stream }) {
    Object.assign(this, { source, blocks, go, top, say, stream });
    this.field = root.querySelector("[data-words]");
    this.error = root.querySelector("[data-error]");
    this.hits = null; // of all lines, once they are counted
    root.querySelector("[data-previous]").hidden = this.error.hidden = false;
    root.querySelector("[data-previous]").addEventListener("click", () => this.step(false));
    root.querySelector("[data-find]").addEventListener("submit", (event) => { event.preventDefault(); this.step(true); });
    this.field.addEventListener("input", () => this.changed());
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.shiftKey) { event.preventDefault(); this.step(false); }
      if (event.key === "Escape") this.stop("");
    });
    this.error.addEventListener("click", () => this.nextError());
    if (this.words) this.changed();
  }

  get words() {
    return this.field.value;
  }

  changed() {
    this.stop("");
    this.at = this.hits = null;
    this.markAll();
    clearTimeout(this.later);
    if (this.words) this.later = setTimeout(() => this.count(), COUNT_AFTER);
  }

  // Another stream, another set of lines.
  refresh() {
    this.errorAt = null;
    this.error.textContent = "First error";
    this.changed();
  }

  stop(words) {
    this.asking?.abort();
    this.counting?.abort();
    this.say(words);
  }

  // After what is looked for, not beside it: both read the whole log.
  async count() {
    this.counting = new AbortController();
    try {
      this.hits = await this.source.findAll({ q: this.words }, { stream: this.stream(), signal: this.counting.signal });
      this.tell();
    } catch (error) {
      this.failed(error, "");
    }
  }

  tell() {
    if (!this.hits) return;
    const { numbers, more } = this.hits;
    const all = more ? "more than 1,000" : numbers.length.toLocaleString("en");
    const place = numbers.indexOf(this.at);
    if (!numbers.length) this.say("No match");
    else if (place < 0) this.say(more || numbers.length > 1 ? `${all} matching lines` : "1 matching line");
    else this.say(`${(place + 1).toLocaleString("en")} of ${all}`);
  }

  async step(forward) {
    if (!this.words) return this.field.focus();
    const from = this.at ?? (forward ? this.top() - 1 : this.top());
    const found = await this.look({ q: this.words }, from, forward);
    if (found === undefined) return;
    this.at = found;
    if (!found) return this.say("No match");
    this.go(found);
    if (this.hits) return this.tell();
    this.say(`Line ${found.toLocaleString("en")}`);
    await this.count();
  }

  async nextError() {
    const found = await this.look({ errors: 1 }, this.errorAt ?? 0, true);
    if (found === undefined) return;
    this.errorAt = found;
    if (found) this.go(found);
    this.say(found ? "" : "No line looks like an error.");
    this.error.textContent = found ? "Next error" : "First error";
  }

  // From there to the end, then from the other end to there. Undefined: it was stopped.
  async look(what, from, forward) {
    this.stop("");
    clearTimeout(this.later);
    const { signal } = this.asking = new AbortController();
    const tell = (number) => { if (!signal.aborted) this.say(`Searched to ${number.toLocaleString("en")}…`); };
    const options = { stream: this.stream(), signal, tell };
    try {
      const found = await this.source.find(what, { ...options, ...(forward ? { after: from } : { before: from }) });
      if (found || (forward && !from)) return found;
      return await this.source.find(what, { ...options, ...(forward ? { after: 0 } : { before: this.source.newest + 1 }) });
    } catch (error) {
      this.failed(error, "The search did not get through. Try again.");
      return undefined;
    }
  }

  failed(error, words) {
    if (error.name !== "AbortError") this.say(words);
  }

  // Highlights lie over the text, so that neither colours nor rows change.
  markAll() {
    globalThis.CSS?.highlights?.delete(MARKED);
    this.mark(this.blocks.rows);
  }

  mark(rows) {
    if (!globalThis.CSS?.highlights || !this.words) return;
    const wanted = new RegExp(this.words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "giu");
    const highlight = CSS.highlights.get(MARKED) ?? new Highlight();
    for (const row of rows) for (const range of rangesIn(row.lastElementChild, wanted)) highlight.add(range);
    CSS.highlights.set(MARKED, highlight);
    // Those of lines that were let go.
    if (highlight.size > MANY) for (const range of highlight) if (range.collapsed) highlight.delete(range);
  }
}

function* rangesIn(element, wanted) {
  const text = element.textContent;
  for (const { index, 0: hit } of text.matchAll(wanted)) {
    const range = new Range();
    range.setStart(...placeOf(element, index));
    range.setEnd(...placeOf(element, index + hit.length));
    yield range;
  }
}

// The text node and the place in it.
function placeOf(element, offset) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (offset <= node.length) return [node, offset];
    offset -= node.length;
  }
  return [element, 0];
}
