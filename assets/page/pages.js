"use strict";
/* Small pictures to choose from, ways between the pages, and where a reload goes back to. */
window.studio.choices = ({ element, props, trigger, watch }) => {
  const { make } = window.studio;
  const one = ({ url, caption, kind }, index) =>
    make("button", { type: "button", click: () => trigger("select", { index, kind }) }, make("img", { src: url, alt: "" }), make("span", {}, caption));
  const draw = () => element.querySelector(".choices").replaceChildren(...(props.value ?? []).map(one));
  watch("value", draw);
  draw();
};

/* A slider that is moved by keys is let go with the key, and a number is taken with Enter; Gradio waits for a pointer. */
addEventListener("keyup", ({ target, key }) => {
  if (!target.closest?.(".chip, #fine-tune")) return;
  if (target.type === "range" && /^(Arrow|Page|Home|End)/.test(key)) target.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
  if (target.type === "number" && key === "Enter") target.blur();
});

/* A number outside its range is kept from Gradio, which would limit it and say nothing; here it is limited with a word. */
const outside = (field) => field.matches?.("input[type=number]") && (field.validity.rangeOverflow || field.validity.rangeUnderflow);
function say(block, words) {
  const note = block.querySelector(".said") ?? block.appendChild(window.studio.make("p", { class: "said", role: "alert" }));
  note.textContent = words;
}
const sayRange = (field) => say(field.closest(".block"), window.studioWords.range.replace("{}", field.min).replace("{}", field.max));
addEventListener("pointerdown", () => document.querySelectorAll(".said").forEach((note) => note.remove()));
addEventListener("input", (event) => {
  const field = event.target;
  if (outside(field)) (event.stopImmediatePropagation(), sayRange(field));
  else if (event.isTrusted) field.closest?.(".block")?.querySelector(".said")?.remove();
}, true);
addEventListener("change", ({ target }) => {
  if (!outside(target)) return;
  sayRange(target);
  target.value = target.validity.rangeOverflow ? target.max : target.min;
  target.dispatchEvent(new InputEvent("input", { bubbles: true }));
}, true);

/* Gradio throws where there is no camera, or another program has it. */
addEventListener("unhandledrejection", (event) => {
  const { name } = event.reason instanceof DOMException ? event.reason : {};
  if (/^(NotFound|NotReadable|Overconstrained)Error$/.test(name)) (event.preventDefault(), say(document.querySelector("#camera"), window.studioWords.noCamera));
});

/* On a telephone the rows of a comparison begin below the window. */
addEventListener("click", ({ target }) => target.closest?.("#methods-start") && innerWidth <= 900 && document.querySelector("#compare-room .room-main").scrollIntoView());

/* What was learned is a card of the studio from then on. */
window.studio.hear("learned", (learned) => {
  if (!learned) return;
  document.querySelector("#page-studio-button").click();
  const until = Date.now() + 5000;
  const look = () => {
    const card = [...document.querySelectorAll(".card")].find((one) => one.dataset.prompt === learned.prompt);
    if (!card && Date.now() < until) return setTimeout(look, 50);
    card?.scrollIntoView({ block: "center" });
    card?.classList.add("learned");
  };
  look();
});
addEventListener("click", (event) => {
  const page = event.target.closest?.("[data-page]")?.dataset.page;
  if (page) document.querySelector(`#page-${page}-button`).click();
});

/* Words that were asked for before there was a face, or typed while one of several is chosen, edit it when it is there. */
(() => {
  let asked = false;
  const several = () => document.querySelector(".stage-view.several");
  const faceless = () => document.querySelector("#stage:not(.has-face)") || several();
  addEventListener("input", ({ target }) => target.closest?.("#prompt") && several() && (asked = true), true);
  addEventListener("click", ({ target }) => target.closest?.("#edit-now, #cards .choose, #verdict .suggestion") && faceless() && (asked = true), true);
  addEventListener("keydown", ({ target, key }) => key === "Enter" && target.closest?.("#prompt") && faceless() && (asked = true), true);
  window.studio.hear("face", (face) => {
    if (face === null || face === undefined || !asked) return;
    asked = false;
    if (document.querySelector("#prompt :is(input, textarea)").value.trim()) document.querySelector("#edit-now").click();
  });
})();

(() => {
  /* The open page stands in the address: #lab-train is found again after a reload. */
  const inLab = () => document.querySelector("#page-lab-button[aria-selected=true]");
  addEventListener("click", (event) => {
    if (!event.target.closest?.("[role=tab]")) return;
    scrollTo(0, 0);
    requestAnimationFrame(() => {
      const lab = document.querySelector("#lab [role=tab][aria-selected=true]")?.id.replace(/^page-|-button$/g, "");
      history.replaceState(null, "", inLab() ? `#lab-${lab ?? ""}` : location.pathname + location.search);
    });
  });
  const wanted = location.hash.match(/^#lab-?(\w*)$/);
  if (!wanted) return;
  const opened = new MutationObserver(() => {
    const [page, room] = [document.querySelector("#page-lab-button"), document.querySelector(`#page-${wanted[1]}-button`)];
    if (page && page.getAttribute("aria-selected") !== "true") page.click();
    if (!page || (wanted[1] && !room)) return;
    opened.disconnect();
    room?.click();
  });
  opened.observe(document, { childList: true, subtree: true });
})();
