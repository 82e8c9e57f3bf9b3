// Buttons beside something to copy: shown only where the browser lets a page copy. `data-copy`: the ID of what is
// copied; `data-copy-of`: the address whose text is.

const SAID_MS = 2000;

function said(button, words) {
  const place = document.getElementById(`${button.id}-said`);
  (place ?? document.getElementById("announcement")).textContent = words;
  if (place || words !== "Copied.") return;
  const label = button.firstChild; // of a live part: it may be drawn anew meanwhile
  const before = label.data;
  label.data = "Copied";
  setTimeout(() => {
    if (label.data === "Copied") label.data = before;
  }, SAID_MS);
}

function text(field) {
  return field.value ?? field.textContent;
}

async function fetched(address) {
  const answer = await fetch(address, { headers: { Accept: "text/plain" } });
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return new Blob([await answer.text()], { type: "text/plain" });
}

async function copy(button) {
  const field = button.dataset.copy && document.getElementById(button.dataset.copy);
  try {
    if (field) await navigator.clipboard.writeText(text(field));
    // What is still on its way: a browser asks whether it was meant in the moment of the click.
    else await navigator.clipboard.write([new ClipboardItem({ "text/plain": fetched(button.dataset.copyOf) })]);
    said(button, "Copied.");
  } catch {
    if (field?.select) field.select();
    else if (field) getSelection().selectAllChildren(field);
    said(button, field ? "Not copied: it is selected, copy it yourself." : "Not copied: open it as text, and copy that.");
  }
}

if (navigator.clipboard) document.documentElement.classList.add("copies");
document.addEventListener("click", (event) => {
  const button = event.target.closest("button.copy");
  if (button) copy(button);
});
for (const field of document.querySelectorAll("input.once")) field.addEventListener("focus", () => field.select());
