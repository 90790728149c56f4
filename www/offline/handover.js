/** How long a page waits for the new version, in milliseconds. */
const PATIENCE = 10_000;

/**
 * It asks for nothing until the new version is in charge: Chromium may leave a request unanswered for good that reaches a
 * service worker while another takes its place.
 */
const SCRIPT = `
  const container = navigator.serviceWorker;
  const reload = () => location.reload();
  container.addEventListener("controllerchange", reload, { once: true });
  setTimeout(() => {
    container.controller?.postMessage("stay");
    reload();
  }, ${PATIENCE});
  container.getRegistration().then((registration) => {
    if (registration?.waiting) registration.waiting.postMessage("take over");
    else reload();
  });
`;

/** An empty page that lets the waiting version in, and then gives way to what that one answers. */
export function handOver() {
  const nonce = crypto.randomUUID();
  const headers = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": `default-src 'none'; img-src data:; script-src 'nonce-${nonce}'`,
  };
  // The icon is there so that none is asked for.
  const page = `<!doctype html>
<html lang="en">
<title>Edgewise</title>
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<script nonce="${nonce}">${SCRIPT}</script>`;
  return new Response(page, { headers });
}
