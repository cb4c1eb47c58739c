// What is so right now: providers, Slack, the store.

import { fill, h } from './dom.js';
import { bytes, count, many, ms, until } from './format.js';
import { bar, empty, grid, head, row, td, th } from './tables.js';

const PHASES = {
  closed: ['good', 'closed', 'takes calls'],
  half_open: ['fair', 'half open', 'on trial'],
  open: ['bad', 'open', 'paused'],
};
const phase = (p) => PHASES[p.phase] ?? ['fair', p.phase || 'unknown', p.phase || 'unknown'];

export const badge = (kind, text) => h('span', { class: 'badge ' + kind }, text);

/** renderStrip is one line for somebody who asks only whether all is well. */
export function renderStrip(root, data) {
  const s = data.slack;
  const store = data.store;
  const frozen = (s.methods ?? []).filter((m) => m.frozen_until).length;
  fill(root,
    chip('#slack', 'Slack', s.sockets >= s.want_sockets ? 'good' : s.sockets > 0 ? 'fair' : 'bad', `${s.sockets} of ${s.want_sockets} connections`),
    frozen > 0 && chip('#slack', 'Refused', 'bad', many(frozen, 'method') + ' frozen'),
    (data.providers ?? []).map((p) => chip('#providers', p.name, phase(p)[0], phase(p)[2])),
    chip('#slack', 'Live replies', '', count(s.live_replies)),
    chip('#slack', 'Queue', s.queue > 20 ? 'fair' : '', count(s.queue)),
    chip('#store', 'Store', store.problem ? 'bad' : 'good', store.problem ? 'has a problem' : bytes(store.bytes)));
}

function chip(href, label, kind, text) {
  return h('li', null, h('a', { href }, kind && h('span', { class: 'dot ' + kind, 'aria-hidden': 'true' }),
    h('span', { class: 'quiet' }, label), ' ', h('strong', null, text)));
}

export function renderProviders(root, data, palette) {
  const list = data.providers ?? [];
  if (list.length === 0) return fill(root, empty('Fills when a provider is configured: llm.providers.'));
  fill(root, grid('providers', 'Providers', [th('Provider'), th('Breaker'), th('Queue', 'num'), th('In flight', 'num')],
    list.map((p) => row(
      head(h('span', { class: 'name' }, h('span', { class: 'swatch ' + palette.get(p.name) }), p.name, h('span', { class: 'quiet' }, ' / ' + p.model)),
        p.error && h('span', { class: 'why' }, p.error)),
      td('Breaker', '', badge(phase(p)[0], phase(p)[1]),
        p.failures > 0 && h('span', { class: 'under' }, many(p.failures, 'failure') + ' in a row'),
        p.until && p.phase === 'open' && h('span', { class: 'under' }, 'next trial ' + until(p.until, data.now))),
      td('Queue', 'num', count(p.queue)),
      td('In flight', 'num', count(p.in_flight))))));
}

export function renderSlack(root, data) {
  const s = data.slack;
  const all = s.methods ?? [];
  const used = all.filter((m) => m.granted || m.used || m.refused || m.waiting || m.frozen_until);
  used.sort((a, b) => Boolean(b.frozen_until) - Boolean(a.frozen_until) || b.used / b.limit - a.used / a.limit || b.granted - a.granted);
  const idle = all.length - used.length;
  fill(root,
    h('dl', { class: 'facts' },
      fact('Connections', `${s.sockets} of ${s.want_sockets}`, s.sockets < s.want_sockets && (s.sockets === 0 ? 'bad' : 'fair')),
      fact('Live replies', count(s.live_replies)),
      fact('Queue', count(s.queue))),
    used.length === 0 ? empty('Fills with the first call to Slack.')
      : grid('methods', 'Calls to Slack', [th('Method'), th('Last 60 s', 'num'), th('Waiting', 'num'), th('Granted', 'num wide'), th('Refused', 'num')],
        used.map((m) => row(
          head(h('span', { class: 'name mono' }, m.method), bar(m.used, m.limit, level(m.used / m.limit)),
            m.frozen_until && badge('bad', 'frozen until ' + until(m.frozen_until, data.now))),
          td('Last 60 s', 'num', count(m.used), h('span', { class: 'quiet' }, ' / ' + count(m.limit))),
          td('Waiting', 'num', count(m.waiting)),
          td('Granted', 'num wide', count(m.granted)),
          td('Refused', 'num' + (m.refused > 0 ? ' warn' : ''), count(m.refused))))),
    used.length > 0 && idle > 0 && h('p', { class: 'aside' }, `${many(idle, 'other method')} not called since the start.`));
}

/** level colours how full something is. */
export const level = (part) => (part >= 0.95 ? 'full' : part >= 0.75 ? 'high' : '');

function fact(term, value, kind) {
  return h('div', null, h('dt', null, term), h('dd', null, kind && h('span', { class: 'dot ' + kind, 'aria-hidden': 'true' }), value));
}

export function renderStore(root, data) {
  const s = data.store;
  fill(root,
    s.problem && h('p', { class: 'problem' }, s.problem),
    h('dl', { class: 'facts' }, fact('File', bytes(s.bytes)), fact('Free inside it', bytes(s.free_bytes)), fact('Writes, p50 / p99', `${ms(Math.ceil(s.commit_p50_us / 1000))} / ${ms(Math.ceil(s.commit_p99_us / 1000))}`)));
}
