"use strict";
/* The stage: one large picture, its four views, the line between before and after, zoom, live frames. */
window.studio.stage = ({ element, props, trigger, watch }) => {
  const { hear, make, typing } = window.studio;
  const find = (selector) => element.querySelector(selector);
  const root = find(".stage-view");
  const [port, pan] = [find(".port"), find(".pan")];
  const [before, after, layer] = [find(".before"), find(".after"), find(".layer")];
  const [line, tint, boxes] = [find(".line"), find(".tint"), find(".boxes")];
  const stage = document.querySelector("#stage");
  const seen = { at: 50, zoom: 1, x: 0, y: 0, ratio: 1, side: 0, layer: -1, layers: [], view: "split" };
  const KEEP = 1024; // pixels of a side of the picture

  const source = (image, url) => {
    if (url) image.src = url;
    else image.removeAttribute("src");
    image.hidden = !url;
  };

  function layout() {
    const [width, height] = [port.clientWidth, port.clientHeight];
    seen.side = Math.min(width, height * seen.ratio);
    pan.style.width = `${seen.side}px`;
    pan.style.height = `${seen.side / seen.ratio}px`;
    const reach = (seen.zoom - 1) / 2;
    const bound = (value, side) => Math.max(-reach * side, Math.min(reach * side, value));
    seen.x = bound(seen.x, seen.side);
    seen.y = bound(seen.y, seen.side / seen.ratio);
    pan.style.transform = `translate(${seen.x}px, ${seen.y}px) scale(${seen.zoom})${besideSheet()}`;
    root.classList.toggle("zoomed", seen.zoom > 1);
    find(".zoom").textContent = seen.zoom > 1 ? find(".zoom").dataset.fit : find(".zoom").dataset.full;
  }

  /* Before there is a face the example stands above the sheet; by a transform, so that nothing shifts later. */
  function besideSheet() {
    const sheet = document.querySelector("#source");
    if (stage.classList.contains("has-face") || !sheet || getComputedStyle(sheet).position !== "absolute") return "";
    const box = port.getBoundingClientRect();
    const room = sheet.getBoundingClientRect().top - box.top - 14;
    const smaller = Math.min(1, room / Math.max(1, seen.side));
    const up = (box.height - room) / 2;
    return ` translateY(${-up}px) scale(${smaller})`;
  }

  function zoom(factor, event) {
    const old = seen.zoom;
    seen.zoom = Math.max(1, Math.min(8, factor));
    if (event) {
      const box = port.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
      seen.x = x - ((x - seen.x) * seen.zoom) / old;
      seen.y = y - ((y - seen.y) * seen.zoom) / old;
    }
    layout();
  }
  const full = () => KEEP / Math.max(1, seen.side);

  function show(view) {
    seen.view = view;
    root.dataset.view = view;
    for (const radio of root.querySelectorAll(".views input")) radio.checked = radio.value === view;
    if (view === "masks") choose(seen.layer < 0 ? seen.layers.length - 1 : seen.layer);
  }

  function moveLine(at) {
    seen.at = Math.max(0, Math.min(100, at));
    root.style.setProperty("--at", `${seen.at}%`);
    line.setAttribute("aria-valuenow", Math.round(seen.at));
  }

  /* Masks: the chosen one is large; the one under the pointer lies over the picture. */
  function choose(index) {
    seen.layer = index;
    source(layer, seen.layers[index]?.url);
    for (const [at, tile] of [...find(".layers").children].entries()) tile.classList.toggle("chosen", at === index);
    find(".layer-name").textContent = seen.layers[index]?.name ?? "";
  }
  function hover(url) {
    root.classList.toggle("hover", Boolean(url));
    tint.style.setProperty("--mask", `url("${url ?? seen.mask ?? ""}")`);
  }

  hear("edit", (edit) => {
    source(after, edit?.after);
    seen.mask = edit?.mask ?? null;
    hover(null);
    root.classList.toggle("edited", Boolean(edit?.after));
    root.classList.toggle("moving", Boolean(edit?.moving));
    if (edit?.left) source(before, edit.left);
    else if (props.value?.before) source(before, props.value.before);
    if (edit?.view) show(edit.view);
    if (edit?.after && !edit.moving && stage?.classList.contains("saving")) document.querySelector("#prepare")?.click();
  });
  hear("layers", (layers) => {
    seen.layers = layers || [];
    const tile = ({ name, url, area }, index) =>
      make(
        "button",
        { type: "button", title: `${name}, ${area}`, "aria-label": `${name}, ${area}`, click: () => (choose(index), show("masks")),
          pointerenter: (event) => event.pointerType === "mouse" && hover(url), pointerleave: () => hover(null), focus: () => hover(url), blur: () => hover(null) },
        make("img", { src: url, alt: "" }),
        make("span", {}, area),
      );
    find(".layers").replaceChildren(...seen.layers.map(tile));
    if (seen.view === "masks") seen.layers.length ? choose(Math.min(Math.max(seen.layer, 0), seen.layers.length - 1)) : show("picture");
  });
  hear("learning", (news) => {
    const inset = find(".inset");
    inset.hidden = !news?.frame;
    if (news?.frame) source(inset.querySelector("img"), news.frame);
  });

  function face() {
    const value = props.value ?? {};
    seen.ratio = value.ratio ?? 1;
    Object.assign(seen, { zoom: 1, x: 0, y: 0 });
    source(before, value.before);
    stage.classList.toggle("has-face", Boolean(value.before) && !value.example);
    stage.classList.remove("choosing");
    root.classList.toggle("example", Boolean(value.example));
    root.classList.toggle("several", Boolean(value.boxes?.length));
    const box = ({ x, y, width, height, label }, index) =>
      make("button", {
        type: "button", class: "box", "aria-label": label, click: () => trigger("select", { index }),
        style: `left:${x}%;top:${y}%;width:${width}%;height:${height}%`,
      });
    boxes.replaceChildren(...(value.boxes ?? []).map(box));
    if (value.example) (show("split"), moveLine(50));
    else show(value.view ?? (seen.view === "split" || seen.view === "masks" ? "picture" : seen.view));
    layout();
  }
  watch("value", face);

  /* Looking: hold for the original, drag the line, pan and zoom. */
  const peek = (on) => root.classList.toggle("peek", on && seen.view !== "split");
  let drag = null;
  port.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest("button, canvas")) return;
    const splitting = seen.view === "split" && root.classList.contains("edited");
    drag = { kind: splitting && seen.zoom === 1 || event.target === line ? "line" : seen.zoom > 1 ? "pan" : "peek", x: event.clientX, y: event.clientY };
    port.setPointerCapture(event.pointerId);
    if (drag.kind === "line") follow(event);
    if (drag.kind === "peek") peek(true);
  });
  function follow(event) {
    const box = pan.getBoundingClientRect();
    moveLine((100 * (event.clientX - box.left)) / box.width);
  }
  port.addEventListener("pointermove", (event) => {
    if (drag?.kind === "line") follow(event);
    if (drag?.kind !== "pan") return;
    seen.x += event.clientX - drag.x;
    seen.y += event.clientY - drag.y;
    Object.assign(drag, { x: event.clientX, y: event.clientY });
    layout();
  });
  for (const end of ["pointerup", "pointercancel"]) port.addEventListener(end, () => ((drag = null), peek(false)));
  port.addEventListener("dblclick", (event) => zoom(seen.zoom > 1 ? 1 : full(), event));
  port.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    zoom(seen.zoom * Math.exp(-event.deltaY / 300), event);
  }, { passive: false });
  line.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -2, ArrowRight: 2, PageDown: -10, PageUp: 10, Home: -100, End: 100 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    moveLine(seen.at + step);
  });
  const original = find(".original");
  for (const [down, up] of [["pointerdown", "pointerup"], ["keydown", "keyup"]]) {
    original.addEventListener(down, (event) => (event.key ?? " ") !== "Tab" && peek(true));
    for (const name of [up, "blur", "pointerleave"]) original.addEventListener(name, () => peek(false));
  }
  document.addEventListener("keydown", (event) => event.key === "o" && !event.ctrlKey && !event.metaKey && !typing(event) && peek(true));
  document.addEventListener("keyup", (event) => event.key === "o" && peek(false));
  find(".zoom").addEventListener("click", () => zoom(seen.zoom > 1 ? 1 : full()));
  for (const radio of root.querySelectorAll(".views input")) radio.addEventListener("change", () => show(radio.value));
  const resized = new ResizeObserver(layout);
  resized.observe(port);
  const sheet = document.querySelector("#source");
  if (sheet) resized.observe(sheet);
  window.studio.paint({ root, hear });
  face();
};

