import { CutOutSection } from "./cut-out.js";
import { find } from "./element.js";
import { Engine } from "./engine.js";
import { receiveFiles } from "./file-intake.js";
import { FileTypeSection } from "./file-type.js";
import { OfflineCopy } from "./offline.js";
import { RequestLog } from "./requests.js";
import { connectTabs } from "./tabs.js";

/** The offline copy waits for the first model, so that both do not share the line, but not for longer than this. */
const PATIENCE = 4000;

const engine = new Engine();
const requests = new RequestLog(find(document, "#request-count", HTMLElement));
const offline = new OfflineCopy(find(document, "#offline", HTMLElement));
const demo = find(document, "#demo", HTMLElement);
const fileType = new FileTypeSection(find(document, "#file-type", HTMLElement), engine);
const cutOut = new CutOutSection(find(document, "#cut-out", HTMLElement), engine);

/** @type {FileTypeSection | CutOutSection} */
let current = fileType;

const seen = new Promise((resolve) => {
  new IntersectionObserver(([entry]) => entry?.isIntersecting && resolve(true), {
    rootMargin: "200px",
  }).observe(demo);
});

/** Each model loads when its section is first seen; what follows from it is on the page either way. */
const firstLoad = new Promise((resolve) => {
  connectTabs(find(demo, "[role=tablist]", HTMLElement), (panel) => {
    current = panel.id === "cut-out" ? cutOut : fileType;
    if (current !== cutOut) cutOut.leave();
    resolve(loadWhenSeen(current));
  });
});

/** @param {FileTypeSection | CutOutSection} section */
async function loadWhenSeen(section) {
  await seen;
  if (section !== current) return;
  const report = await section.load().catch(() => undefined);
  requests.add(report?.requests ?? []);
}

receiveFiles((files, folders) => current.receive(files, folders));
void Promise.race([firstLoad, delay(OfflineCopy.isThere ? 0 : PATIENCE)]).then(() => offline.start());

/** @param {number} milliseconds */
function delay(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
