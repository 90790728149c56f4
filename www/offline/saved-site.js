/**
 * @typedef {{ path: string, integrity: string, bytes: number }} SiteFile
 */

// Filled in by the build: every file of the site, and one hash over all of them.
const VERSION = /** @type {string} */ (__SITE_VERSION__);
const FILES = /** @type {SiteFile[]} */ (__SITE_FILES__);

const PREFIX = "edgewise-demo-";

/** One version of the site in the browser's cache storage. */
export class SavedSite {
  version = VERSION;
  totalBytes = FILES.reduce((sum, { bytes }) => sum + bytes, 0);
  #cacheName = PREFIX + VERSION;
  /** @type {Map<string, SiteFile>} */
  #files;

  /** @param {string} root the address the paths of the files are relative to */
  constructor(root) {
    this.root = root;
    this.#files = new Map(FILES.map((file) => [new URL(file.path, root).href, file]));
  }

  /**
   * Saves every file that is not there yet. What an older version holds unchanged is copied, not fetched again.
   *
   * @param {(savedBytes: number) => Promise<void>} onProgress
   */
  async save(onProgress) {
    const cache = await caches.open(this.#cacheName);
    let savedBytes = 0;
    for (const [url, file] of this.#files) {
      const key = keyOf(url, file);
      if (!(await cache.match(key)))
        await cache.put(key, (await findInAnyVersion(key)) ?? (await download(url, file)));
      savedBytes += file.bytes;
      await onProgress(savedBytes);
    }
  }

  /** The browser may have thrown files away since; they are fetched again. @param {(savedBytes: number) => Promise<void>} onProgress */
  async repair(onProgress) {
    if (!(await this.isComplete())) await this.save(onProgress);
  }

  async isComplete() {
    const cache = await caches.open(this.#cacheName);
    return (await cache.keys()).length >= this.#files.size;
  }

  async deleteOthers() {
    const names = await caches.keys();
    const old = names.filter((name) => name.startsWith(PREFIX) && name !== this.#cacheName);
    await Promise.all(old.map((name) => caches.delete(name)));
  }

  /** @param {string} address any query string is ignored */
  async find(address) {
    const url = withoutQuery(address);
    const file = this.#files.get(url);
    if (!file) return undefined;
    const cache = await caches.open(this.#cacheName);
    return cache.match(keyOf(url, file), { ignoreVary: true });
  }

  /** The page itself answers to the root and to index.html. @param {string} address */
  async findPage(address) {
    const url = withoutQuery(address);
    return this.find(url === new URL("index.html", this.root).href ? this.root : url);
  }
}

/** @param {string} address */
function withoutQuery(address) {
  const url = new URL(address);
  return url.origin + url.pathname;
}

/**
 * @param {string} url
 * @param {SiteFile} file
 */
function keyOf(url, { integrity }) {
  return `${url}?${encodeURIComponent(integrity)}`;
}

/** @param {string} key */
async function findInAnyVersion(key) {
  return caches.match(key, { ignoreVary: true });
}

/**
 * What is saved is a plain response: one that was redirected may not answer a navigation, and the length that the
 * server named is that of the compressed body.
 *
 * @param {string} url
 * @param {SiteFile} file
 */
async function download(url, { path, integrity, bytes }) {
  const response = await fetch(url, { cache: "no-cache", integrity });
  if (!response.ok) throw new Error(`${path}: the server answered ${response.status}`);
  const headers = new Headers(response.headers);
  headers.delete("content-encoding");
  headers.set("content-length", String(bytes));
  return new Response(response.body, { headers });
}
