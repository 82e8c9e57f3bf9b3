// A calm word when a connection of this page is lost, and one when it is back. Whoever has a connection tells.

const PATIENCE = 1500;
const BACK_FOR = 4000;
const notice = document.getElementById("connection");
const missing = new Set();
let timer = 0;
let told = false;

export function lost(who) {
  missing.add(who);
  if (told || timer) return;
  timer = setTimeout(() => {
    timer = 0;
    told = true;
    notice.textContent = "The connection is lost. Trying again… What is shown may be old.";
  }, PATIENCE);
}

export function back(who) {
  missing.delete(who);
  if (missing.size) return;
  clearTimeout(timer);
  timer = 0;
  if (!told) return;
  told = false;
  notice.textContent = "Back again.";
  setTimeout(() => { if (!told) notice.textContent = ""; }, BACK_FOR);
}

addEventListener("pagehide", () => clearTimeout(timer));
