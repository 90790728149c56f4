/** Counts what this page and its worker fetched, and where from, so that a visitor need not take our word. */
export class RequestLog {
  /** @type {Set<string>} */
  #foreign = new Set();
  #own = 0;

  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    new PerformanceObserver((list) => this.add(list.getEntries().map(({ name }) => name))).observe({
      type: "resource",
      buffered: true,
    });
  }

  /** @param {string[]} addresses */
  add(addresses) {
    for (const address of addresses) {
      const { origin, protocol } = new URL(address, location.href);
      if (origin === location.origin || protocol === "data:") this.#own += 1;
      else this.#foreign.add(address);
    }
    this.#show();
  }

  #show() {
    this.place.textContent = `${this.#own} files fetched from this site, ${this.#foreign.size} from anywhere else.`;
  }
}
