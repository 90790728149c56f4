/** A script in a process of its own, so that a crash costs one line. */

import { spawnSync } from "node:child_process";

const minutes = 5;

/**
 * The report that a script prints as its last line, in JSON; or the fault that ended it.
 *
 * @param {string} script
 * @param {string[]} args
 * @param {{ node?: string }} [options] node: the Node to run it with
 * @returns {{ report?: any, fault?: string }}
 */
export function runChild(script, args, { node = process.execPath } = {}) {
  const child = spawnSync(node, [script, ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: minutes * 60_000,
  });
  const report = child.stdout?.trim().split("\n").at(-1);
  if (child.status === 0 && report) return { report: JSON.parse(report) };
  if (child.signal === "SIGTERM") return { fault: `took more than ${minutes} minutes` };
  const reason = (child.stderr ?? String(child.error)).trim().split("\n").slice(-4).join(" | ");
  return { fault: `ended with ${child.signal ?? `exit code ${child.status}`}: ${reason}` };
}
