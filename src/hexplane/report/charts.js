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
  const draw = () => {
    for (const figure of figures) {
      Plotly.react(`chart-${figure.id}`, traces(figure), layout(figure), settings);
    }
  };
  const buttons = document.querySelectorAll(".legend button");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const arm = button.dataset.arm;
      if (!chosen.delete(arm)) chosen.add(arm);
      for (const other of buttons) other.setAttribute("aria-pressed", chosen.has(other.dataset.arm));
      draw();
    });
  }
  draw();
  dark.addEventListener("change", draw);
})();
