// The data_visualization block: grouped bars, smooth lines, layered areas and pies.

import { h, svg } from './dom.js';

// Each chart is drawn for both, charts.css shows the one that fits: text that is scaled down cannot be read.
const SIZES = [
  { name: 'wide', width: 560, height: 260 },
  { name: 'narrow', width: 320, height: 240 },
];
const LETTER = 6.1; // width of a character, charts.css
const FEW = 6; // so many labels are rather cut than left out

const exact = new Intl.NumberFormat('en', { maximumSignificantDigits: 12 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 4 });

/** chart draws a data_visualization block. */
export function chart(block) {
  const { chart: c = {}, title = '' } = block;
  const isPie = c.type === 'pie';
  const parts = isPie ? segments(c) : (c.series ?? []).map((s) => ({ name: s.name, values: valuesOf(s, c) }));
  const label = `${title}. ${describe(c, parts)}`;
  return h(
    'figure',
    { class: isPie ? 'chart chart-pie' : 'chart', 'data-testid': 'chart', 'data-chart': c.type },
    h('figcaption', { class: 'chart-title' }, title),
    isPie ? pie(parts, label) : SIZES.map((size) => plot(c, parts, size, label)),
    h(
      'ul',
      { class: 'chart-legend', 'aria-hidden': 'true' },
      parts.map((p, i) =>
        h('li', {}, h('i', { class: colour(i) }), h('span', {}, p.name), isPie ? h('b', {}, percent(p.share)) : null),
      ),
    ),
  );
}

function describe(c, parts) {
  if (c.type === 'pie')
    return `Pie chart: ${parts.map((p) => `${p.name} ${exact.format(p.value)} (${percent(p.share)})`).join(', ')}.`;
  const labels = categories(c);
  const kind = { bar: 'Bar', area: 'Area', line: 'Line' }[c.type] ?? 'Unknown';
  const axes = [c.axis_config?.x_label, c.axis_config?.y_label].filter(Boolean).join(' and ');
  const list = parts.map((p) => `${p.name}: ${labels.map((l, i) => `${l} ${exact.format(p.values[i])}`).join(', ')}`);
  return `${kind} chart${axes && ` of ${axes}`}. ${list.join('. ')}.`;
}

function colour(i) {
  return `chart-${i % 12}`;
}

