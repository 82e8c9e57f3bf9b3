// The log of a build, of a rollout, of an app. The page comes with its newest lines, and is readable without this.

import { AppOutput } from "./log/output.js";
import { StoredLog } from "./log/stored.js";
import { Viewer } from "./log/viewer.js";

const SOURCES = { stored: StoredLog, output: AppOutput };

for (const root of document.querySelectorAll("[data-log]")) {
  new Viewer(root, (...given) => new SOURCES[root.dataset.kind](...given));
}
