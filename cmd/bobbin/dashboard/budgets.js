// Limits, and what is spent and reserved of them.

import { fill, h, named } from './dom.js';
import { at, count, percent, usd } from './format.js';
import { badge, level } from './live.js';
import { empty } from './tables.js';

export function renderBudgets(root, data) {
  const list = (data.budgets ?? []).map((b) => ({ ...b, limits: limits(b) })).filter((b) => b.limits.length > 0);
  if (list.length === 0) return fill(root, empty('Fills when a limit is set: budget in the configuration.'));
  fill(root, h('ul', { class: 'budgets' }, list.map((b) => h('li', null,
    h('div', { class: 'budget-head' }, named(b, 'Workspace'),
      h('span', { class: 'quiet' }, `${b.scope === 'workspace' ? '' : b.scope + ', '}a ${b.period}`),
      b.lifted && badge('fair', b.until ? 'lifted until ' + at(b.until) : 'lifted')),
    b.limits.map(meter)))));
}

function limits(b) {
  const list = [];
  if (b.nano_usd_limit > 0) list.push({ spent: b.nano_usd, reserved: b.reserved_nano_usd ?? 0, limit: b.nano_usd_limit, text: usd, unit: '' });
  if (b.token_limit > 0) list.push({ spent: b.tokens, reserved: b.reserved_tokens ?? 0, limit: b.token_limit, text: count, unit: ' tokens' });
  return list;
}

function meter({ spent, reserved, limit, text, unit }) {
  const part = (spent + reserved) / limit;
  const width = (n) => ({ width: (Math.min(1, n / limit) * 100).toFixed(1) + '%' });
  const kind = level(part);
  return h('div', { class: 'budget' },
    h('span', { class: 'bar thick ' + kind, 'aria-hidden': 'true' },
      h('span', { vars: width(spent) }), h('span', { class: 'reserved', vars: width(Math.min(reserved, Math.max(0, limit - spent))) })),
    h('p', null, h('strong', { class: kind }, percent(part)), ` ${text(spent)} of ${text(limit)}${unit}`,
      reserved > 0 && h('span', { class: 'quiet' }, `, ${text(reserved)} reserved`),
      kind && h('span', { class: 'visually-hidden' }, kind === 'full' ? ' (nearly used up)' : ' (three quarters used)')));
}
