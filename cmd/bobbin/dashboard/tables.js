// People, channels and models.

import { fill, h, named } from './dom.js';
import { compact, cost, costUnknown, count, ms, percent, share, tokens, usd } from './format.js';

/** bar is a part of most, beside a number that says it. */
export function bar(value, most, className = '') {
  const part = most > 0 ? Math.min(1, value / most) : 0;
  return h('span', { class: 'bar ' + className, 'aria-hidden': 'true' }, h('span', { vars: { width: (part * 100).toFixed(1) + '%' } }));
}

export const empty = (text) => h('p', { class: 'empty' }, text);

/** th and td name their role: on a phone rows are drawn as cards, and browsers forget what they were. */
export const th = (text, className) => h('th', { scope: 'col', role: 'columnheader', class: className }, text);
export const row = (...cells) => h('tr', { role: 'row' }, cells);
export const head = (...children) => h('th', { scope: 'row', role: 'rowheader' }, children);
export const td = (label, className, ...children) => h('td', { role: 'cell', class: className, 'data-label': label }, children);
export const grid = (className, label, columns, rows) => h('table', { role: 'table', class: className, 'aria-label': label },
  h('thead', { role: 'rowgroup' }, row(columns)), h('tbody', { role: 'rowgroup' }, rows));

/** money is a cost whose unknown part is quieter. */
export function money(t) {
  if (costUnknown(t)) return h('span', { class: 'quiet' }, 'unknown');
  return [usd(t.cost_nano_usd), t.unpriced_calls > 0 && h('span', { class: 'quiet' }, ' + unknown')];
}

/** renderSpenders draws bars by cost, or by tokens where no price is known. */
export function renderSpenders(root, list, what, none) {
  if (list.length === 0) return fill(root, empty(none));
  const priced = list.some((s) => s.totals.cost_nano_usd > 0);
  const weigh = (s) => (priced ? s.totals.cost_nano_usd : tokens(s.totals));
  const most = Math.max(...list.map(weigh));
  fill(root, grid('spenders', what, [th(what), th('Cost', 'num'), th('Tokens', 'num'), th('Answers', 'num'), th('Fallback', 'num wide'), th('First token', 'num wide')],
    list.map((s) => row(
      head(named(s), bar(weigh(s), most)),
      td('Cost', 'num', money(s.totals)),
      td('Tokens', 'num', h('span', { title: count(tokens(s.totals)) }, compact(tokens(s.totals)))),
      td('Answers', 'num', count(s.totals.answers)),
      td('Fallback', 'num wide', percent(share(s.totals.fallback_answers, s.totals.answers))),
      td('First token', 'num wide', ms(s.totals.first_token_ms?.p50))))));
}

export function renderModels(root, data, palette) {
  const list = data.models ?? [];
  if (list.length === 0) return fill(root, empty('Fills with the first answer.'));
  const most = Math.max(...list.map((m) => m.totals.cost_nano_usd));
  const columns = [th('Model'), th('Cost', 'num'), th('per 1,000 answers', 'num'), th('Answers', 'num'), th('Fallback', 'num'),
    th('Failed', 'num'), th('Input (cached)', 'num'), th('Output', 'num'), th('First token', 'num'), th('Whole answer', 'num')];
  fill(root, grid('models cards', 'Models', columns, list.map(({ provider, model, totals: t }) => row(
    head(h('span', { class: 'name' }, h('span', { class: 'swatch ' + palette.get(provider) }), provider, h('span', { class: 'quiet' }, ' / ' + model)),
      bar(t.cost_nano_usd, most, palette.get(provider))),
    td('Cost', 'num', money(t)),
    td('per 1,000 answers', 'num', perThousand(t)),
    td('Answers', 'num', count(t.answers)),
    td('Fallback', 'num', percent(share(t.fallback_answers, t.answers))),
    td('Failed', 'num', count(t.failures)),
    td('Input (cached)', 'num', h('span', { title: count(t.input_tokens) }, compact(t.input_tokens)), h('span', { class: 'quiet' }, ` (${percent(share(t.cached_tokens, t.input_tokens))})`)),
    td('Output', 'num', h('span', { title: count(t.output_tokens) }, compact(t.output_tokens))),
    td('First token', 'num', quantiles(t.first_token_ms)),
    td('Whole answer', 'num', quantiles(t.duration_ms))))));
}

/** perThousand is of answers whose price is known: what the others cost nobody knows. */
function perThousand(t) {
  const priced = t.answers - t.unpriced_calls;
  if (priced <= 0) return h('span', { class: 'quiet' }, costUnknown(t) ? 'unknown' : '–');
  return usd(Math.round((t.cost_nano_usd / priced) * 1000));
}

function quantiles(q) {
  if (!q) return '–';
  return [ms(q.p50), h('span', { class: 'quiet' }, ` / ${ms(q.p95)} / ${ms(q.p99)}`)];
}
