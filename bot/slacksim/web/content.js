// What a message says: its text or blocks, in the order in which Slack shows them.

import { CONTENT, renderBlock } from './blocks.js';
import { h } from './dom.js';
import { markdown } from './markdown.js';
import { mrkdwn } from './mrkdwn.js';

/** renderContent returns the nodes of a message's body. ctx: {store, ui, message}. */
export function renderContent(m, ctx) {
  const out = [];
  if (!ctx.store.isBot(m)) out.push(h('div', { class: 'mrkdwn' }, mrkdwn(m.text, ctx.store)));
  else out.push(...appContent(m, ctx));
  for (const file of m.files ?? []) {
    out.push(h('p', { class: 'file' }, fileLabel(file)));
  }
  if (m.streaming_state === 'in_progress') addCaret(out, m);
  if (m.streaming_state === 'errored') out.push(h('p', { class: 'stream-error' }, 'This message was cut off.'));
  if (m.edited) addEdited(out);
  return out;
}

// Only what the app has uploaded has content to look at.
function fileLabel(file) {
  const label = file.title || file.name || 'file';
  if (!file.size) return label;
  const href = `/files/${encodeURIComponent(file.id)}/${encodeURIComponent(file.name)}`;
  return h('a', { href, download: file.name }, `${label} (${file.name}, ${file.size} bytes)`);
}

function appContent(m, ctx) {
  const blocks = m.blocks ?? [];
  const lead = leadText(m, blocks);
  const out = [];
  if (lead) {
    out.push(
      isMarkdown(m)
        ? h('div', { class: 'md' }, markdown(lead, ctx.store))
        : h('div', { class: 'mrkdwn' }, mrkdwn(lead, ctx.store)),
    );
  }
  for (const b of blocks) out.push(renderBlock(b, ctx));
  return out;
}

// Standard Markdown differs from m.text unless it was streamed; `text` alone is mrkdwn.
function isMarkdown(m) {
  return Boolean(m.streaming_state) || (Boolean(m.markdown) && m.markdown !== m.text);
}

// The text above the blocks: `text` beside blocks is only for notifications, so there is none, except in
// a stream whose blocks are only what was put below it.
function leadText(m, blocks) {
  const text = m.markdown || m.text || '';
  if (blocks.length === 0) return text;
  return m.streaming_state && !blocks.some((b) => CONTENT.has(b.type)) ? text : '';
}

// The caret stands behind the last written character, inside the deepest last block.
function addCaret(nodes, m) {
  const texts = nodes.filter((n) => n.matches('.md, .mrkdwn'));
  let at = texts.at(-1);
  if (!at || !(m.markdown || m.text)) {
    nodes.unshift(h('div', { class: 'skeleton', 'aria-hidden': 'true' }, h('i'), h('i'), h('i')));
    return;
  }
  const inside = 'p, h3, ul, ol, li, blockquote, pre, code, .code-box';
  while (at.lastElementChild?.matches(inside)) {
    if (at.lastElementChild.matches('code') && !at.matches('pre')) break;
    at = at.lastElementChild;
  }
  at.append(h('span', { class: 'caret', 'aria-hidden': 'true' }));
}

function addEdited(nodes) {
  const mark = h('span', { class: 'edited' }, '(edited)');
  const last = nodes[0]?.lastElementChild;
  if (last?.matches('p')) last.append(' ', mark);
  else nodes.push(mark);
}
