// From days to what the four charts show. All pure but for the colours.

import { axisUSD, compact, cost, count, costUnknown, day, fullDay, ms, percent, share, usd } from './format.js';

/** From this many days on, sums are shown by week: a bar of a day would be a hair. */
const WEEKS_FROM = 120;

/** colours gives each provider its colour, the same everywhere on the page: a class "c1" to "c6". */
export function colours(data) {
  const names = new Set((data.providers ?? []).map((p) => p.name));
  for (const m of data.models ?? []) names.add(m.provider);
  for (const d of data.days ?? []) Object.keys(d.providers ?? {}).sort().forEach((name) => names.add(name));
  return new Map([...names].map((name, i) => [name, 'c' + ((i % 6) + 1)]));
}

/** charts are the four charts of some data, ready to be drawn and to be read as tables. */
export function charts(data, palette) {
  const days = data.days ?? [];
  const weekly = days.length >= WEEKS_FROM;
  const spans = group(days, weekly ? 7 : 1);
  const active = [...palette.keys()].filter((name) => days.some((d) => d.providers?.[name]?.calls > 0));
  const by = weekly ? 'by week' : 'by day';
  return [
    costChart(spans, active, palette, by),
    tokenChart(spans, by),
    fallbackChart(spans, by),
    latencyChart(spans, active, palette, by),
  ];
}

/**
 * group cuts days into spans from the newest back, so that the last one is
 * whole. The oldest takes what is left over: a bar of one day among weeks would
 * look like a slump.
 */
function group(days, size) {
  const spans = [];
  for (let end = days.length, start; end > 0; end = start) {
    start = end - size < size / 2 ? 0 : end - size;
    const part = days.slice(start, end);
    const first = part[0].day;
    const last = part.at(-1).day;
    const title = first === last ? fullDay(first) : `${day(first)} – ${fullDay(last)}`;
    spans.unshift({ label: day(first), title, days: part });
  }
  return spans;
}

const SUMS = ['calls', 'answers', 'failures', 'fallback_answers', 'input_tokens', 'cached_tokens', 'output_tokens', 'cost_nano_usd', 'unpriced_calls'];

/** sum adds up the days of a span, of one provider or of all. */
function sum(span, provider) {
  const total = Object.fromEntries(SUMS.map((key) => [key, 0]));
  for (const d of span.days) {
    for (const [name, t] of Object.entries(d.providers ?? {})) {
      if (provider === undefined || provider === name) for (const key of SUMS) total[key] += t[key] ?? 0;
    }
  }
  return total;
}

function costChart(spans, active, palette, by) {
  const all = spans.map((s) => sum(s));
  const unpriced = all.reduce((n, t) => n + t.unpriced_calls, 0);
  return {
    ...frame('cost', `Cost ${by}`, spans),
    stacked: true,
    axis: axisUSD,
    series: active.map((name) => {
      const totals = spans.map((s) => sum(s, name));
      return { name, colour: palette.get(name), values: totals.map((t) => (costUnknown(t) ? null : t.cost_nano_usd / 1e9)), texts: totals.map(cost) };
    }),
    total: all.map(cost),
    note: unpriced > 0 ? `without ${count(unpriced)} calls of unknown price` : '',
    summary: highest(spans, all.map((t) => t.cost_nano_usd), usd),
  };
}

function tokenChart(spans, by) {
  const all = spans.map((s) => sum(s));
  const series = (name, colour, values) => ({ name, colour, values, texts: values.map(count) });
  return {
    ...frame('tokens', `Tokens ${by}`, spans),
    stacked: true,
    axis: (n) => compact(n),
    series: [
      series('input', 'c4', all.map((t) => t.input_tokens - t.cached_tokens)),
      series('cached input', 'c4-soft', all.map((t) => t.cached_tokens)),
      series('output', 'c3', all.map((t) => t.output_tokens)),
    ],
    total: all.map((t) => count(t.input_tokens + t.output_tokens)),
    summary: highest(spans, all.map((t) => t.input_tokens + t.output_tokens), count),
  };
}

function fallbackChart(spans, by) {
  const all = spans.map((s) => sum(s));
  const shares = all.map((t) => share(t.fallback_answers, t.answers));
  return {
    ...frame('fallback', `Share of fallback ${by}`, spans),
    axis: (share) => percent(share),
    most: 1,
    series: [{
      name: 'share of answers',
      colour: 'c2',
      values: shares,
      texts: all.map((t, i) => (t.answers ? `${percent(shares[i])} (${count(t.fallback_answers)} of ${count(t.answers)})` : 'no answers')),
    }],
    summary: highest(spans, shares.map((s) => s ?? 0), percent),
  };
}

/** latencyChart shows, for a week, the median of its days: quantiles do not add up. */
function latencyChart(spans, active, palette, by) {
  const series = (name, q) => {
    const values = spans.map((s) => median(s.days.map((d) => d.providers?.[name]?.first_token_ms?.[q])));
    return { name: `${name} ${q}`, colour: palette.get(name), dashed: q === 'p95', values, texts: values.map(ms) };
  };
  const all = active.flatMap((name) => [series(name, 'p50'), series(name, 'p95')]).filter((s) => s.values.some((v) => v !== null));
  const slowest = spans.map((_, i) => Math.max(0, ...all.map((s) => s.values[i] ?? 0)));
  return {
    ...frame('latency', `First token ${by}`, spans),
    line: true,
    axis: (n) => (n === 0 ? '0' : n < 1000 ? n + ' ms' : Number((n / 1000).toPrecision(3)) + ' s'),
    series: all,
    note: spans.some((s) => s.days.length > 1) ? 'p50, dashed p95; medians of the days' : 'p50, dashed p95',
    summary: highest(spans, slowest, ms),
  };
}

function median(values) {
  const known = values.filter((v) => v !== null && v !== undefined).sort((a, b) => a - b);
  return known[Math.floor((known.length - 1) / 2)] ?? null;
}

function frame(id, title, spans) {
  return { id, title, labels: spans.map((s) => s.label), titles: spans.map((s) => s.title) };
}

function highest(spans, values, text) {
  const most = Math.max(0, ...values);
  if (most <= 0) return 'Nothing yet.';
  return `Highest: ${text(most)} on ${spans[values.indexOf(most)].title}.`;
}
