"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const LIGHT = {
    up: "#00705a", down: "#b23a00", plain: "#22569c", muted: "#7b8794", ink: "#17202b", soft: "#4d5a68",
    line: "#e3e7ec", middle: "#f1f2f4", cohort: "#1f5fa8",
    types: ["#2a6fb0", "#d98a00", "#0b8f6e", "#c2578f", "#57b0e0", "#c94f16", "#6d5fb5", "#7d8790"],
  };
  const DARK = {
    up: "#45c9a6", down: "#ff9a62", plain: "#7db2f2", muted: "#8996a4", ink: "#e8ecf1", soft: "#a9b4c0",
    line: "#2d3641", middle: "#2b333d", cohort: "#5ea2f0",
    types: ["#6ba6e3", "#f0b13c", "#3cc39c", "#e58ab8", "#9bd3f5", "#f08a58", "#a99bf0", "#aab4be"],
  };
  const colour = (name, of) => (name.startsWith("type") ? of.types[Number(name.slice(4))] : of[name]);
  const coloured = (value, of) => {
    if (typeof value === "string") return /^@[a-z]+\d?$/.test(value) ? colour(value.slice(1), of) : value;
    if (Array.isArray(value)) return value.map((each) => coloured(each, of));
    if (value && typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(([key, each]) => [key, key === "values" ? each : coloured(each, of)]),
      );
    }
    return value;
  };
  const config = (of) => ({
    background: null,
    font: "-apple-system, Segoe UI, Roboto, Helvetica Neue, Arial, Liberation Sans, DejaVu Sans, sans-serif",
    view: { stroke: null },
    axis: {
      labelColor: of.soft, titleColor: of.soft, gridColor: of.line, domainColor: of.line, tickColor: of.line,
      labelFontSize: 12, titleFontSize: 12, titleFontWeight: 400,
    },
    legend: { labelColor: of.soft, titleColor: of.soft, labelFontSize: 12 },
    text: { color: of.ink, fontSize: 12 },
    line: { color: of.plain }, point: { color: of.plain }, bar: { color: of.plain }, rule: { color: of.soft },
    tick: { color: of.ink }, rect: { stroke: null },
  });
  let drawn = [];
  const draw = async (light) => {
    drawn.forEach((each) => each.finalize());
    const of = light || !dark.matches ? LIGHT : DARK;
    const places = [...document.querySelectorAll(".chart")];
    drawn = await Promise.all(
      places.map((place) => {
        const spec = JSON.parse(document.getElementById(`chart-${place.dataset.of}`).textContent);
        return window.vegaEmbed(place, coloured(spec, of), {
          ast: true, renderer: "svg", actions: false, config: config(of),
          tooltip: { theme: of === DARK ? "dark" : "light" },
        });
      }),
    );
    document.documentElement.dataset.drawn = String(drawn.length);
  };
  dark.addEventListener("change", () => draw(false));
  window.addEventListener("beforeprint", () => draw(true));
  window.addEventListener("afterprint", () => draw(false));
  draw(false);
})();
