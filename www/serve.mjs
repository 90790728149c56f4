import { createServer } from "node:http";
import sirv from "sirv";
import { isMain } from "../pkg/scripts/workspace.mjs";
import { openBrowser } from "./browser.mjs";
import { buildSite, defaultOutdir } from "./build.mjs";

const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const HEADERS = {
  "Content-Security-Policy": CONTENT_SECURITY_POLICY,
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  // Every file keeps its name from version to version, so each is asked for again; an ETag makes that cheap.
  "Cache-Control": "no-cache",
};

/** How many ports are tried, upwards from the one asked for. */
const PORTS_TO_TRY = 20;

/**
 * Serves a built site on this machine.
 *
 * @param {{ port?: number, outdir?: string }} [options] port 0 takes any free one
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
export async function serveSite({ port = 0, outdir = defaultOutdir } = {}) {
  // dev: files are looked up at each request, so the site can be built again while it is served.
  const answer = sirv(outdir, { dev: true, etag: true, gzip: true, brotli: true, setHeaders });
  const server = createServer((request, response) => {
    answer(request, response, () => {
      response.writeHead(404, { "Content-Type": "text/plain; charset=utf-8", ...HEADERS });
      response.end("Not found\n");
    });
  });
  await listen(server, port);
  const address = server.address();
  const actual = typeof address === "object" && address ? address.port : port;
  return {
    url: `http://localhost:${actual}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {string} path
 */
function setHeaders(response, path) {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  // Not a type that the list of MIME types knows.
  if (path.endsWith(".onnx")) response.setHeader("Content-Type", "application/octet-stream");
}

/**
 * @param {import("node:http").Server} server
 * @param {number} port
 * @returns {Promise<void>}
 */
function listen(server, port) {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, process.env.HOST || "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** @param {number} first */
async function serveOnFreePort(first) {
  for (let port = first; port < first + PORTS_TO_TRY; port += 1) {
    try {
      return await serveSite({ port });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EADDRINUSE")) throw error;
    }
  }
  return serveSite({ port: 0 });
}

if (isMain(import.meta.url)) {
  try {
    if (!process.argv.includes("--no-build")) await buildSite();
    const { url } = await serveOnFreePort(Number(process.env.PORT || 8080));
    console.log(`Edgewise demo: ${url}`);
    openBrowser(url);
  } catch (error) {
    console.error(`serve: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  }
}