/* A photo may be dropped or pasted anywhere. It goes through Gradio's own upload button. */
(() => {
  function give(files) {
    const input = document.querySelector("#photo-box input[type=file]");
    const all = [...(files ?? [])];
    const picture = all.find((file) => file.type.startsWith("image/") || /\.(heic|heif)$/i.test(file.name)) ?? all[0]; // the server says what is wrong
    if (!input || !picture) return false;
    const transfer = new DataTransfer();
    transfer.items.add(picture);
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  }
  const stage = () => document.querySelector("#stage");
  const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragover", (event) => carries(event) && (event.preventDefault(), stage()?.classList.add("dropping")));
  addEventListener("dragleave", (event) => event.relatedTarget ?? stage()?.classList.remove("dropping"));
  addEventListener("drop", (event) => {
    stage()?.classList.remove("dropping");
    if (carries(event) && !event.target.closest?.("#session-file")) (event.preventDefault(), give(event.dataTransfer.files));
  });
  addEventListener("paste", (event) => give(event.clipboardData?.files) && event.preventDefault());
  /* Sheets over the stage: one at a time, closed by Escape and by their own button. */
  addEventListener("click", (event) => {
    const button = event.target.closest?.("#new-photo, #save, .close-sheet");
    if (!button) return;
    stage().classList.toggle("choosing", button.id === "new-photo" && !stage().classList.contains("choosing"));
    const saving = button.id === "save" && !stage().classList.contains("saving");
    stage().classList.toggle("saving", saving);
    if (saving && document.querySelector("#download-edited")?.disabled) document.querySelector("#prepare").click();
  });
  addEventListener("keydown", (event) => event.key === "Escape" && stage()?.classList.remove("choosing", "saving"));
})();
