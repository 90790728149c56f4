import { existsSync } from "node:fs";
import { createServer } from "node:http";
import sirv from "sirv";
import { isMain } from "../pkg/scripts/workspace.mjs";
import { rivalDist, rivalVersion } from "../tests/zoo/engines.mjs";
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
 * Serves a built site on this machine, and beside it, for the page of benchmarks, onnxruntime-web where it is installed.
 *
 * @param {{ port?: number, outdir?: string, onReport?: (report: string) => void }} [options] port 0 takes any free one;
 *   onReport gets what the page of benchmarks found out
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
export async function serveSite({ port = 0, outdir = defaultOutdir, onReport } = {}) {
  // dev: files are looked up at each request, so the site can be built again while it is served.
  const answer = sirv(outdir, { dev: true, etag: true, gzip: true, brotli: true, setHeaders });
  const answerRival = serveRival();
  const server = createServer((request, response) => {
    if (onReport && request.method === "POST" && request.url === "/report") {
      return receiveText(request).then((text) => {
        response.writeHead(204, HEADERS).end();
        onReport(text);
      });
    }
    if (request.url?.startsWith("/rival/")) return answerRival(request, response);
    answer(request, response, () => answerNotFound(response));
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

/** Answers `/rival/version.json`, and with the files of that version where it is installed. */
function serveRival() {
  const isInstalled = existsSync(rivalDist);
  const answer = isInstalled ? sirv(rivalDist, { dev: true, etag: true, setHeaders }) : undefined;
  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  return (request, response) => {
    if (request.url === "/rival/version.json") {
      response.writeHead(200, { "Content-Type": "application/json", ...HEADERS });
      response.end(JSON.stringify(isInstalled ? { version: rivalVersion } : {}));
    } else if (answer) {
      request.url = request.url?.slice("/rival".length);
      answer(request, response, () => answerNotFound(response));
    } else {
      answerNotFound(response);
    }
  };
}

/** @param {import("node:http").ServerResponse} response */
function answerNotFound(response) {
  response.writeHead(404, { "Content-Type": "text/plain; charset=utf-8", ...HEADERS });
  response.end("Not found\n");
}

/** @param {import("node:http").IncomingMessage} request */
async function receiveText(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
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
