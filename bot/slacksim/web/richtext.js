// The rich_text block. docs.slack.dev/reference/block-kit/blocks/rich-text-block

import { h } from './dom.js';
import { emoji } from './emoji.js';
import { link, token } from './mrkdwn.js';

/** richText draws a rich_text block. */
export function richText(block, store) {
  return h(
    'div',
    { class: 'md rich' },
    (block.elements ?? []).map((e) => part(e, store)),
  );
}

/** richCell draws what stands in a table's cell: raw_text or rich_text. */
export function richCell(cell, store) {
  if (typeof cell?.text === 'string') return cell.text;
  return (cell?.elements ?? []).flatMap((e) => inline(e.elements, store));
}

/** richWords returns the characters of a rich_text block, or of a part of it. */
export function richWords(node) {
  if (typeof node?.text === 'string') return node.text;
  return (node?.elements ?? []).map(richWords).join('');
}

function part(e, store) {
  switch (e.type) {
    case 'rich_text_preformatted':
      return h('pre', {}, h('code', {}, (e.elements ?? []).map((x) => x.text ?? x.url ?? '')));
    case 'rich_text_quote':
      return h('blockquote', { class: 'plain' }, inline(e.elements, store));
    case 'rich_text_list':
      return h(
        e.style === 'ordered' ? 'ol' : 'ul',
        { class: e.indent ? `indent-${Math.min(e.indent, 4)}` : null },
        (e.elements ?? []).map((item) => h('li', {}, inline(item.elements, store))),
      );
  }
  return h('p', { class: 'plain' }, inline(e.elements, store));
}

function inline(elements, store) {
  return (elements ?? []).map((e) => styled(e, leaf(e, store)));
}

function leaf(e, store) {
  switch (e.type) {
    case 'link':
      return link(e.url, e.text || e.url);
    case 'user':
      return token('@' + e.user_id, store);
    case 'channel':
      return token('#' + e.channel_id, store);
    case 'usergroup':
      return token('!subteam^' + e.usergroup_id, store);
    case 'broadcast':
      return token('!' + e.range, store);
    case 'emoji':
      return emoji(e.name) ?? `:${e.name}:`;
    case 'date':
      return e.fallback ?? '';
  }
  return e.text ?? e.value ?? '';
}

function styled({ style = {} }, node) {
  if (style.code) node = h('code', {}, node);
  if (style.strike) node = h('s', {}, node);
  if (style.italic) node = h('em', {}, node);
  if (style.bold) node = h('strong', {}, node);
  return node;
}
