// The log of a build or a rollout: numbered lines that the server keeps. Each comes once, whatever the connection does.

import { ANEW, FITS, Socket } from "./socket.js";

export class StoredLog {
  constructor({ dataset }) {
    this.base = dataset.base;
    this.address = dataset.log;
    this.oldest = 1;
    this.newest = Number(dataset.newest);
    this.finished = "finished" in dataset;
    this.linkable = true;
  }

  // `take(lines)`: those that are new, without a gap; `end()`: no more will come.
  listen({ take, end }) {
    if (this.finished) return;
    let heard = this.newest;
    const socket = new Socket({
      address: () => `${this.address}?after=${heard}`,
      hear: ({ lines, finished }) => {
        const fresh = lines.filter((line) => line.number > heard);
        if (fresh.length && fresh[0].number > heard + 1) return ANEW;
        if (fresh.length) {
          heard = fresh.at(-1).number;
          this.newest = Math.max(this.newest, heard);
          take(fresh);
        }
        if (finished) {
          socket.over = this.finished = true;
          end();
        }
        return FITS;
      },
    });
  }

  // `where`: {before}, {after} or {line}. Gives {lines, first, last}.
  async part(where, stream) {
    const part = await this.ask("lines", { ...where, stream });
    this.newest = Math.max(this.newest, part.newest);
    return part;
  }

  // `what`: {q} or {errors}. Goes on until there is a hit or nothing more; `tell(number)`: how far it is.
  async find(what, { after, before, stream, signal, tell }) {
    for (let from = after ?? before; ;) {
      const found = await this.ask("search", { ...what, stream, [after === undefined ? "before" : "after"]: from }, signal);
      if (found.number || found.finished) return found.number;
      tell(from = found.searched);
    }
  }

  // The numbers of all hits, of a thousand at most, and whether there are more.
  async findAll(what, { stream, signal }) {
    const numbers = [];
    for (let after = 0; ;) {
      const found = await this.ask("search", { ...what, stream, count: 1, after }, signal);
      numbers.push(...found.numbers);
      if (found.finished || numbers.length > 1000) return { numbers, more: found.more || numbers.length > 1000 };
      after = found.searched;
    }
  }

  async ask(what, given, signal) {
    const query = new URLSearchParams(Object.entries(given).filter(([, value]) => value !== undefined && value !== ""));
    const answer = await fetch(`${this.base}/${what}?${query}`, { signal, headers: { Accept: "application/json" } });
    if (answer.redirected) location.reload();
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.json();
  }
}
