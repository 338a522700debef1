"use strict";
// Meshes between two heads.
(() => {
  const byId = (id) => document.getElementById(id);
  if (!byId("blend")) return;
  const about = JSON.parse(byId("about").textContent);
  const pane = new Viewer.Pane(byId("blend"));
  const arms = new Map();
  const show = () => {
    const arm = byId("blend-arm").value;
    if (!arms.has(arm)) arms.set(arm, JSON.parse(byId(`blend-${arm}`).textContent));
    const steps = arms.get(arm);
    const at = Number(byId("blend-step").value);
    const { mesh, says } = steps[at];
    const share = (at / (steps.length - 1)).toFixed(2);
    pane.show(mesh);
    byId("blend").hidden = !mesh;
    byId("blend-nothing").hidden = Boolean(mesh);
    byId("blend-nothing").textContent = mesh ? "" : says;
    byId("blend-says").textContent = `t = ${share}` + (mesh ? `: ${says}` : "");
    byId("blend-step").setAttribute("aria-valuetext", `t = ${share}`);
    byId("blend").setAttribute("aria-label", `Mesh between two heads at t = ${share}; drag to turn`);
  };
  byId("blend-arm").addEventListener("change", show);
  byId("blend-step").addEventListener("input", show);
  if (about.blend_arm !== null) byId("blend-arm").value = about.blend_arm;
  show();
})();
