import { find } from "./element.js";

/**
 * @typedef {object} Look
 * @property {"blur" | "colour" | "transparent" | "mask" | "original"} background
 * @property {number} blur 1 (weak) to 6 (strong)
 * @property {number} edge 0 (hard) to 1 (soft)
 * @property {string} colour
 */

/** The controls that choose what stands behind the person. */
export class LookControls {
  /**
   * @param {HTMLElement} root
   * @param {(look: Look) => void} apply
   */
  constructor(root, apply) {
    this.form = find(root, "form.look", HTMLFormElement);
    this.compare = find(root, ".compare", HTMLButtonElement);
    this.apply = apply;
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", (event) => this.#update(event.target));
    this.compare.addEventListener("click", () => {
      const pressed = this.compare.getAttribute("aria-pressed") !== "true";
      this.compare.setAttribute("aria-pressed", String(pressed));
      this.#update(null);
    });
    this.#update(null);
  }

  /** @param {EventTarget | null} changed */
  #update(changed) {
    const values = new FormData(this.form);
    const ownColour = find(this.form, "input[type=color]", HTMLInputElement);
    if (changed === ownColour)
      find(this.form, "input[name=colour][value=own]", HTMLInputElement).checked = true;
    const background = /** @type {Look["background"]} */ (values.get("background"));
    const swatch = String(new FormData(this.form).get("colour"));
    this.form.dataset.background = background;
    const original = this.compare.getAttribute("aria-pressed") === "true";
    this.apply({
      background: original ? "original" : background,
      blur: Number(values.get("blur")),
      edge: Number(values.get("edge")) / 100,
      colour: swatch === "own" ? ownColour.value : swatch,
    });
  }
}
