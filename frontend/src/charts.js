// Time series: <figure data-chart="ID" data-zone="Europe/Paris" data-time="{{ _("Time") }}"> with <div class="chart"> draws the points in <script type="application/json" id="ID">:
// {"x": [Unix seconds], "series": [{"label", "unit", "values": [number|null], "tone": "working"}]}.
import uPlot from "uplot";

/** The colour of a custom property as a plain colour: light-dark() is resolved by letting the browser apply it. */
function resolved(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** The options of one chart, as wide as its place in the figure. */
function options(figure, place, given) {
  const axis = { stroke: resolved("ink-2"), grid: { stroke: resolved("line"), width: 1 }, ticks: { stroke: resolved("line") } };
  const zone = figure.dataset.zone;
  const hours = new Intl.DateTimeFormat(document.documentElement.lang, { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const time = (seconds) => hours.format(new Date(seconds * 1000));
  return {
    width: place.clientWidth,
    height: Number(figure.dataset.height ?? 240),
    tzDate: (seconds) => (zone ? uPlot.tzDate(new Date(seconds * 1000), zone) : new Date(seconds * 1000)),
    axes: [{ ...axis, values: (_plot, ticks) => ticks.map(time) }, { ...axis, size: 60 }],
    series: [
      { label: figure.dataset.time, value: (_plot, value) => (value == null ? "–" : time(value)) },
      ...given.series.map((one) => ({
        label: one.label,
        stroke: resolved(one.tone ?? "working"),
        width: 2,
        value: (_plot, value) => (value == null ? "–" : `${value.toLocaleString(document.documentElement.lang)} ${one.unit}`),
      })),
    ],
  };
}

/** Draws every chart of the page, and draws it again when its figure changes width or the theme changes. */
export function drawAll() {
  for (const figure of document.querySelectorAll("[data-chart]")) {
    const given = JSON.parse(document.getElementById(figure.dataset.chart).textContent);
    const place = figure.querySelector(".chart");
    let plot = null;
    const draw = () => {
      plot?.destroy();
      plot = new uPlot(options(figure, place, given), [given.x, ...given.series.map((one) => one.values)], place);
    };
    draw();
    new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: plot.height })).observe(figure);
    new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  }
}
