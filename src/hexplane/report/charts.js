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

  const settings = { responsive: true, displayModeBar: false, scrollZoom: false };
  const draw = () => {
    for (const figure of figures) {
      Plotly.react(`chart-${figure.id}`, figure.traces, layout(figure), settings);
    }
  };
  draw();
  dark.addEventListener("change", draw);
})();
