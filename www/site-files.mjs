import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

/** @typedef {{ path: string, integrity: string, bytes: number }} SiteFile */

/**
 * Lists every file of a built site with the hash that the browser checks it against. The page itself goes by the
 * address of its folder: some hosts redirect index.html there.
 *
 * @param {string} folder
 * @returns {Promise<SiteFile[]>}
 */
export async function listFiles(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const listed = await Promise.all(
    files.map((entry) => describeFile(folder, path.join(entry.parentPath, entry.name))),
  );
  return listed.sort((a, b) => a.bytes - b.bytes || a.path.localeCompare(b.path));
}

/** @param {SiteFile[]} files */
export function versionOf(files) {
  const hash = createHash("sha256");
  for (const { path: name, integrity } of files) hash.update(`${name} ${integrity}\n`);
  return hash.digest("hex").slice(0, 16);
}

/**
 * @param {string} folder
 * @param {string} file
 */
async function describeFile(folder, file) {
  const content = await readFile(file);
  const name = path.relative(folder, file).split(path.sep).join("/");
  return {
    path: name === "index.html" ? "./" : name,
    integrity: `sha256-${createHash("sha256").update(content).digest("base64")}`,
    bytes: content.length,
  };
}
