"use strict";
/* Prompt cards by category, previewed on the face on the stage, and the visitor's own cards; the verdict's suggestions. */
window.studio.cards = ({ element, props, trigger, watch }) => {
  const { hear, make } = window.studio;
  const OWN = "mcaclip-cards";
  const [tabs, list, own] = [".categories", ".list", ".own"].map((selector) => element.querySelector(selector));
  const { all, yours, add, remove } = element.querySelector(".cards").dataset;
  const seen = { category: all, face: null, previews: {}, asked: new Set(), visible: new Set(), busy: false, parts: [] };

  const stored = () => {
    try {
      const cards = JSON.parse(localStorage.getItem(OWN) ?? "[]");
      return Array.isArray(cards) ? cards.filter((card) => Array.isArray(card?.parts) && card.parts.length) : [];
    } catch {
      return [];
    }
  };
  const store = (cards) => (localStorage.setItem(OWN, JSON.stringify(cards.slice(0, 60))), draw());
  const nameOf = (parts) => parts.map((part) => part.prompt).join(" + ");

  function card({ prompt, ground, parts }) {
    const picture = make("span", { class: "picture", style: ground ? `background:${ground}` : null });
    const drawn = (name) => seen.previews[name] ?? (props.value?.cards ?? []).find((one) => one.prompt === name)?.url;
    const shown = parts && !seen.previews[prompt] ? parts.map((part) => drawn(part.prompt)) : [drawn(prompt)];
    picture.append(...shown.filter(Boolean).map((src) => make("img", { src, alt: "", loading: "lazy" })));
    const choose = () => trigger("select", parts ? { parts } : { prompt });
    const side = parts
      ? make("button", { type: "button", class: "side", title: remove, "aria-label": `${remove}: ${prompt}`, click: () => store(stored().filter((one) => nameOf(one.parts) !== prompt)) }, "×")
      : make("button", { type: "button", class: "side", title: add, "aria-label": `${add}: ${prompt}`, click: () => trigger("added", { prompt }) }, "+");
    return make("div", { class: "card", "data-prompt": prompt }, make("button", { type: "button", class: "choose", click: choose }, picture, make("span", {}, prompt)), side);
  }

  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) seen.visible.add(target.dataset.prompt);
      else seen.visible.delete(target.dataset.prompt);
    }
    ask();
  });

  /* The visible cards are asked for a few at a time, so that those that come into view are next. */
  function ask() {
    if (seen.face === null || seen.busy) return;
    const wanted = (props.value?.cards ?? []).map((one) => one.prompt).filter((prompt) => seen.visible.has(prompt) && !seen.asked.has(prompt)).slice(0, 4);
    if (!wanted.length) return;
    wanted.forEach((prompt) => seen.asked.add(prompt));
    seen.busy = true;
    trigger("wanted", { face: seen.face, prompts: wanted });
  }

  function draw() {
    const cards = props.value?.cards ?? [];
    const mine = stored().map((one) => ({ prompt: nameOf(one.parts), parts: one.parts }));
    const names = [all, ...new Set(cards.map((one) => one.category)), ...(mine.length ? [yours] : [])];
    if (!names.includes(seen.category)) seen.category = all;
    const tab = (name) => make("button", { type: "button", "aria-pressed": String(name === seen.category), click: () => ((seen.category = name), draw()) }, name);
    tabs.replaceChildren(...names.map(tab));
    const within = cards.filter((one) => seen.category === all || one.category === seen.category);
    watcher.disconnect();
    seen.visible.clear();
    list.replaceChildren(...(seen.category === yours ? mine : [...(seen.category === all ? mine : []), ...within]).map(card));
    for (const one of list.querySelectorAll(".card")) watcher.observe(one);
  }

  hear("previews", (news) => {
    if (!news || news.face !== seen.face) return (seen.busy = news?.done ? false : seen.busy);
    Object.assign(seen.previews, news.made);
    for (const [prompt, url] of Object.entries(news.made)) {
      const picture = [...list.querySelectorAll(".card")].find((one) => one.dataset.prompt === prompt)?.querySelector(".picture");
      picture?.replaceChildren(make("img", { src: url, alt: "" }));
    }
    if (news.done) ((seen.busy = false), ask());
  });
  hear("face", (face) => {
    if (face === seen.face) return;
    Object.assign(seen, { face, previews: {}, asked: new Set(), busy: false });
    draw();
  });
  hear("parts", (parts) => {
    seen.parts = parts || [];
    own.querySelector(".keep-card").disabled = !seen.parts.length;
  });
  own.querySelector(".keep-card").addEventListener("click", () => {
    store([{ parts: seen.parts }, ...stored().filter((one) => nameOf(one.parts) !== nameOf(seen.parts))]);
    seen.category = yours;
    draw();
    tabs.scrollIntoView({ block: "nearest" });
  });
  own.querySelector(".export-cards").addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([JSON.stringify(stored(), null, 1)], { type: "application/json" }));
    make("a", { href: url, download: "my-cards.json" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  });
  own.querySelector(".import-cards").addEventListener("change", async (event) => {
    try {
      const given = JSON.parse(await event.target.files[0].text());
      const good = given.filter((one) => one.parts.every((part) => typeof part.prompt === "string" && Number.isFinite(part.strength)));
      store([...good, ...stored().filter((one) => !good.some((other) => nameOf(other.parts) === nameOf(one.parts)))]);
      seen.category = yours;
      draw();
    } catch {
      own.querySelector(".own-problem").hidden = false;
      return;
    }
    own.querySelector(".own-problem").hidden = true;
  });
  watch("value", draw);
  draw();
};

/* What the words mean to the studio, and what to say instead. */
window.studio.verdict = ({ element, props, trigger, watch }) => {
  const { make } = window.studio;
  function draw() {
    const { kind = "idle", line = "", suggestions = [] } = props.value ?? {};
    const chip = (prompt) => make("button", { type: "button", class: "suggestion", click: () => trigger("select", { prompt }) }, prompt);
    element.querySelector(".verdict").replaceChildren(make("span", { class: `dot dot-${kind}` }), make("span", { class: "words" }, line), ...suggestions.map(chip));
  }
  watch("value", draw);
  draw();
};
