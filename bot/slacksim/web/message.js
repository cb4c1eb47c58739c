// One message as a row of a list.

import { avatar } from './avatar.js';
import { renderContent } from './content.js';
import { h, icon } from './dom.js';
import { emoji, HANDY } from './emoji.js';
import { displayName } from './mrkdwn.js';
import { clock, fullTime, iso, lastReply, shortClock } from './time.js';

/**
 * renderMessage draws a message. It adds no listeners: the list acts on
 * data-action. view: {store, ui, me, place, compact, thread, unread} where
 * place is "channel" or "thread" and thread sums up the replies or is null.
 */
export function renderMessage(m, view) {
  const { store, ui, compact } = view;
  const bot = store.isBot(m);
  const author = bot ? store.bot : (store.person(m.user) ?? { id: m.user, name: m.user });
  const name = displayName(author);
  const editing = ui.isEditing(m, view.place);
  const classes = ['message'];
  if (compact) classes.push('compact');
  if (m.ephemeral_to) classes.push('only-you');
  if (m.streaming_state === 'in_progress') classes.push('streaming');
  if (editing) classes.push('editing');
  return h(
    'article',
    {
      class: classes.join(' '),
      'data-testid': m.ephemeral_to ? 'ephemeral' : 'message',
      'data-ts': m.ts,
      'data-channel': m.channel,
      'aria-label': `${name}, ${fullTime(m.ts)}`,
      'aria-busy': m.streaming_state === 'in_progress' ? 'true' : null,
    },
    h(
      'div',
      { class: 'gutter', 'data-part': 'gutter' },
      compact ? h('time', { datetime: iso(m.ts) }, shortClock(m.ts)) : avatar(author, bot),
    ),
    h(
      'div',
      { class: 'content', 'data-part': 'content' },
      m.ephemeral_to ? onlyYou() : null,
      compact ? null : meta(m, name, author, bot),
      editing
        ? editor(m, ui)
        : h('div', { class: 'body', 'data-part': 'body', 'data-testid': 'message-body' }, body(m, view)),
      stopButton(m, view),
      reactions(m, view),
      view.thread ? repliesButton(view.thread, view) : null,
    ),
    m.deleted || editing ? null : toolbar(m, view),
  );
}

function body(m, view) {
  if (m.deleted) return h('p', { class: 'tombstone' }, 'This message was deleted.');
  const nodes = renderContent(m, { store: view.store, ui: view.ui, message: m });
  for (const node of nodes) {
    for (const mention of node.querySelectorAll('.mention[data-user]')) {
      if (mention.dataset.user === view.me) mention.classList.add('mention-me');
    }
  }
  return nodes;
}

function editor(m, ui) {
  return h('div', { class: 'editor', 'data-part': 'editor', 'data-keep': true }, ui.editorFor(m));
}

function meta(m, name, author, bot) {
  return h(
    'header',
    { class: 'meta', 'data-part': 'meta' },
    h('span', { class: 'author' }, name),
    bot ? h('span', { class: 'badge' }, 'APP') : null,
    author.guest ? h('span', { class: 'badge' }, 'GUEST') : null,
    h('time', { datetime: iso(m.ts), title: fullTime(m.ts) }, clock(m.ts)),
  );
}

function onlyYou() {
  return h(
    'p',
    { class: 'only-you-note', 'data-part': 'note' },
    icon('eye'),
    'Only visible to you',
    h('button', { type: 'button', class: 'link-button', 'data-action': 'dismiss' }, 'Dismiss'),
  );
}

function stopButton(m, { store, ui }) {
  if (!store.agentView || m.streaming_state !== 'in_progress') return null;
  const pressed = Boolean(m.stopped_by) || ui.pending(m, 'stop-streaming', '');
  return h(
    'p',
    { class: 'stop-line', 'data-part': 'stop' },
    h(
      'button',
      {
        type: 'button',
        class: 'button',
        'data-action': 'stop-streaming',
        'data-testid': 'stop-streaming',
        'aria-disabled': pressed ? 'true' : null,
        'aria-busy': pressed ? 'true' : null,
      },
      icon('stop'),
      pressed ? 'Stopping…' : 'Stop',
    ),
  );
}

function reactions(m, { store, me }) {
  const list = Object.entries(m.reactions ?? {}).filter(([, users]) => users?.length);
  if (list.length === 0) return null;
  return h(
    'div',
    { class: 'reactions', 'data-part': 'reactions' },
    list.map(([code, users]) => {
      const mine = users.includes(me);
      const char = emoji(code);
      const who = users
        .map((id) => displayName(id === store.bot.id ? store.bot : (store.person(id) ?? { id })))
        .join(', ');
      return h(
        'button',
        {
          type: 'button',
          class: mine ? 'reaction mine' : 'reaction',
          'data-action': 'toggle-reaction',
          'data-emoji': code,
          'data-testid': `reaction-${code}`,
          'aria-pressed': mine ? 'true' : 'false',
          title: `${who} reacted with :${code}:`,
          'aria-label': `${users.length} ${code}: ${who}`,
        },
        h('span', { class: char ? 'emoji' : 'emoji named' }, char ?? `:${code}:`),
        h('span', {}, String(users.length)),
      );
    }),
    h(
      'button',
      {
        type: 'button',
        class: 'reaction reaction-add',
        'data-action': 'add-reaction',
        'data-testid': 'another-reaction',
        'aria-label': 'Add reaction',
        title: 'Add reaction',
      },
      icon('react'),
    ),
  );
}

function repliesButton(thread, { store, unread }) {
  const people = thread.users.slice(0, 4).map((id) => {
    const bot = id === store.bot.id;
    return avatar(bot ? store.bot : (store.person(id) ?? { id }), bot, 'small');
  });
  return h(
    'button',
    {
      type: 'button',
      class: unread ? 'replies unread' : 'replies',
      'data-part': 'replies',
      'data-action': 'open-thread',
      'data-testid': 'open-thread',
    },
    h('span', { class: 'faces', 'aria-hidden': 'true' }, people),
    h('span', { class: 'reply-count' }, thread.count === 1 ? '1 reply' : `${thread.count} replies`),
    h('span', { class: 'reply-last' }, thread.last ? lastReply(thread.last) : ''),
    h('span', { class: 'reply-view' }, 'View thread'),
  );
}

function toolbar(m, { store, me, place }) {
  if (m.ephemeral_to) return null;
  const own = m.user === me && !store.isBot(m);
  const tool = (action, label, symbol) =>
    h(
      'button',
      {
        type: 'button',
        'data-action': action,
        'data-testid': action,
        'aria-label': label,
        title: label,
      },
      icon(symbol),
    );
  return h(
    'div',
    { class: 'toolbar', 'data-part': 'toolbar', role: 'group', 'aria-label': 'Message actions' },
    HANDY.map((code) => handy(code, (m.reactions?.[code] ?? []).includes(me))),
    tool('add-reaction', 'Add reaction', 'react'),
    place === 'channel' ? tool('reply-in-thread', 'Reply in thread', 'reply') : null,
    own ? tool('edit-message', 'Edit message', 'edit') : null,
    own ? tool('delete-message', 'Delete message', 'trash') : null,
  );
}

function handy(code, mine) {
  const name = code.replaceAll('_', ' ');
  return h(
    'button',
    {
      type: 'button',
      'data-action': 'toggle-reaction',
      'data-emoji': code,
      'data-testid': `handy-${code}`,
      'aria-pressed': mine ? 'true' : 'false',
      'aria-label': `React with ${name}`,
      title: `:${code}:`,
    },
    h('span', { class: 'emoji' }, emoji(code)),
  );
}