function percent(share) {
  return `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

function categories(c) {
  return c.axis_config?.categories ?? [];
}

// A series' values in the order of the categories.
function valuesOf(series, c) {
  const byLabel = new Map((series.data ?? []).map((p) => [p.label, p.value]));
  return categories(c).map((label) => byLabel.get(label) ?? 0);
}

/* Pie */

function segments(c) {
  const list = c.segments ?? [];
  const total = list.reduce((sum, s) => sum + s.value, 0);
  let start = 0;
  return list.map(({ label, value }) => {
    const s = { name: label, value, start, share: value / total };
    start += s.share;
    return s;
  });
}

function pie(parts, label) {
  const tip = (p) => svg('title', {}, `${p.name}: ${exact.format(p.value)}`);
  const at = (turn) => {
    const angle = turn * 2 * Math.PI - Math.PI / 2;
    return `${round(90 + 86 * Math.cos(angle))} ${round(90 + 86 * Math.sin(angle))}`;
  };
  const shape = (p, i) => {
    const props = { class: `chart-slice ${colour(i)}` };
    if (parts.length === 1) return svg('circle', { ...props, cx: 90, cy: 90, r: 86 }, tip(p));
    const big = p.share > 0.5 ? 1 : 0;
    return svg('path', { ...props, d: `M90 90L${at(p.start)}A86 86 0 ${big} 1 ${at(p.start + p.share)}Z` }, tip(p));
  };
  const props = { class: 'chart-plot', viewBox: '0 0 180 180', role: 'img', 'aria-label': label };
  return svg('svg', props, parts.map(shape));
}

/* Bars, lines and areas */

function plot(c, parts, { name, width, height }, label) {
  const labels = categories(c);
  const { x_label: xLabel, y_label: yLabel } = c.axis_config ?? {};
  const scale = scaleOf(parts.flatMap((p) => p.values));
  const names = scale.ticks.map((t) => short.format(t));
  const left = (yLabel ? 20 : 2) + Math.max(...names.map((n) => n.length)) * LETTER + 8;
  const area = { left, right: width - 6, top: 10, bottom: height - (xLabel ? 42 : 24) };
  area.slot = (area.right - area.left) / Math.max(labels.length, 1);
  const x = (i) => round(area.left + (i + 0.5) * area.slot);
  const y = (v) => round(area.bottom - ((v - scale.low) / (scale.high - scale.low)) * (area.bottom - area.top));
  const draw = { bar: bars, line: lines, area: areas }[c.type];
  const middle = (area.top + area.bottom) / 2;
  return svg(
    'svg',
    { class: `chart-plot chart-${name}`, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label },
    scale.ticks.map((t, i) => [
      svg('line', { class: t === 0 ? 'chart-zero' : 'chart-grid', x1: area.left, x2: area.right, y1: y(t), y2: y(t) }),
      svg('text', { class: 'chart-tick', x: round(area.left - 8), y: y(t) + 4 }, names[i]),
    ]),
    xLabels(labels, area, x),
    xLabel ? svg('text', { class: 'chart-axis', x: round((area.left + area.right) / 2), y: height - 6 }, xLabel) : null,
    yLabel ? svg('text', { class: 'chart-axis', transform: `translate(12 ${middle}) rotate(-90)` }, yLabel) : null,
    draw ? draw(parts, { labels, x, y, slot: area.slot }) : null,
  );
}

// Labels that would touch are cut if they are few, else only every second, third, … is shown.
function xLabels(labels, area, x) {
  const widest = Math.max(...labels.map((l) => l.length), 1) * LETTER + 8;
  const few = labels.length <= FEW;
  const step = few ? 1 : Math.ceil(widest / area.slot);
  const room = Math.max(2, Math.floor((area.slot * step - 4) / LETTER));
  return labels.map((label, i) => {
    if (i % step !== 0) return null;
    const text = label.length > room ? label.slice(0, room - 1) + '…' : label;
    return svg('text', { class: 'chart-label', x: x(i), y: area.bottom + 17 }, text, svg('title', {}, label));
  });
}

/** scaleOf finds round ticks around zero and all values. */
function scaleOf(values) {
  const min = Math.min(0, ...values);
  const max = Math.max(0, ...values);
  const rough = (max - min || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((f) => f * power >= rough * 0.999);
  const first = Math.floor(min / step + 1e-9);
  const last = Math.max(Math.ceil(max / step - 1e-9), first + 1);
  const ticks = [];
  for (let i = first; i <= last; i++) ticks.push(Number((i * step).toPrecision(12)));
  return { low: ticks[0], high: ticks.at(-1), ticks };
}

function tip(series, label, value) {
  return svg('title', {}, `${series}, ${label}: ${exact.format(value)}`);
}

function bars(parts, { labels, x, y, slot }) {
  const width = Math.min((slot * 0.72) / parts.length, 44);
  const gap = Math.min(2, width * 0.15);
  return parts.map((p, i) =>
    p.values.map((value, at) => {
      const left = x(at) + (i - parts.length / 2) * width + gap / 2;
      const [top, bottom] = [y(Math.max(value, 0)), y(Math.min(value, 0))];
      return svg(
        'rect',
        {
          class: `chart-bar ${colour(i)}`,
          x: round(left),
          y: top,
          width: round(width - gap),
          height: round(bottom - top),
          rx: round(Math.min(2, width / 4)),
        },
        tip(p.name, labels[at], value),
      );
    }),
  );
}

function lines(parts, frame) {
  return parts.map((p, i) => line(p, i, frame));
}

function areas(parts, frame) {
  const { x, y } = frame;
  return parts.map((p, i) => {
    const last = p.values.length - 1;
    const d = `${curve(p.values.map((v, at) => [x(at), y(v)]))}L${x(last)} ${y(0)}L${x(0)} ${y(0)}Z`;
    return [svg('path', { class: `chart-area ${colour(i)}`, d }), line(p, i, frame)];
  });
}

function line(p, i, { labels, x, y }) {
  return [
    svg('path', { class: `chart-line ${colour(i)}`, d: curve(p.values.map((v, at) => [x(at), y(v)])) }),
    p.values.map((v, at) =>
      svg('circle', { class: `chart-dot ${colour(i)}`, cx: x(at), cy: y(v), r: 3 }, tip(p.name, labels[at], v)),
    ),
  ];
}

// A monotone cubic through the points: it never swings above or below them.
function curve(points) {
  const slope = points.slice(1).map(([x, y], i) => (y - points[i][1]) / (x - points[i][0]));
  const tangent = points.map((_, i) => {
    const [a, b] = [slope[i - 1] ?? slope[i] ?? 0, slope[i] ?? slope[i - 1] ?? 0];
    return a * b <= 0 ? 0 : (2 * a * b) / (a + b);
  });
  return points.reduce((d, [x, y], i) => {
    if (i === 0) return `M${x} ${y}`;
    const [x0, y0] = points[i - 1];
    const third = (x - x0) / 3;
    const [a, b] = [y0 + tangent[i - 1] * third, y - tangent[i] * third];
    return `${d}C${round(x0 + third)} ${round(a)} ${round(x - third)} ${round(b)} ${x} ${y}`;
  }, '');
}

function round(n) {
  return Math.round(n * 10) / 10;
}
