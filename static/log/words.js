// What a line shows: terminal colours as classes, of what a carriage return overwrites the last state, and nothing that
// misleads the eye. The words are those that the server draws: releases/logs/plain.py.

import { AnsiUp } from "../vendor/ansi_up-6.0.6.js";

const SHOWN_MAX = 20_000;
// All codes but colours: links and titles lose their addresses, cursors don't move.
const CODES = /\x1b\[[0-?]*[ -/]*[@-l n-~]|\x1b\[[0-?]*[ -/]+m|\x1b\][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[PX^_][^\x1b\x9c]*(?:\x1b\\|\x9c)?|\x1b(?!\[)[ -/]*[0-~]?|\x1b\[(?![0-?]*m)|[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]/g;
const COLOURS = /\x1b\[[0-?]*m/g;
const TURNING = /[\u202a-\u202e\u2066-\u2069]/g;
const STYLES = { "font-weight:bold": "ansi-bold", "opacity:0.7": "ansi-faint", "font-style:italic": "ansi-italic", "text-decoration:underline": "ansi-underline" };
const HUES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

// The message with colours as its only codes.
function coloured(message) {
  const kept = message.replace(/\r+$/, "").replace(/^.*\r/s, "");
  const bare = kept.replace(CODES, "").replace(TURNING, (turn) => `[U+${turn.charCodeAt(0).toString(16).toUpperCase()}]`);
  if (bare.length <= SHOWN_MAX) return bare;
  return `${bare.slice(0, SHOWN_MAX)}\x1b[0m [${(bare.length - SHOWN_MAX).toLocaleString("en")} more characters: the raw log has them]`;
}

export function plain(message) {
  return coloured(message).replace(COLOURS, "");
}

export function paint(element, message) {
  const shown = coloured(message);
  if (!shown.includes("\x1b")) {
    element.textContent = shown;
    return;
  }
  const ansi = new AnsiUp();
  ansi.use_classes = true;
  ansi.url_allowlist = {};
  // In what was said, every quotation mark is escaped: this meets attributes only, which the page's policy forbids.
  const html = ansi.ansi_to_html(`${shown}\x1b[0m`).replaceAll(' style="', ' data-style="');
  const inert = new DOMParser().parseFromString(html, "text/html").body;
  for (const styled of inert.querySelectorAll("[data-style]")) {
    styled.classList.add(...styled.dataset.style.split(";").map(classOf).filter(Boolean));
    delete styled.dataset.style;
  }
  element.replaceChildren(...inert.childNodes);
}

// Of the colours beyond the sixteen, the nearest of them that is there in light and in dark.
function classOf(style) {
  const [, ground, red, green, blue] = style.match(/^(background-)?color:rgb\((\d+),(\d+),(\d+)\)$/) ?? [];
  if (red === undefined) return STYLES[style];
  const levels = [red, green, blue].map(Number);
  const [least, most] = [Math.min(...levels), Math.max(...levels)];
  const grey = most - least < 40;
  const hue = grey ? (most > 127 ? 7 : 0) : levels.reduce((sum, level, bit) => sum + (level - least > (most - least) / 2 ? 1 << bit : 0), 0);
  return `ansi-${HUES[hue]}-${ground ? "bg" : "fg"}`;
}
