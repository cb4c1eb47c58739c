// The six figures at the top, each against the period before.

import { fill, h } from './dom.js';
import { compact, cost, costUnknown, count, ms, percent, share, tokens, usd } from './format.js';

export function renderTiles(root, data) {
  const t = data.totals;
  const p = data.previous;
  const today = data.today;
  const unpriced = t.unpriced_calls + p.unpriced_calls > 0;
  fill(root,
    tile('cost', 'Cost', costValue(t), unpriced ? plain('prices partly unknown') : change(t.cost_nano_usd, p.cost_nano_usd), 'today ' + cost(today)),
    tile('token', 'Tokens', compact(tokens(t)), change(tokens(t), tokens(p)), 'today ' + compact(tokens(today)), count(tokens(t))),
    tile('answers', 'Answers', count(t.answers), change(t.answers, p.answers), 'today ' + count(today.answers)),
    tile('fallback', 'Answered by fallback', percent(fallback(t)), points(fallback(t), fallback(p)), 'today ' + percent(fallback(today))),
    tile('first', 'First token, median', ms(t.first_token_ms?.p50), change(t.first_token_ms?.p50, p.first_token_ms?.p50, 'bad'), 'today ' + ms(today.first_token_ms?.p50)),
    tile('failures', 'Failed calls', count(t.failures), change(t.failures, p.failures, 'bad'), 'today ' + count(today.failures)),
  );
}

const fallback = (t) => share(t.fallback_answers, t.answers);

function costValue(t) {
  if (costUnknown(t) || t.unpriced_calls === 0) return cost(t);
  return [usd(t.cost_nano_usd), h('span', { class: 'tile-more' }, ' + unknown')];
}

function tile(id, label, value, delta, today, title) {
  return h('li', { class: 'tile', 'data-testid': 'tile-' + id },
    h('p', { class: 'tile-label' }, label),
    h('p', { class: 'tile-value', title }, value),
    h('p', { class: 'tile-delta' }, delta),
    h('p', { class: 'tile-today' }, today));
}

const plain = (text) => h('span', { class: 'delta' }, text);

/** change is relative. more says whether more is bad, or neither good nor bad. */
function change(now, before, more) {
  if (now === null || now === undefined) return plain('nothing measured');
  if (!before) return plain(now ? 'none before' : 'none before either');
  const p = Math.round(((now - before) / before) * 100);
  return delta(p, Math.abs(p) >= 1000 ? `×${(now / before).toFixed(0)}` : `${sign(p)} %`, more);
}

/** points is the difference of two shares, where more is bad. */
function points(now, before) {
  if (now === null) return plain('no answers');
  if (before === null) return plain('none before');
  const p = Number(((now - before) * 100).toFixed(1));
  return delta(p, `${sign(p)} points`, 'bad');
}

const sign = (p) => (p > 0 ? '+' : p < 0 ? '−' : '±') + Math.abs(p);

function delta(p, text, more) {
  const kind = p === 0 || more !== 'bad' ? '' : p > 0 ? 'worse' : 'better';
  return h('span', { class: 'delta ' + kind }, h('span', { 'aria-hidden': 'true' }, p > 0 ? '▲ ' : p < 0 ? '▼ ' : ''), text,
    h('span', { class: 'visually-hidden' }, ' against the period before'));
}
