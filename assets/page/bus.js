"use strict";
/* Between the page's components: one says what it was given, others hear it. */
window.studio = (() => {
  const values = {};
  const listeners = {};
  return {
    /** Gives a value to everybody who listens, now or later. */
    tell(name, value) {
      values[name] = value;
      for (const listener of listeners[name] ?? []) listener(value);
    },
    /** Listens, from the value that was told last. */
    hear(name, listener) {
      (listeners[name] ??= []).push(listener);
      if (name in values) listener(values[name]);
    },
    /** Makes elements of a description: tag, attributes (functions are listeners), children. */
    make(tag, attributes = {}, ...children) {
      const element = document.createElement(tag);
      for (const [name, value] of Object.entries(attributes)) {
        if (typeof value === "function") element.addEventListener(name, value);
        else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
      }
      element.append(...children);
      return element;
    },
    /** Whether a key belongs to a field that is being typed in. */
    typing: (event) => event.target.matches?.("input:not([type=range]):not([type=radio]):not([type=checkbox]), textarea, [contenteditable]"),
  };
})();
