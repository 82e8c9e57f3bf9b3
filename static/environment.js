// Variables, many at once: rows are added without asking the server, lines of a .env file pasted into a name fill rows,
// and what would change is told while one types. Without this the same buttons ask the server.

const form = document.querySelector("[data-edit]");
const rows = form?.querySelector("[data-rows] tbody");
const summary = form?.querySelector("[data-summary]");
const row = document.querySelector("template[data-row]");
const ASSIGNMENT = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/;

// A plain value, or one in quotes without a backslash; null for what is left to the server to read.
function plain(text) {
  if (/^(['"])[^\\]*\1$/.test(text) && !text.slice(1, -1).includes(text[0])) return text.slice(1, -1);
  return /^['"]/.test(text) || /\s#/.test(text) ? null : text;
}

// [name, value] of each line; null if there is one that is not as simple as that.
function assignments(text) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() && !line.trim().startsWith("#"));
  const found = lines.map((line) => ASSIGNMENT.exec(line)).map((match) => match && [match[1], plain(match[2])]);
  return found.length && found.every((pair) => pair && pair[1] !== null) ? found : null;
}

function blank() {
  for (const each of rows.rows) {
    const [name, value] = each.querySelectorAll("input, textarea");
    if (!name.value && !value.value) return each;
  }
  return rows.appendChild(row.content.firstElementChild.cloneNode(true));
}

function fill(pairs) {
  let last;
  for (const [name, value] of pairs) {
    last = blank();
    last.querySelector("input").value = name;
    last.querySelector("textarea").value = value;
  }
  last.querySelector("textarea").focus();
  tell();
}

function paste(event) {
  if (event.target.name !== "name") return;
  const text = event.clipboardData.getData("text");
  if (!text.includes("=")) return;
  event.preventDefault();
  const pairs = assignments(text);
  if (pairs) return fill(pairs);
  const whole = form.querySelector("#dotenv");
  form.querySelector("[data-import]").open = true;
  whole.value = [whole.value, text].filter(Boolean).join("\n");
  whole.focus();
  tell();
}

function tell() {
  const [set, removed] = [[], []];
  for (const box of form.querySelectorAll("[name=remove]:checked")) removed.push(box.value);
  // Of a value that is not shown nothing is there before somebody types.
  for (const field of form.querySelectorAll("[name^='value.']")) if (field.value) set.push(field.name.slice(6));
  for (const field of form.querySelectorAll("[name^='shown.']")) if (field.value !== field.defaultValue) set.push(field.name.slice(6));
  for (const name of form.querySelectorAll("[name=name]")) if (name.value.trim()) set.push(name.value.trim());
  const parts = [];
  if (set.length) parts.push(`Sets ${[...new Set(set)].join(", ")}.`);
  if (removed.length) parts.push(`Removes ${removed.join(", ")}.`);
  if (form.querySelector("#dotenv").value.trim() || form.querySelector("#file").files.length) parts.push("Imports a .env file.");
  const words = parts.join(" ");
  if (summary.textContent !== words) summary.textContent = words;
}

if (rows) {
  form.querySelector("[data-paste]").hidden = false;
  form.addEventListener("paste", paste);
  form.addEventListener("input", tell);
  form.querySelector("[data-add]").addEventListener("click", (event) => {
    event.preventDefault();
    rows.appendChild(row.content.firstElementChild.cloneNode(true)).querySelector("input").focus();
  });
  tell();
}
