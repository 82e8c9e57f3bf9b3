// A line, or a range of them, that an address points at: #L10, #L10-L20.

import { numberOf, textOf } from "./rows.js";

export class Marks {
  constructor(root, { source, blocks, stream, go, say }) {
    Object.assign(this, { source, blocks, stream, go, say });
    this.range = null;
    const copy = root.querySelector("[data-copy]");
    const line = root.querySelector("[data-line]");
    blocks.scroll.addEventListener("click", (event) => this.clicked(event));
    copy.hidden = false;
    copy.addEventListener("click", () => this.copy());
    line?.addEventListener("change", () => this.typed(line));
    if (!source.linkable) return;
    addEventListener("hashchange", () => this.follow());
    this.follow();
  }

  // To where the address points.
  follow() {
    const range = parsed(location.hash);
    if (!range) return;
    this.set(range);
    this.go(range.from);
  }

  clicked(event) {
    const link = event.target.closest("a.n");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const number = numberOf(link.parentElement);
    const other = event.shiftKey && this.range ? this.range.anchor : number;
    this.set({ from: Math.min(other, number), to: Math.max(other, number), anchor: other });
    this.address();
    getSelection().removeAllRanges();
  }

  typed(field) {
    const range = parsed(`#L${field.value.trim().replace(/^L/i, "").replace(/-L?/i, "-L")}`);
    if (!range) return;
    this.set(range);
    this.address();
    this.go(range.from);
  }

  set(range) {
    this.range = range;
    this.mark(this.blocks.rows);
  }

  mark(rows) {
    for (const row of rows) {
      const number = numberOf(row);
      row.classList.toggle("marked", this.range !== null && number >= this.range.from && number <= this.range.to);
    }
  }

  address() {
    const { from, to } = this.range;
    if (this.source.linkable) history.replaceState(history.state, "", from === to ? `#L${from}` : `#L${from}-L${to}`);
  }

  // The range, as far as it is here, or all that is.
  async copy() {
    const marked = this.blocks.rows.filter((row) => row.classList.contains("marked"));
    const rows = marked.length ? marked : this.blocks.rows;
    await write(rows.map(textOf).join("\n") + "\n");
    this.say(`Copied ${rows.length.toLocaleString("en")} ${rows.length === 1 ? "line" : "lines"}.`);
  }
}

function parsed(hash) {
  const [, one, two] = hash.match(/^#L(\d{1,9})(?:-L(\d{1,9}))?$/) ?? [];
  if (one === undefined) return null;
  const numbers = [Number(one), Number(two ?? one)].sort((a, b) => a - b);
  return { from: numbers[0], to: numbers[1], anchor: Number(one) };
}

// Without HTTPS a browser has no clipboard for pages, but does what a person's Ctrl C would do.
async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.className = "unseen";
  field.value = text;
  document.body.append(field);
  const focused = document.activeElement;
  field.select();
  document.execCommand("copy");
  field.remove();
  focused?.focus({ preventScroll: true });
}
