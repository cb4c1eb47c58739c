// What a channel without messages says. In the first channel it teaches what one can do here.

import { h, icon } from './dom.js';
import { displayName } from './mrkdwn.js';

// Questions whose answers show the kinds of formatting: prose, code, a table.
const EXAMPLES = [
  'In two sentences: what does a circuit breaker do for a service?',
  'Write a Go function that reverses a string, with a test',
  'Compare PostgreSQL, SQLite and bbolt in a table',
];

/** emptyRow is the list item of an empty channel. */
export function emptyRow(app, channel) {
  const { nav, store } = app;
  const me = displayName(store.person(nav.me));
  const first = channel.id === nav.places[0]?.id;
  return {
    key: 'empty:' + channel.id,
    deps: [me],
    render: () => (first || channel.im ? welcome(store, channel, me) : plain(channel)),
  };
}

function plain(channel) {
  return h(
    'div',
    { class: 'empty' },
    h('h3', {}, icon(channel.private ? 'lock' : 'hash'), channel.name),
    h('p', {}, 'Nobody has written here yet.'),
  );
}

function welcome(store, channel, me) {
  const bot = store.bot.name;
  const prefix = channel.im ? '' : `@${bot} `;
  return h(
    'div',
    { class: 'empty', 'data-testid': 'empty-state' },
    h('span', { class: 'avatar avatar-bot big' }, icon('bobbin', 'mark')),
    h('h3', {}, channel.im ? `This is between you and ${bot}` : 'A Slack of your own, with a bot in it'),
    channel.im
      ? h('p', {}, 'Every message here is for the bot: just ask.')
      : h(
          'p',
          {},
          'Say hello: type ',
          h('span', { class: 'mention' }, `@${bot}`),
          ' and a question. Or ask one of these, as ',
          h('b', {}, me),
          ':',
        ),
    h(
      'div',
      { class: 'examples' },
      EXAMPLES.map((text) =>
        h(
          'button',
          {
            type: 'button',
            class: 'example',
            'data-action': 'example',
            'data-text': prefix + text,
            'data-testid': 'example',
          },
          h('span', {}, prefix ? h('span', { class: 'mention' }, prefix.trim()) : null, ' ', text),
          icon('send'),
        ),
      ),
    ),
    h('h4', {}, 'Then try'),
    h('ul', { class: 'hints' }, hints(store, channel)),
  );
}

function hints(store, channel) {
  const hint = (symbol, action, label, text, data = {}) =>
    h(
      'li',
      {},
      icon(symbol),
      h('span', {}, h('button', { type: 'button', class: 'link-button', 'data-action': action, ...data }, label), text),
    );
  return [
    channel.im ? null : hint('chat', 'open-dm', 'Open a direct message', ': no mention needed there.'),
    hint('command', 'type', `${store.command} usage`, ' shows tokens and cost, only to you.', {
      'data-text': `${store.command} usage`,
    }),
    hint('sliders', 'open-simulator', 'Flip a fault switch', ' and ask again: the answer still comes.'),
    h(
      'li',
      {},
      icon('people'),
      h('span', {}, h('b', {}, 'Speak as'), ' someone else, at the top, or open a second window for them.'),
    ),
  ].filter(Boolean);
}
