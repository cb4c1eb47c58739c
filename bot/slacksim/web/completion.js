// What the composer offers while one types: people after "@", channels after "#", subcommands after "/".

import { displayName } from './mrkdwn.js';

const SUBCOMMANDS = [
  ['usage', 'Tokens and cost, of yours, this channel or everyone'],
  ['status', 'Is the bot well, and which model answers'],
  ['help', 'Everything the bot understands'],
];
const MOST = 8;

/**
 * complete returns the offers for text with the caret at an index, or null:
 * {from, items: [{label, hint, insert, user}]}. Picking one replaces the text
 * between from and the caret by insert.
 */
export function complete(app, text, caret, withCommands) {
  const before = text.slice(0, caret);
  if (withCommands && /^\/\S*( \S*)?$/.test(before) && caret === text.length) return commands(app, before);
  const mention = /(^|[\s(])([@#])([\w.-]*)$/.exec(before);
  if (!mention) return null;
  const [, , sign, word] = mention;
  const from = caret - word.length - 1;
  const items = sign === '@' ? people(app, word.toLowerCase()) : channels(app, word.toLowerCase());
  return items.length ? { from, items: items.slice(0, MOST) } : null;
}

function commands({ store }, typed) {
  const all = SUBCOMMANDS.map(([name, hint]) => {
    const label = `${store.command} ${name}`;
    return { label, hint, insert: label };
  });
  const items = all.filter((c) => c.label.startsWith(typed));
  return items.length ? { from: 0, items } : null;
}

function people({ store, nav }, word) {
  const all = [store.bot, ...store.people.filter((p) => p.id !== nav.me)];
  const matches = all.filter((p) =>
    [p.name, p.real_name].some(
      (n) =>
        n
          ?.toLowerCase()
          .split(/\s/)
          .some((w) => w.startsWith(word)) || n?.toLowerCase().startsWith(word),
    ),
  );
  return matches.map((p) => ({
    label: p === store.bot ? p.name : displayName(p),
    hint: p === store.bot ? 'app' : p.real_name && p.name !== p.real_name ? '@' + p.name : '',
    insert: `@${p.name || p.id} `,
    user: p,
  }));
}

function channels({ store }, word) {
  return store.channels
    .filter((c) => !c.im && c.name.toLowerCase().startsWith(word))
    .map((c) => ({ label: '#' + c.name, hint: '', insert: `#${c.name} ` }));
}
