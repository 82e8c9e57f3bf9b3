// A button beside something to copy: there only where the browser lets a page copy.

for (const button of document.querySelectorAll("button[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  if (!field || !navigator.clipboard) continue;
  const said = document.getElementById(`${button.id}-said`);
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value);
      said.textContent = "Copied.";
    } catch {
      field.select();
      said.textContent = "Not copied: it is selected, copy it yourself.";
    }
  });
}
for (const field of document.querySelectorAll("input.once")) field.addEventListener("focus", () => field.select());
