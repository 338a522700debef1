"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  // Plotly cannot read CSS variables, so the page's colours are handed over on each change.
  const theme = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { gridcolor: colour("--rule"), linecolor: colour("--rule"), zeroline: false };
    return { ink: colour("--ink"), paper: colour("--paper"), axis };
  };

  const layout = (figure) => {
    const { ink, paper, axis } = theme();
    const own = figure.layout;
    return {
      ...own,
      xaxis: { automargin: true, ...axis, ...own.xaxis },
      yaxis: { automargin: true, nticks: 7, ...axis, ...own.yaxis },
      font: { color: ink, size: 12, family: "system-ui, sans-serif" },
      hoverlabel: { bgcolor: paper, bordercolor: axis.linecolor, font: { color: ink } },
      margin: { l: 8, r: 12, t: 8, b: 8 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      showlegend: false,
      hovermode: "closest",
      dragmode: false,
    };
  };

  // Arms chosen in a legend stand out in all charts; none chosen means all.
  const chosen = new Set();
  const traces = (figure) =>
    figure.traces.map((trace) => {
      const faint = chosen.size > 0 && !chosen.has(trace.meta);
      return faint ? { ...trace, opacity: 0.07, hoverinfo: "skip", hovertemplate: "" } : trace;
    });

  const settings = { responsive: true, displayModeBar: false, scrollZoom: false };
  const drawn = new Set();
  const react = (figure) => {
    drawn.add(figure);
    Plotly.react(`chart-${figure.id}`, traces(figure), layout(figure), settings);
  };
  const draw = () => drawn.forEach(react);
  // A chart is drawn when it comes near: dozens at once would hold up the first view.
  const near = new IntersectionObserver(
    (entries) => {
      for (const entry of entries.filter((one) => one.isIntersecting)) {
        near.unobserve(entry.target);
        react(figures.find((figure) => `chart-${figure.id}` === entry.target.id));
      }
    },
    { rootMargin: "400px" },
  );
  for (const figure of figures) near.observe(document.getElementById(`chart-${figure.id}`));
  const buttons = document.querySelectorAll(".legend button");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const arm = button.dataset.arm;
      if (!chosen.delete(arm)) chosen.add(arm);
      for (const other of buttons) other.setAttribute("aria-pressed", chosen.has(other.dataset.arm));
      draw();
    });
  }
  dark.addEventListener("change", draw);

  // Paper shows everything: all charts, and what is folded away on the screen.
  window.addEventListener("beforeprint", () => {
    figures.forEach(react);
    for (const details of document.querySelectorAll("details[data-print]")) details.open = true;
  });
})();
