"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const palettes = read("palettes");
  const coloured = (value, colours) => {
    if (typeof value === "string") return (value[0] === "@" && colours[value.slice(1)]) || value;
    if (Array.isArray(value)) return value.map((each) => coloured(each, colours));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, key === "values" ? each : coloured(each, colours)]),
    );
  };
  let drawn = [];
  const draw = async (scheme) => {
    drawn.forEach((each) => each.finalize());
    const { colours, config } = palettes[scheme];
    drawn = await Promise.all(
      [...document.querySelectorAll(".chart")].map((place) =>
        window.vegaEmbed(place, coloured(read(`chart-${place.dataset.of}`), colours), {
          ast: true, renderer: "svg", actions: false, config, tooltip: { theme: scheme },
        }),
      ),
    );
    document.documentElement.dataset.drawn = String(drawn.length);
    document.documentElement.dataset.scheme = scheme;
  };
  const paper = window.matchMedia("print");
  const again = () => draw(dark.matches && !paper.matches ? "dark" : "light");
  dark.addEventListener("change", again);
  paper.addEventListener("change", again);
  again();
})();
