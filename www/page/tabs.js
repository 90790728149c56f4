/**
 * Makes a tab list work by mouse, keyboard and address (#panel-id).
 *
 * @param {HTMLElement} list
 * @param {(panel: HTMLElement) => void} onShow called for the first panel too
 */
export function connectTabs(list, onShow) {
  const tabs = [...list.querySelectorAll("[role=tab]")].filter((tab) => tab instanceof HTMLElement);

  /** @param {HTMLElement} chosen */
  const show = (chosen) => {
    for (const tab of tabs) {
      const selected = tab === chosen;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
      const panel = panelOf(tab);
      panel.hidden = !selected;
      if (selected) onShow(panel);
    }
  };

  const showFromAddress = () => {
    const chosen = tabs.find((tab) => `#${panelOf(tab).id}` === location.hash);
    if (chosen) show(chosen);
    return chosen !== undefined;
  };

  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => {
      show(tab);
      history.replaceState(null, "", `#${panelOf(tab).id}`);
    });
    tab.addEventListener("keydown", (event) => {
      const next = tabs.at(nextIndex(event.key, index, tabs.length));
      if (!next || next === tab) return;
      event.preventDefault();
      next.focus();
      next.click();
    });
  }
  addEventListener("hashchange", showFromAddress);
  if (!showFromAddress() && tabs[0]) show(tabs[0]);
}

/** @param {string} key @param {number} index @param {number} count */
function nextIndex(key, index, count) {
  if (key === "ArrowRight") return (index + 1) % count;
  if (key === "ArrowLeft") return (index - 1 + count) % count;
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  return index;
}

/** @param {HTMLElement} tab */
function panelOf(tab) {
  const panel = document.getElementById(tab.getAttribute("aria-controls") ?? "");
  if (!panel) throw new Error("A tab names no panel.");
  return panel;
}
