// What a person types, as Slack's own client sends it: escaped, with mentions, channels and links as
// control sequences. The way back is for the editor of a sent message.

import { unescape } from './mrkdwn.js';

const CODE = /(```[^]*?```|`[^`\n]+`)/;
const URL_TEXT = /https?:\/\/[^\s<>|]*[^\s<>|.,;:!?'")\]]/g;

/** encode makes typed text into Slack message text. Nothing inside code is touched but the escapes. */
export function encode(typed, store) {
  const names = mentionNames(store);
  return typed
    .trim()
    .split(CODE)
    .map((part, i) => (i % 2 === 1 ? escape(part) : encodeText(escape(part), names, store)))
    .join('');
}

function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function encodeText(text, names, store) {
  const withLinks = text.split(/(https?:\/\/\S+)/).map((part, i) => {
    if (i % 2 === 1) return part.replace(URL_TEXT, (url) => `<${url}>`);
    let out = part.replace(/(?<![\w&])#([\w-]+)/g, (raw, name) => {
      const channel = store.channels.find((c) => !c.im && c.name === name);
      return channel ? `<#${channel.id}|${channel.name}>` : raw;
    });
    out = out.replace(/(?<!\w)@(channel|here|everyone)\b/g, '<!$1>');
    return names.pattern ? out.replace(names.pattern, (_, name) => `<@${names.ids.get(name.toLowerCase())}>`) : out;
  });
  return withLinks.join('');
}

// Everyone can be written by either name; longer names first, so that "ann lee" wins over "ann".
function mentionNames(store) {
  const ids = new Map();
  for (const p of [...store.people, store.bot]) {
    for (const name of [p.real_name, p.name]) if (name) ids.set(name.toLowerCase(), p.id);
  }
  const all = [...ids.keys()].sort((a, b) => b.length - a.length).map((n) => n.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return { ids, pattern: all.length ? new RegExp(`(?<!\\w)@(${all.join('|')})(?![\\w])`, 'gi') : null };
}

/** decode makes Slack message text into what a person would type for it. */
export function decode(text, store) {
  const typed = text.replace(/<([^<>\n]+)>/g, (raw, body) => {
    const [target, label] = body.split('|');
    if (target.startsWith('@')) {
      const id = target.slice(1);
      return '@' + (id === store.bot.id ? store.bot.name : (store.person(id)?.name ?? label ?? id));
    }
    if (target.startsWith('#')) return '#' + (store.channel(target.slice(1))?.name ?? label ?? target.slice(1));
    if (target.startsWith('!')) return '@' + target.slice(1).split('^')[0];
    return target.replace(/^mailto:/, '');
  });
  return unescape(typed);
}
