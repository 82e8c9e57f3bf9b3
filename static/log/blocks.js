// The lines that the page holds: a stretch of the log in blocks of 500, of which those far from sight cost nothing, and
// those very far are let go. What one looks at never moves by it.

import { numberOf } from "./rows.js";

const BLOCK = 500;
const MOST = 12;

export class Blocks {
  // `first` and `last`: of the lines between them, all that were asked for are here.
  // `moved`: called when the lines have got another height.
  constructor(scroll, { first, last, moved }) {
    this.scroll = scroll;
    this.top = scroll.querySelector("[data-earlier]");
    [this.first, this.last] = [first, last];
    this.width = scroll.clientWidth;
    new ResizeObserver(() => {
      if (Math.abs(scroll.clientWidth - this.width) < 1) return;
      this.width = scroll.clientWidth;
      this.measure();
      moved();
    }).observe(scroll);
  }

  get all() {
    return [...this.scroll.querySelectorAll("ol.block")];
  }

  get rows() {
    return [...this.scroll.querySelectorAll("ol.block > li")];
  }

  get count() {
    return this.all.reduce((sum, block) => sum + block.childElementCount, 0);
  }

  row(number) {
    const found = document.getElementById(`L${number}`);
    return found && this.scroll.contains(found) ? found : null;
  }

  // The line, or the next one that is here.
  rowFrom(number) {
    return this.row(number) ?? this.rows.find((row) => numberOf(row) >= number) ?? null;
  }

  // The first one that can be seen.
  get topRow() {
    const edge = this.scroll.getBoundingClientRect().top + 1;
    const block = this.all.find((one) => one.childElementCount && one.getBoundingClientRect().bottom > edge);
    if (!block) return null;
    let [low, high] = [0, block.childElementCount - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (block.children[middle].getBoundingClientRect().bottom > edge) high = middle;
      else low = middle + 1;
    }
    return block.children[low];
  }

  reset(rows, { first, last }) {
    for (const block of this.all) block.remove();
    this.top.after(newBlock());
    [this.first, this.last] = [first, last];
    this.append(rows, last);
  }

  append(rows, last) {
    let block = this.all.at(-1);
    for (let start = 0; start < rows.length;) {
      if (block.childElementCount >= BLOCK) {
        seal(block);
        block.after(block = newBlock());
      }
      const part = rows.slice(start, start + BLOCK - block.childElementCount);
      block.append(...part);
      start += part.length;
    }
    this.last = Math.max(this.last, last);
  }

  prepend(rows, first) {
    this.keepPlace(() => {
      const block = this.all[0];
      if (block.childElementCount + rows.length <= BLOCK) {
        unseal(block);
        block.prepend(...rows);
        if (block !== this.all.at(-1)) seal(block);
      } else if (rows.length) {
        const above = newBlock();
        above.append(...rows);
        block.before(above);
        seal(above);
      }
      this.first = Math.min(this.first, first);
    });
  }

  // Whether lines had to be let go at that end.
  dropFirst() {
    const blocks = this.all;
    if (blocks.length <= MOST) return false;
    this.keepPlace(() => { for (const block of blocks.slice(0, blocks.length - MOST)) block.remove(); });
    this.first = numberOf(this.all[0].firstElementChild);
    return true;
  }

  dropLast() {
    const blocks = this.all;
    if (blocks.length <= MOST) return false;
    for (const block of blocks.slice(MOST)) block.remove();
    this.last = numberOf(this.all.at(-1).lastElementChild);
    return true;
  }

  // What stands at the top of the window stays there, to the pixel.
  keepPlace(change) {
    const anchor = this.topRow;
    const before = anchor?.getBoundingClientRect().top;
    change();
    if (anchor?.isConnected) this.scroll.scrollTop += anchor.getBoundingClientRect().top - before;
  }

  // Lines are of another height now.
  measure() {
    this.keepPlace(() => {
      const sealed = this.all.filter((block) => block.classList.contains("sealed"));
      sealed.forEach(unseal);
      sealed.forEach(seal);
    });
  }
}

function newBlock() {
  const block = document.createElement("ol");
  block.className = "block";
  return block;
}

// Skipped while it is out of sight, and exactly as high as it is in sight.
function seal(block) {
  block.style.containIntrinsicBlockSize = `${block.getBoundingClientRect().height}px`;
  block.classList.add("sealed");
}

function unseal(block) {
  block.classList.remove("sealed");
}
