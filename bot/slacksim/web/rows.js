// Which rows a channel or a thread shows: days, the "New" line, messages, who is thinking.

import { h } from './dom.js';
import { byTS } from './store.js';
import { renderMessage } from './message.js';
import { dayKey, dayName } from './time.js';

const TOGETHER_S = 5 * 60; // messages of one author this close stand under one name

/** messageRows returns list items for messages in order. app: {store, nav, ui, unread}. */
export function messageRows(app, messages, { place, firstNew = '' }) {
  const rows = [];
  let previous = null;
  for (const m of messages) {
    const day = dayKey(m.ts);
    if (place === 'channel' && (!previous || dayKey(previous.ts) !== day)) {
      rows.push(dayRow(day, m.ts));
      previous = null;
    }
    if (firstNew && m.ts === firstNew) {
      rows.push(newRow());
      previous = null;
    }
    rows.push(messageRow(app, m, place, together(previous, m)));
    previous = m;
    if (place === 'channel' && app.nav.threadTS !== m.ts) {
      const status = app.store.status(m.channel, m.ts);
      if (status) rows.push(statusRow(app, status, `status:${m.ts}`, 'inside'));
    }
  }
  return rows;
}

/** withEphemerals merges what only the reader sees into messages, by time. */
export function withEphemerals(messages, ephemerals) {
  return ephemerals.length ? [...messages, ...ephemerals].sort(byTS) : messages;
}

function together(a, b) {
  return (
    Boolean(a) &&
    a.user === b.user &&
    a.bot_id === b.bot_id &&
    !a.ephemeral_to &&
    !b.ephemeral_to &&
    !a.deleted &&
    Number(b.ts) - Number(a.ts) < TOGETHER_S
  );
}

function messageRow(app, m, place, compact) {
  const { store, nav, ui, unread } = app;
  const thread = place === 'channel' ? threadSummary(store, m) : null;
  const isUnread = Boolean(thread) && unread.thread(m.channel, m.ts);
  const me = nav.me;
  return {
    key: (m.ephemeral_to ? 'only:' : '') + m.ts,
    deps: [m, compact, me, thread?.count, thread?.last, thread?.users.join(), isUnread, ui.version(m, place)],
    render: () => renderMessage(m, { store, ui, me, place, compact, thread, unread: isUnread }),
  };
}

function threadSummary(store, m) {
  const replies = store.replies(m.channel, m.ts);
  const count = Math.max(replies.length, m.ephemeral_to ? 0 : (m.reply_count ?? 0));
  if (count === 0) return null;
  return { count, last: replies.at(-1)?.ts ?? '', users: [...new Set(replies.map((r) => r.user || store.bot.id))] };
}

function dayRow(day, ts) {
  const name = dayName(ts);
  return {
    key: 'day:' + day,
    deps: [name],
    render: () => h('div', { class: 'day', role: 'separator', 'aria-label': name }, h('span', {}, name)),
  };
}

function newRow() {
  return {
    key: 'new',
    deps: [],
    render: () =>
      h('div', { class: 'new-line', role: 'separator', 'aria-label': 'New messages' }, h('span', {}, 'New')),
  };
}

/** statusRow is the assistant's "bobbin is thinking…". */
export function statusRow(app, status, key, className = '') {
  return {
    key,
    deps: [status],
    render: () =>
      h(
        'p',
        { class: `status-line ${className}`, 'data-testid': 'status-line' },
        h('span', { class: 'status-dots', 'aria-hidden': 'true' }, h('i'), h('i'), h('i')),
        h('span', { class: 'status-text' }, `${app.store.bot.name} ${status}`),
      ),
  };
}
