// The live view of the bot's Web API calls: each method's last minute against Slack's documented limit, and the last calls.

import { frame, h, morph } from './dom.js';

const SHOWN = 30;
const MINUTE_MS = 60_000;

// Calls a minute of a workspace and app, docs.slack.dev/apis/web-api/rate-limits and the methods' own pages.
const LIMITS = {
  'chat.startStream': 20,
  'chat.stopStream': 20,
  'chat.appendStream': 100,
  'chat.update': 50,
  'chat.delete': 50,
  'chat.postEphemeral': 100,
  'conversations.replies': 50,
  'conversations.history': 50,
  'conversations.info': 50,
  'users.info': 100,
  'views.publish': 100,
  'reactions.add': 50,
  'reactions.remove': 20,
  'assistant.threads.setStatus': 600,
};

/** Traffic draws into #traffic while it is watched. */
export class Traffic {
  #store;
  #rates = document.getElementById('rates');
  #log = document.getElementById('calls');
  #timer = 0;
  draw = frame(() => this.#draw());

  constructor(store) {
    this.#store = store;
  }

  /** watch keeps the minute's counts moving while the drawer is open. */
  watch(on) {
    clearInterval(this.#timer);
    if (on) this.#timer = setInterval(() => this.draw(), 1000);
  }

  #draw() {
    const { calls } = this.#store;
    morph(this.#rates, this.#drawRates(calls));
    const rows = calls.slice(-SHOWN).reverse().map(callRow);
    morph(
      this.#log,
      h(
        'ol',
        { id: 'calls', class: 'calls', 'aria-label': 'Last calls, newest first' },
        rows.length ? rows : h('li', { class: 'muted' }, 'No calls since this page was opened. Ask the bot something.'),
      ),
    );
  }

  #drawRates(calls) {
    const since = Date.now() - MINUTE_MS;
    const counts = new Map();
    for (const c of calls) if (when(c) > since) counts.set(c.method, (counts.get(c.method) ?? 0) + 1);
    const rows = [...counts].sort((a, b) => b[1] - a[1]).map(([method, n]) => rateRow(method, n));
    return h(
      'div',
      { id: 'rates', class: 'rates' },
      rows.length ? rows : h('p', { class: 'muted' }, 'Quiet for a minute.'),
    );
  }
}

function when(call) {
  return typeof call.at === 'number' ? call.at : Date.parse(call.at);
}

function rateRow(method, n) {
  const limit = LIMITS[method];
  const share = limit ? n / limit : 0;
  const level = share >= 1 ? 'full' : share > 0.75 ? 'high' : '';
  return h(
    'div',
    { class: 'rate' },
    h('span', { class: 'rate-method' }, method),
    h('span', { class: 'rate-count' }, limit ? `${n} of ${limit}` : String(n)),
    limit
      ? h('progress', {
          class: level,
          max: limit,
          value: Math.min(n, limit),
          'aria-label': `${method} of its limit a minute`,
        })
      : null,
  );
}

function callRow(call) {
  const { kind, text } = outcome(call);
  return h(
    'li',
    { class: `call ${kind}` },
    h('time', {}, new Date(when(call)).toLocaleTimeString(undefined, { hour12: false })),
    h('span', { class: 'call-method' }, call.method),
    h('span', { class: 'call-outcome' }, text),
  );
}

function outcome({ error, http_status: status, retry_after_ms: retry, lost }) {
  if (lost) return { kind: 'failed', text: 'done, answer lost' };
  if (status === 429) return { kind: 'limited', text: retry ? `429, wait ${Math.ceil(retry / 1000)} s` : '429' };
  if (status >= 400) return { kind: 'failed', text: error ? `${status} ${error}` : `HTTP ${status}` };
  if (error) return { kind: 'failed', text: error };
  return { kind: 'fine', text: 'ok' };
}
