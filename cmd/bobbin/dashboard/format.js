// Numbers, money and times as text. All pure.

const whole = new Intl.NumberFormat('en-US');
const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });
const dayOnly = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
const dayYear = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const moment = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

export const UNKNOWN = 'unknown';

/** count writes 1234567 as 1,234,567. */
export const count = (n) => whole.format(n ?? 0);

/** compact writes 1234567 as 1.23M. */
export const compact = (n) => short.format(n ?? 0);

/** many writes "1 answer", "2 answers". */
export const many = (n, what) => count(n) + ' ' + what + (n === 1 ? '' : 's');

/** usd writes nano-USD with as many digits as say something. */
export function usd(nano) {
  const dollars = nano / 1e9;
  if (nano === 0) return '$0';
  if (nano < 10_000) return '<$0.00001';
  if (dollars < 0.01) return '$' + dollars.toFixed(5);
  if (dollars < 1) return '$' + dollars.toFixed(4);
  if (dollars < 1000) return '$' + dollars.toFixed(2);
  return '$' + whole.format(Math.round(dollars));
}

/** axisUSD is short, for the axis of a chart: with as many digits as the step between its marks has. */
export function axisUSD(dollars, step) {
  if (dollars === 0) return '$0';
  if (step >= 1) return '$' + short.format(dollars);
  return '$' + dollars.toFixed(Math.min(8, Math.max(2, Math.ceil(-Math.log10(step) - 1e-9))));
}

/** costUnknown: calls were answered, and the price of none of them is known. */
export const costUnknown = (t) => t.unpriced_calls > 0 && t.cost_nano_usd === 0 && t.answers <= t.unpriced_calls;

/** cost never shows an unknown price as nothing. */
export function cost(t) {
  if (costUnknown(t)) return UNKNOWN;
  return usd(t.cost_nano_usd) + (t.unpriced_calls > 0 ? ' + ' + UNKNOWN : '');
}

export const tokens = (t) => t.input_tokens + t.output_tokens;

/** share is part of whole, or null of nothing. */
export const share = (part, total) => (total > 0 ? part / total : null);

export function percent(fraction) {
  if (fraction === null || fraction === undefined) return '–';
  const p = fraction * 100;
  if (p > 0 && p < 0.1) return '<0.1 %';
  return (p < 10 && p > 0 ? Number(p.toFixed(1)) : Math.round(p)) + ' %';
}

/** ms writes milliseconds as a person says them. */
export function ms(n) {
  if (n === null || n === undefined) return '–';
  if (n < 1000) return Math.round(n) + ' ms';
  if (n < 100_000) return (n / 1000).toFixed(n < 10_000 ? 2 : 1) + ' s';
  return Math.round(n / 60_000) + ' min';
}

export function bytes(n) {
  if (n === null || n === undefined) return UNKNOWN;
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let at = 0;
  for (; n >= 1000 && at < units.length - 1; at++) n /= 1000;
  return (at === 0 || n >= 100 ? Math.round(n) : Number(n.toPrecision(2))) + ' ' + units[at];
}

/** day writes 2006-01-02 as 2 Jan; days are UTC. */
export const day = (s) => dayOnly.format(new Date(s + 'T00:00:00Z'));
export const fullDay = (s) => dayYear.format(new Date(s + 'T00:00:00Z'));

/** at and time are moments, in the reader's time zone. */
export const at = (s) => moment.format(new Date(s));
export const time = (s) => clock.format(new Date(s));

/** until says a time of today alone, and else the day too. */
export function until(s, now) {
  return Math.abs(new Date(s) - new Date(now)) < 12 * 3600e3 ? time(s) : at(s);
}

/** span is the time between two moments, roughly. */
export function span(from, to) {
  const minutes = Math.max(0, Math.floor((new Date(to) - new Date(from)) / 60_000));
  const d = Math.floor(minutes / 1440);
  const hours = Math.floor(minutes / 60) % 24;
  if (d > 0) return `${d} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return `${minutes} min`;
}
