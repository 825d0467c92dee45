"use strict";
(async () => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const config = read("config");
  const drawn = await Promise.all(
    [...document.querySelectorAll(".chart")].map((place) =>
      window.vegaEmbed(place, read(`chart-${place.dataset.of}`), {
        ast: true, renderer: "svg", actions: false, config, tooltip: { theme: dark.matches ? "dark" : "light" },
      }),
    ),
  );
  document.documentElement.dataset.drawn = String(drawn.length);
})();
