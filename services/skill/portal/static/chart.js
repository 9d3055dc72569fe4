// The charts of a printer's page. The table below them tells the same in words.

const AGAIN = 60_000; // ms between two looks
const COLOURS = 6; // --line-0 to --line-5 in live.css

const HEIGHTS = { temperature: 260, progress: 150 }; // px

const section = document.getElementById("charts");
const charts = [...section.querySelectorAll("[data-chart]")];
const { locale, zone, readings } = section.dataset;
const hour = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit", timeZone: zone });
const dark = matchMedia("(prefers-color-scheme: dark)");
const drawn = new Map();
let latest = null;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const axis = (options) => ({
  stroke: colour("--muted"),
  grid: { stroke: colour("--line"), width: 1 },
  ticks: { stroke: colour("--line"), width: 1 },
  font: `12px ${getComputedStyle(document.body).fontFamily}`,
  ...options,
});

const options = (element, lines, told) => {
  const names = [...new Set(lines.map((line) => line.name))];
  const unit = element.dataset.chart === "progress" ? "%" : told.unit;
  return {
    width: element.clientWidth,
    height: HEIGHTS[element.dataset.chart],
    cursor: { y: false, drag: { x: false, y: false } },
    legend: { live: true },
    scales: {
      x: { time: true, range: () => [told.since, told.until] },
      y: element.dataset.chart === "progress" ? { range: () => [0, 100] } : {},
    },
    series: [
      { value: (_, at) => (at === null ? "–" : hour.format(at * 1000)), label: "At" },
      ...lines.map((line) => ({
        label: line.is_target ? `${line.name}, target` : line.name,
        stroke: colour(`--line-${names.indexOf(line.name) % COLOURS}`),
        width: line.is_target ? 1 : 2,
        dash: line.is_target ? [4, 4] : undefined,
        points: { show: false },
        value: (_, value) => (value === null ? "–" : `${value.toLocaleString(locale)} ${unit}`),
      })),
    ],
    axes: [
      axis({ space: 70, values: (_, moments) => moments.map((at) => hour.format(at * 1000)) }),
      axis({ size: 58, values: (_, values) => values.map((value) => `${value} ${unit}`) }),
    ],
  };
};

const draw = (told) => {
  latest = told;
  for (const element of charts) {
    drawn.get(element)?.destroy();
    drawn.delete(element);
    const lines = told.lines.filter((line) => line.kind === element.dataset.chart);
    element.hidden = lines.length === 0;
    if (!lines.length) continue;
    const data = [told.at, ...lines.map((line) => line.values)];
    drawn.set(element, new uPlot(options(element, lines, told), data, element));
  }
  const body = section.querySelector("#readings tbody");
  body.replaceChildren(
    ...told.table.map((one) => {
      const row = document.createElement("tr");
      const name = document.createElement("th");
      name.scope = "row";
      name.textContent = one.name;
      const cells = [one.least, one.most, one.last, one.target].map((text) => {
        const cell = document.createElement("td");
        cell.className = "end number";
        cell.textContent = text;
        return cell;
      });
      row.append(name, ...cells);
      return row;
    }),
  );
  section.querySelector("#readings").hidden = told.table.length === 0;
  section.querySelector("#no-readings").hidden = told.table.length > 0;
};

const look = async () => {
  if (document.hidden) return;
  try {
    const answer = await fetch(readings, { headers: { accept: "application/json" } });
    if (answer.ok) draw(await answer.json());
  } catch {
    // The page says by itself that the connection is interrupted.
  }
};

new ResizeObserver(() => {
  for (const [element, chart] of drawn) {
    if (chart.width !== element.clientWidth) {
      chart.setSize({ width: element.clientWidth, height: chart.height });
    }
  }
}).observe(section);
dark.addEventListener("change", () => latest && draw(latest));
document.addEventListener("visibilitychange", look);
setInterval(look, AGAIN);
look();
