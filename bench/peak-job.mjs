/** Measures the multiply-add peak in a process of its own, for main.mjs; JSON comes out. */

import { measurePeaks } from "./peak.js";

console.log(JSON.stringify(await measurePeaks()));
