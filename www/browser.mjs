import { spawn } from "node:child_process";

/** @type {Partial<Record<NodeJS.Platform, [command: string, ...leading: string[]]>>} */
const COMMANDS = {
  darwin: ["open"],
  win32: ["cmd", "/c", "start", ""],
  linux: ["xdg-open"],
};

/**
 * Opens an address in the visitor's browser where there is one to be seen; does nothing where there is not.
 *
 * @param {string} url
 */
export function openBrowser(url) {
  const [command, ...leading] = COMMANDS[process.platform] ?? [];
  if (!command || !hasDisplay()) return;
  const child = spawn(command, [...leading, url], { stdio: "ignore", detached: true });
  child.on("error", () => {});
  child.unref();
}

function hasDisplay() {
  if (process.env.CI || !process.stdout.isTTY) return false;
  return process.platform !== "linux" || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
}
