/**
 * Takes files in from everywhere a visitor may bring them: dropped anywhere on the page, pasted, or picked.
 *
 * @param {(files: File[], folders: number) => void} receive
 */
export function receiveFiles(receive) {
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event.dataTransfer)) return;
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
    document.body.classList.add("dragging");
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) document.body.classList.remove("dragging");
  });
  addEventListener("drop", (event) => {
    document.body.classList.remove("dragging");
    if (!carriesFiles(event.dataTransfer)) return;
    event.preventDefault();
    const folders = [...(event.dataTransfer?.items ?? [])].filter(
      (item) => item.webkitGetAsEntry?.()?.isDirectory,
    );
    receive([...(event.dataTransfer?.files ?? [])], folders.length);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length > 0) receive(files, 0);
  });
}

/**
 * @param {HTMLInputElement} input
 * @param {(file: File) => void} receive
 */
export function receivePicked(input, receive) {
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    // The same file can be picked again, for example after it was edited.
    if (file) receive(file);
    input.value = "";
  });
}

/** @param {DataTransfer | null} transfer */
function carriesFiles(transfer) {
  return transfer?.types.includes("Files") ?? false;
}

/**
 * Fetches a sample as if the visitor had brought it.
 *
 * @param {string} url
 */
export async function fetchSample(url) {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    return new File([await response.blob()], url.slice(url.lastIndexOf("/") + 1));
  } catch (cause) {
    throw new SampleError(`${url}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/** A sample that did not arrive. */
export class SampleError extends Error {}
