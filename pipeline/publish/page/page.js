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
  const pages = new Set(read("pages"));
  const page = (item) => {
    const at = item?.datum?.utcyearmonth_month;
    const key = at === undefined ? null : new Date(at).toISOString().slice(0, 7);
    return pages.has(key) ? `${key}.html` : null;
  };
  for (const { view } of drawn) {
    view.addEventListener("click", (_event, item) => { if (page(item)) location.href = page(item); });
    view.addEventListener("pointermove", (_event, item) => { view.container().style.cursor = page(item) ? "pointer" : ""; });
  }
  document.documentElement.dataset.drawn = String(drawn.length);
})();
