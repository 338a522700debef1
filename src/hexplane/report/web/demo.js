"use strict";
// The demo: a head, an arm and a kind of view are chosen; three panes follow.
(() => {
  const byId = (id) => document.getElementById(id);
  if (!byId("demo")) return;
  const about = JSON.parse(byId("about").textContent);
  const heads = new Map(); // parsed on first sight: a page holds megabytes of them
  const head = (index) => {
    if (!heads.has(index)) heads.set(index, JSON.parse(byId(`head-${index}`).textContent));
    return heads.get(index);
  };
  // The first head shows before the browser has read the others.
  const isHere = (index) => Boolean(byId(`head-${index}`));
  const state = { head: 0, arm: about.arm, kind: null };
  const original = new Viewer.Pane(byId("original"));
  const made = new Viewer.Pane(byId("made"));
  const pictures = document.querySelectorAll(".six-views img");

  const showMeshes = () => {
    const name = about.heads[state.head];
    const found = head(state.head);
    const own = found.arms[state.arm];
    original.show(found.mesh);
    made.show(own.mesh, true);
    byId("original-name").textContent = name;
    byId("original-says").textContent = found.says;
    byId("original").setAttribute("aria-label", `Input mesh of ${name}; drag to turn`);
    byId("made-name").textContent = state.arm;
    byId("made-says").textContent = own.mesh ? own.says : "";
    byId("made-nothing").textContent = own.mesh ? "" : own.says;
    byId("made-nothing").hidden = Boolean(own.mesh);
    byId("made").hidden = !own.mesh;
    byId("scale-distance").hidden = !own.mesh;
    byId("made").setAttribute("aria-label", `${name} by ${state.arm}, coloured by distance; ${own.says}`);
  };

  const showViews = () => {
    const found = head(state.head);
    const own = found.arms[state.arm].views[state.kind];
    const columns = { input: found.views[own.input], decoded: own.decoded, difference: own.difference };
    for (const picture of pictures) {
      const { column } = picture.dataset;
      const row = picture.closest("tr").rowIndex - 1;
      const shown = columns[column];
      picture.src = shown ? shown[row] : "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";
      const what = column === "input" ? column : `${column} of ${state.arm}`;
      picture.alt = shown ? `${about.views[row]} view, ${state.kind}, ${what}` : "nothing decoded";
      picture.classList.toggle("blank", !shown);
    }
    byId("input-title").textContent = own.seen ? "input" : "true, not input";
    byId("views-says").textContent = own.note;
    byId("scale-overlap").hidden = state.kind !== "binary" || !own.decoded;
    byId("scale-depth").hidden = state.kind !== "depth" || !own.decoded;
    byId("scale-normal").hidden = state.kind !== "normal" || !own.decoded;
  };

  const check = (name, value) => {
    const input = document.querySelector(`#demo input[name=${name}][value="${CSS.escape(value)}"]`);
    if (input) input.checked = true;
  };

  const choose = (changes) => {
    if ("head" in changes && !isHere(changes.head)) return;
    Object.assign(state, changes);
    const views = head(state.head).arms[state.arm].views;
    // A new arm shows what it is given, unless what is on show is decoded by it as well.
    if (!state.kind || ("arm" in changes && !views[state.kind].decoded)) {
      state.kind = Object.keys(views).find((kind) => views[kind].seen);
    }
    byId("choose-head").value = state.head;
    if (byId("choose-arm")) byId("choose-arm").value = state.arm;
    check("arm", state.arm);
    check("kind", state.kind);
    if (!("kind" in changes)) showMeshes();
    showViews();
  };

  const step = (by) => choose({ head: (state.head + by + about.heads.length) % about.heads.length });

  byId("previous-head").addEventListener("click", () => step(-1));
  byId("next-head").addEventListener("click", () => step(1));
  byId("choose-head").addEventListener("change", (event) => choose({ head: Number(event.target.value) }));
  byId("original").addEventListener("click", () => step(1));
  byId("choose-arm")?.addEventListener("change", (event) => choose({ arm: event.target.value }));
  for (const input of document.querySelectorAll("#demo input[type=radio]")) {
    input.addEventListener("change", () => choose({ [input.name]: input.value }));
  }

  document.addEventListener("keydown", (event) => {
    const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = keys[event.key];
    if (!way || event.altKey || event.ctrlKey || event.metaKey) return;
    // Controls and tables that scroll have uses of their own for arrow keys.
    if (event.target.closest("input, select, textarea, .scroll, pre")) return;
    const box = byId("demo").getBoundingClientRect();
    const onCanvas = event.target.tagName === "CANVAS";
    if (!onCanvas && (box.bottom < 0 || box.top > window.innerHeight)) return;
    if (event.shiftKey) Viewer.rotate(0.12 * way[0], 0.12 * way[1]);
    else if (way[0]) step(way[0]);
    else return;
    event.preventDefault();
  });

  choose({});
})();
