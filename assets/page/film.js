"use strict";
/* The film: every face with its original and its edits. A click goes there, Shift and a click compares with it. */
window.studio.film = ({ element, props, trigger, watch }) => {
  const { make } = window.studio;
  const list = element.querySelector(".frames");
  const frame = (one) =>
    make(
      "button",
      {
        type: "button", class: `frame${one.shown ? " shown" : ""}${one.first ? " first" : ""}`, title: one.title,
        "aria-current": one.shown ? "true" : null,
        click: (event) => trigger(event.shiftKey || event.altKey ? "compare" : "select", { face: one.face, at: one.at }),
      },
      one.url ? make("img", { src: one.url, alt: "" }) : make("span", { class: "blank" }),
      make("span", { class: "name" }, one.name),
      make("span", { class: "strength" }, one.strength),
      make("span", { class: "tools" }, one.tools),
    );
  function draw() {
    list.replaceChildren(...(props.value ?? []).map(frame));
    const shown = list.querySelector(".shown");
    if (shown) list.scrollTo({ left: shown.offsetLeft - list.clientWidth / 2 + shown.clientWidth / 2 });
  }
  watch("value", draw);
  draw();
};
