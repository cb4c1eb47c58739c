// Slack's mrkdwn, made into DOM nodes directly: no HTML is parsed on this path.
// Rules: docs.slack.dev/messaging/formatting-message-text

import { h } from './dom.js';
import { emoji } from './emoji.js';

const INLINE = new RegExp(
  [
    '`(?<code>[^`\\n]+)`',
    '<(?<token>[^<>\\n]+)>',
    '(?<![\\p{L}\\p{N}*])\\*(?<bold>[^\\s*](?:[^*\\n]*[^\\s*])?)\\*(?![\\p{L}\\p{N}*])',
    '(?<![\\p{L}\\p{N}_])_(?<italic>[^\\s_](?:[^\\n]*?[^\\s_])?)_(?![\\p{L}\\p{N}_])',
    '(?<![\\p{L}\\p{N}~])~(?<strike>[^\\s~](?:[^~\\n]*[^\\s~])?)~(?![\\p{L}\\p{N}~])',
    ':(?<emoji>[a-z0-9_+-]+):',
    '(?<url>https?://[^\\s<>|]*[^\\s<>|.,;:!?\'")\\]])',
    '(?<newline>\\n)',
  ].join('|'),
  'gu',
);

const BROADCASTS = new Set(['here', 'channel', 'everyone', 'subteam']);

/** unescape undoes the three escapes of Slack. */
export function unescape(text) {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

/** safeURL returns the address if it is one that a person may follow, else "". */
export function safeURL(address) {
  try {
    const url = new URL(address);
    return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : '';
  } catch {
    return '';
  }
}

/** link is an outside link that tells the other side nothing. */
export function link(address, ...label) {
  const href = safeURL(address);
  if (!href) return h('span', {}, label);
  return h('a', { href, target: '_blank', rel: 'noopener noreferrer', title: href }, label);
}

/** mrkdwn renders message text into a list of nodes. */
export function mrkdwn(text, store) {
  return blocks(text ?? '').map((part) => {
    if (part.kind === 'pre') return h('pre', {}, h('code', {}, unescape(part.text)));
    const content = inline(part.text, store);
    return part.kind === 'quote' ? h('blockquote', {}, content) : h('p', {}, content);
  });
}

// Splits text into fenced code, quotes and the rest.
function blocks(text) {
  const out = [];
  text.split(/```\n?([^]*?)\n?```/).forEach((piece, i) => {
    if (i % 2 === 1) out.push({ kind: 'pre', text: piece });
    else out.push(...quotes(piece, i > 0));
  });
  return out;
}

function quotes(text, afterCode) {
  const out = [];
  let rest = false; // >>> quotes all that follows
  for (const line of (afterCode ? text.replace(/^\n/, '') : text).split('\n')) {
    const mark = rest ? null : /^(?:&gt;&gt;&gt;|>>>|&gt;|>) ?/.exec(line);
    if (mark && /^(?:&gt;|>){3}/.test(mark[0])) rest = true;
    const kind = rest || mark ? 'quote' : 'text';
    const content = mark ? line.slice(mark[0].length) : line;
    const last = out.at(-1);
    if (last?.kind === kind) last.text += '\n' + content;
    else out.push({ kind, text: content });
  }
  return out.map((p) => ({ ...p, text: p.text.replace(/\n$/, '') })).filter((p) => p.text.trim() !== '');
}

/** inline renders one run of text: no fences and no quotes. */
export function inline(text, store) {
  const out = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > end) out.push(unescape(text.slice(end, match.index)));
    end = match.index + match[0].length;
    out.push(...inlineNode(match, store));
  }
  if (end < text.length) out.push(unescape(text.slice(end)));
  return out;
}

function inlineNode({ 0: raw, groups: g }, store) {
  if (g.newline) return [h('br')];
  if (g.code !== undefined) return [h('code', {}, unescape(g.code))];
  if (g.token !== undefined) return [token(g.token, store)];
  if (g.bold !== undefined) return [h('strong', {}, inline(g.bold, store))];
  if (g.italic !== undefined) return [h('em', {}, inline(g.italic, store))];
  if (g.strike !== undefined) return [h('s', {}, inline(g.strike, store))];
  if (g.url !== undefined) return [link(unescape(g.url), unescape(g.url))];
  const char = emoji(g.emoji);
  return [char ? h('span', { class: 'emoji', title: raw }, char) : raw];
}

/** token renders what stands between < and >: a mention, a channel, a broadcast or a link. */
export function token(body, store) {
  const bar = body.indexOf('|');
  const target = bar < 0 ? body : body.slice(0, bar);
  const label = bar < 0 ? '' : unescape(body.slice(bar + 1));
  switch (target[0]) {
    case '@':
      return mention(target.slice(1), label, store);
    case '#': {
      const channel = store.channel(target.slice(1));
      return h('span', { class: 'mention' }, '#' + (label || channel?.name || target.slice(1)));
    }
    case '!': {
      const name = target.slice(1).split('^')[0];
      if (name === 'date') return document.createTextNode(label);
      if (!BROADCASTS.has(name)) return document.createTextNode(unescape(`<${body}>`));
      return h(
        'span',
        { class: 'mention mention-all', title: 'Notifies everyone' },
        '@' + (label.replace(/^@/, '') || name),
      );
    }
  }
  if (!safeURL(unescape(target))) return document.createTextNode(unescape(`<${body}>`));
  return link(unescape(target), label || unescape(target).replace(/^mailto:/, ''));
}

function mention(id, label, store) {
  const person = id === store.bot.id ? store.bot : store.person(id);
  const name = person ? displayName(person) : label || id;
  return h('span', { class: 'mention', 'data-user': id }, '@' + name);
}

/** displayName is how the page calls a person. */
export function displayName(person) {
  return person?.real_name || person?.name || person?.id || 'unknown';
}
