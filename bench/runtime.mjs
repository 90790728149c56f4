/** Which Node the processes run in: 22, which most servers and our numbers use, where npm has it; else the running one. */

import { spawnSync } from "node:child_process";
import { ask } from "../pkg/scripts/workspace.mjs";

const wanted = "22";

/**
 * @param {string} [asked] a path, or "running"
 * @returns {{ path: string, version: string }}
 */
export function findNode(asked) {
  const running = { path: process.execPath, version: process.versions.node };
  if (asked === "running" || (!asked && process.versions.node.startsWith(`${wanted}.`))) return running;
  const path = asked ?? ask("npx", ["--yes", `node@${wanted}`, "-p", "process.execPath"])?.trim();
  if (!path) return running;
  const { stdout } = spawnSync(path, ["-p", "process.versions.node"], { encoding: "utf8" });
  if (stdout?.trim()) return { path, version: stdout.trim() };
  if (asked) throw new Error(`${asked} is no Node`);
  return running;
}
