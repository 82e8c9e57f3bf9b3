// What processes write: the cluster has it, the page holds the newest of it. A line is known by its process and its
// time: after a break all is asked for from somewhat before the newest one, and what is known is left out.

import { FITS, Socket, TROUBLE } from "./socket.js";
import { plain } from "./words.js";

const HELD = 20_000;
const PART = 500;
const AROUND_MILLISECONDS = 10_000;
const OURS = "system/deployer";

export class AppOutput {
  constructor({ dataset }, rows) {
    this.address = dataset.log;
    this.rows = rows;
    this.lines = [];
    this.newest = 0;
    this.finished = false;
    this.linkable = false;
    this.known = new Map(); // stream → {time, count}: of its newest line, and how many it has of that time
    this.since = "";
  }

  get oldest() {
    return this.newest - this.lines.length + 1;
  }

  listen({ take, end, say }) {
    const socket = new Socket({
      address: () => {
        this.again = new Map();
        return this.since ? `${this.address}&since=${encodeURIComponent(this.since)}` : this.address;
      },
      hear: ({ lines = [], words, final }) => {
        say(words && !final ? `${words} Trying again…` : words ?? "");
        if (final) {
          socket.over = true;
          end();
        }
        if (words) return TROUBLE;
        const fresh = lines.filter((line) => this.isNew(line));
        for (const line of fresh) line.number = ++this.newest;
        this.lines = this.lines.concat(fresh);
        if (this.lines.length > HELD * 1.2) this.lines = this.lines.slice(-HELD);
        if (fresh.length) take(fresh);
        return FITS;
      },
    });
  }

  isNew({ stream, time }) {
    if (stream === OURS) return true;
    const known = this.known.get(stream);
    if (known && time < known.time) return false;
    if (known && time === known.time) {
      const seen = this.again.get(stream);
      const place = seen?.time === time ? seen.count + 1 : 1;
      this.again.set(stream, { time, count: place });
      if (place <= known.count) return false;
      known.count = place;
      return true;
    }
    this.known.set(stream, { time, count: 1 });
    this.again.set(stream, { time, count: 1 });
    const moment = new Date(Date.parse(time) - AROUND_MILLISECONDS).toISOString();
    if (moment > this.since) this.since = moment;
    return true;
  }

  async part({ before, after, line }) {
    const oldest = this.oldest;
    if (after !== undefined) return this.between(Math.max(after + 1, oldest), after + PART);
    if (line !== undefined) return this.between(line - PART / 2, line + PART / 2);
    return this.between((before ?? this.newest + 1) - PART, (before ?? this.newest + 1) - 1);
  }

  between(first, last) {
    [first, last] = [Math.max(first, this.oldest), Math.min(last, this.newest)];
    return { lines: this.lines.slice(first - this.oldest, last - this.oldest + 1), first, last };
  }

  async find(what, { after, before }) {
    const fits = this.fitting(what);
    if (after !== undefined) return this.lines.find((line) => line.number > after && fits(line))?.number ?? null;
    return this.lines.findLast((line) => line.number < before && fits(line))?.number ?? null;
  }

  async findAll(what) {
    const numbers = this.lines.filter(this.fitting(what)).map((line) => line.number);
    return { numbers: numbers.slice(0, 1000), more: numbers.length > 1000 };
  }

  fitting({ q, errors }) {
    if (errors) return ({ message }) => this.rows.isError(message);
    const wanted = q.toLowerCase();
    return ({ message }) => plain(message).toLowerCase().includes(wanted);
  }
}
