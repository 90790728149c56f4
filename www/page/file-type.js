import { find } from "./element.js";
import { fetchSample, receivePicked } from "./file-intake.js";
import { showAnswer, showNote, showWorking, summarise } from "./file-type-answer.js";
import { ModelPanel } from "./model-panel.js";

/** The section that says what type a file is. */
export class FileTypeSection {
  /** Which file is the newest: answers about older ones are dropped. */
  #turn = 0;

  /**
   * @param {HTMLElement} root
   * @param {import("./engine.js").Engine} engine
   */
  constructor(root, engine) {
    this.engine = engine;
    this.answer = find(root, ".answer", HTMLElement);
    this.announcement = find(root, ".announcement", HTMLElement);
    this.panel = new ModelPanel(find(root, ".under-the-hood", HTMLElement), engine, "magika");
    receivePicked(find(root, "input[type=file]", HTMLInputElement), (file) => void this.identify(file));
    for (const button of root.querySelectorAll("[data-sample]")) {
      button.addEventListener("click", () => void this.#trySample(button.getAttribute("data-sample") ?? ""));
    }
  }

  load() {
    return this.panel.load();
  }

  /**
   * @param {File[]} files
   * @param {number} folders
   */
  receive(files, folders) {
    const [file] = files;
    if (folders > 0 || !file)
      showNote(this.answer, "That is a folder", "A folder has no type of its own. Drop one of its files.");
    else void this.identify(file);
  }

  /** @param {File} file */
  async identify(file) {
    const turn = this.#begin();
    showWorking(this.answer, file);
    try {
      await this.panel.load();
      const answer = await this.engine.identify(file);
      if (turn !== this.#turn) return;
      this.panel.showRun(answer.timings);
      showAnswer(this.answer, file, answer);
      this.announcement.textContent = summarise(file, answer);
    } catch (error) {
      if (turn === this.#turn) this.#fail(file, error);
    }
  }

  /** Everything that was under way is out of date from here on. */
  #begin() {
    this.#turn += 1;
    this.panel.hideFailure();
    return this.#turn;
  }

  /** @param {string} url */
  async #trySample(url) {
    const turn = this.#begin();
    try {
      const file = await fetchSample(url);
      if (turn === this.#turn) await this.identify(file);
    } catch (error) {
      if (turn === this.#turn) this.panel.showFailure(error, () => void this.#trySample(url));
    }
  }

  /** @param {File} file @param {unknown} error */
  #fail(file, error) {
    if (error instanceof Error && /NotReadable|NotFound|Security/.test(error.name)) {
      showNote(
        this.answer,
        "That file cannot be read",
        "The browser was refused. Is it a folder, or was it changed or moved meanwhile?",
      );
      return;
    }
    showNote(this.answer, "No answer", `${file.name} was not looked at, see below.`);
    this.panel.showFailure(error, () => void this.identify(file));
  }
}
