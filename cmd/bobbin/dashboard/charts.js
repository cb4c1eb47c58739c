// Drawing the charts with Chart.js, and each of them once more as a table.

import { fill, h } from './dom.js';
import { charts } from './series.js';

const drawn = new Map(); // id -> {parts, chart}

/** drawCharts draws what is new and changes what is there, without moving anything. */
export function drawCharts(root, data, palette) {
  const theme = readTheme();
  for (const spec of charts(data, palette)) {
    const figure = drawn.get(spec.id) ?? create(root, spec.id);
    update(figure, spec, theme);
  }
}

function create(root, id) {
  const title = h('h3', { id: `chart-${id}` });
  const note = h('p');
  const legend = h('ul', { class: 'legend', 'aria-hidden': 'true' });
  const canvas = h('canvas', { role: 'img', 'data-testid': `chart-${id}` });
  const empty = h('p', { class: 'empty plot-empty' }, 'Fills with the first answer.');
  const table = h('div', { class: 'table-scroll', tabindex: '0', role: 'region', 'aria-labelledby': `chart-${id}` });
  root.append(h('figure', { class: 'card chart', 'aria-labelledby': `chart-${id}` },
    h('div', { class: 'card-head' }, title, note), legend,
    h('div', { class: 'plot' }, canvas, empty),
    h('details', null, h('summary', null, 'As a table'), table)));
  const figure = { title, note, legend, canvas, empty, table, chart: null };
  drawn.set(id, figure);
  return figure;
}

function update(figure, spec, theme) {
  figure.title.textContent = spec.title;
  figure.note.textContent = spec.note ?? '';
  const filled = spec.series.some((s) => s.values.some((v) => v > 0));
  figure.empty.hidden = filled;
  figure.canvas.classList.toggle('blank', !filled);
  fill(figure.legend, filled && spec.series.filter((s) => !s.dashed).map((s) =>
    h('li', null, h('span', { class: 'swatch ' + s.colour }), spec.line ? s.name.replace(/ p50$/, '') : s.name)));
  figure.canvas.setAttribute('aria-label', `${spec.title}. ${spec.summary} The table below has every figure.`);
  fill(figure.table, tableOf(spec));
  const { datasets, options } = configuration(spec, theme);
  if (!figure.chart) {
    figure.chart = new window.Chart(figure.canvas, { type: spec.line ? 'line' : 'bar', data: { labels: spec.labels, datasets }, options });
    return;
  }
  figure.chart.data.labels = spec.labels;
  figure.chart.data.datasets = datasets;
  figure.chart.options = options;
  figure.chart.update('none');
}

function tableOf(spec) {
  return h('table', null,
    h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'Day'),
      spec.series.map((s) => h('th', { scope: 'col' }, s.name)), spec.total && h('th', { scope: 'col' }, 'all'))),
    h('tbody', null, spec.titles.map((title, i) => h('tr', null, h('th', { scope: 'row' }, title),
      spec.series.map((s) => h('td', null, s.texts[i])), spec.total && h('td', null, spec.total[i]))).reverse()));
}

/** readTheme reads the stylesheet's colours, of the scheme that is shown. */
function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue('--' + name).trim();
  return { get, text: get('text'), soft: get('text-soft'), line: get('line'), raised: get('raised'), font: get('font') };
}

function configuration(spec, theme) {
  const datasets = spec.series.map((s) => {
    const colour = theme.get(s.colour);
    const common = { label: s.name, data: s.values, backgroundColor: colour, borderColor: colour };
    if (!spec.line) return { ...common, borderRadius: 2, maxBarThickness: 28, categoryPercentage: 0.86, barPercentage: 0.94 };
    return {
      ...common, borderWidth: s.dashed ? 1.5 : 2, borderDash: s.dashed ? [4, 3] : [], spanGaps: true,
      pointRadius: s.values.filter((v) => v !== null).length === 1 ? 3 : 0, pointHitRadius: 12, pointHoverRadius: 4, cubicInterpolationMode: 'monotone',
    };
  });
  const font = { family: theme.font, size: 11 };
  const options = {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    interaction: { mode: 'index', intersect: false },
    layout: { padding: { top: 4 } },
    scales: {
      x: { stacked: spec.stacked, grid: { display: false }, border: { color: theme.line }, ticks: { color: theme.soft, font, maxRotation: 0, autoSkipPadding: 14 } },
      y: {
        stacked: spec.stacked, beginAtZero: true, suggestedMax: spec.most === 1 ? 0.1 : undefined, max: undefined,
        grid: { color: theme.line }, border: { display: false },
        ticks: { color: theme.soft, font, maxTicksLimit: 6, callback: (v, i, marks) => spec.axis(v, marks.length > 1 ? Math.abs(marks[1].value - marks[0].value) : 1) },
      },
    },
    plugins: {
      legend: { display: false },
      tooltip: {
        backgroundColor: theme.raised, borderColor: theme.line, borderWidth: 1, titleColor: theme.text, bodyColor: theme.text,
        footerColor: theme.text, titleFont: { family: theme.font, size: 12 }, bodyFont: { family: theme.font, size: 12 },
        footerFont: { family: theme.font, size: 12 }, padding: 10, boxPadding: 4, cornerRadius: 8, usePointStyle: true,
        callbacks: {
          title: (items) => spec.titles[items[0]?.dataIndex] ?? '',
          label: (item) => `${item.dataset.label}: ${spec.series[item.datasetIndex].texts[item.dataIndex]}`,
          footer: (items) => (spec.total && spec.series.length > 1 ? `all: ${spec.total[items[0]?.dataIndex]}` : ''),
        },
      },
    },
  };
  return { datasets, options };
}
