/* Painting on the edit. The canvas comes and goes with the page's updates, so the listeners sit on the document. */
(() => {
  "use strict";
  const COLOURS = { include: "rgb(20 196 178)", exclude: "rgb(229 72 77)" };
  let last = null;

  const board = () => document.querySelector("#canvas .board");
  const tool = () => document.querySelector("#paint-tools input[name=paint-tool]:checked")?.value ?? "include";
  const width = () => Number(document.querySelector("#paint-tools input[type=range]")?.value ?? 28);

  /* Strokes that were used before come as a picture; it becomes part of the canvas as soon as it is needed. */
  function adopted(ground) {
    const canvas = ground.querySelector("canvas");
    const used = ground.querySelector(".strokes");
    if (used) {
      canvas.getContext("2d").drawImage(used, 0, 0, canvas.width, canvas.height);
      used.remove();
    }
    return canvas;
  }

  function point(canvas, event) {
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  function stroke(canvas, from, to) {
    const pen = canvas.getContext("2d");
    pen.globalCompositeOperation = tool() === "erase" ? "destination-out" : "source-over";
    pen.strokeStyle = COLOURS[tool()] ?? "black";
    pen.lineWidth = width();
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
  }

  document.addEventListener("pointerdown", (event) => {
    const canvas = event.target.closest?.("#canvas canvas");
    if (!canvas || event.button !== 0) return;
    event.preventDefault();
    adopted(canvas.closest(".board"));
    canvas.setPointerCapture(event.pointerId);
    last = point(canvas, event);
    stroke(canvas, last, last);
  });
  document.addEventListener("pointermove", (event) => {
    const canvas = last && event.target.closest?.("#canvas canvas");
    if (!canvas) return;
    const next = point(canvas, event);
    stroke(canvas, last, next);
    last = next;
  });
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => (last = null));

  window.studioPaint = {
    /** The strokes as a PNG data URL; empty without a canvas. */
    read: () => (board() ? adopted(board()).toDataURL("image/png") : ""),
    /** Takes all strokes away. */
    clear: () => {
      const canvas = board() && adopted(board());
      canvas?.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    },
  };
})();
