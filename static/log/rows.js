// One line as a row, the same that the server draws: templates/log_lines.html.

import { paint, plain } from "./words.js";

export class Rows {
  constructor(root) {
    this.errors = new RegExp(root.dataset.errors, "i");
    this.quiet = root.dataset.kind === "output" ? "system/deployer" : null;
  }

  row({ number, time, stream, message }) {
    const row = document.createElement("li");
    row.id = `L${number}`;
    if (stream === this.quiet) row.className = "quiet";
    const link = cell("a", "n", number);
    link.href = `#L${number}`;
    link.tabIndex = -1;
    const said = cell("span", "m", "");
    paint(said, message);
    if (this.errors.test(message.includes("\x1b") ? said.textContent : message)) said.classList.add("err");
    row.append(link, cell("span", "t", time.slice(11, 19)), cell("span", "s", plain(stream)), said);
    return row;
  }

  isError(message) {
    return this.errors.test(plain(message));
  }
}

function cell(kind, name, text) {
  const made = document.createElement(kind);
  made.className = name;
  made.textContent = text;
  return made;
}

export const numberOf = (row) => Number(row.id.slice(1));

// As it is shown, without its number.
export const textOf = (row) => [...row.children].slice(1).map((part) => part.textContent).join(" ");
