"use strict";
/* Painting on the stage: strokes, their undo, and what the server is sent. */
window.studio.paint = ({ root, hear }) => {
  const COLOURS = { include: "rgb(20 196 178)", exclude: "rgb(229 72 77)" };
  const canvas = root.querySelector("canvas");
  const pen = canvas.getContext("2d");
  const find = (selector) => document.querySelector(selector);
  const tool = () => find("#paint-tools input[name=paint-tool]:checked")?.value ?? "include";
  const past = [];
  let last = null;

  const clear = () => pen.clearRect(0, 0, canvas.width, canvas.height);
  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * canvas.width) / box.width, ((event.clientY - box.top) * canvas.height) / box.height];
  };
  function stroke(from, to) {
    pen.globalCompositeOperation = tool() === "erase" ? "destination-out" : "source-over";
    pen.strokeStyle = COLOURS[tool()] ?? "black";
    pen.lineWidth = Number(find("#paint-tools input[type=range]")?.value ?? 28);
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
  }
  function undo() {
    const strokes = past.pop();
    if (strokes) pen.putImageData(strokes, 0, 0);
  }
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    past.push(pen.getImageData(0, 0, canvas.width, canvas.height));
    if (past.length > 30) past.shift();
    canvas.setPointerCapture(event.pointerId);
    last = point(event);
    stroke(last, last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const next = point(event);
    stroke(last, next);
    last = next;
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (last = null));
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#undo-stroke")) undo();
    if (event.target.closest?.("#paint")) document.querySelector("#stage").classList.toggle("painting");
    if (event.target.closest?.("#stop-painting")) document.querySelector("#stage").classList.remove("painting");
  });
  hear("strokes_shown", (strokes) => {
    clear();
    past.length = 0;
    if (!strokes) return;
    const used = new Image();
    used.onload = () => pen.drawImage(used, 0, 0, canvas.width, canvas.height);
    used.src = strokes;
  });
  window.studioPaint = { read: () => canvas.toDataURL("image/png"), clear };
};
