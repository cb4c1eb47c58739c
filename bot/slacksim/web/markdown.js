// Standard Markdown, as Slack's markdown blocks and streamed text have it. The text comes from a
// language model: HTML in it is shown as text, images become links, and DOMPurify has the last word.

import { Marked } from './vendor/marked.esm.js';
import './vendor/purify.min.js';
import { h, icon } from './dom.js';
import { emoji, EMOJI_CODE } from './emoji.js';
import { safeURL, token as slackToken } from './mrkdwn.js';

const DOMPurify = globalThis.DOMPurify;

const ALLOWED = {
  ALLOWED_TAGS: [
    'p',
    'br',
    'h3',
    'ul',
    'ol',
    'li',
    'pre',
    'code',
    'blockquote',
    'hr',
    'table',
    'thead',
    'tbody',
    'tr',
    'th',
    'td',
    'a',
    'strong',
    'em',
    'del',
    'span',
  ],
  ALLOWED_ATTR: ['href', 'title', 'class', 'start', 'align'],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

function escape(text) {
  return text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);
}

// Slack resolves its own control sequences in Markdown too. They travel through the parser as the text of a marked span.
const slackSyntax = {
  name: 'slack',
  level: 'inline',
  start: (src) => src.search(/<[@#!]/),
  tokenizer(src) {
    const match = /^<((?:[@#]\w+|!(?:here|channel|everyone|subteam\^|date\^))[^<>\n]*)>/.exec(src);
    return match ? { type: 'slack', raw: match[0], body: match[1] } : undefined;
  },
  renderer: ({ body }) => `<span class="slack-token">${escape(body)}</span>`,
};

const parser = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    heading(token) {
      return `<h3>${this.parser.parseInline(token.tokens)}</h3>`;
    },
    image: (token) => {
      const label = escape(token.text || token.href);
      return `<a href="${escape(token.href)}" class="image-link">${label}</a>`;
    },
    checkbox: ({ checked }) => `<span class="${checked ? 'task checked' : 'task'}"></span>`,
  },
});
// HTML is no syntax here: these two find none, so it stays text.
parser.use({ extensions: [slackSyntax], tokenizer: { html: () => undefined, tag: () => undefined } });

const CACHE_SIZE = 400;
const cache = new Map(); // source of a top-level block -> its nodes

/** markdown renders text into a document fragment. While text streams in, only its last block is new work. */
export function markdown(text, store) {
  const out = document.createDocumentFragment();
  for (const token of parser.lexer(text ?? '')) {
    let nodes = cache.get(token.raw);
    if (!nodes) {
      nodes = render(token, store);
      if (cache.size >= CACHE_SIZE) cache.clear();
      cache.set(token.raw, nodes);
    }
    out.append(nodes.cloneNode(true));
  }
  return out;
}

function render(token, store) {
  const fragment = DOMPurify.sanitize(parser.parser([token]), ALLOWED);
  for (const a of fragment.querySelectorAll('a')) finishLink(a);
  for (const span of fragment.querySelectorAll('.slack-token')) span.replaceWith(slackToken(span.textContent, store));
  for (const task of fragment.querySelectorAll('.task')) {
    const done = task.classList.contains('checked');
    task.append(h('span', { class: 'visually-hidden' }, done ? 'done: ' : 'to do: '));
    task.closest('li')?.classList.add('task-item');
  }
  for (const pre of fragment.querySelectorAll('pre')) finishCode(pre);
  for (const table of fragment.querySelectorAll('table')) {
    const box = h('div', { class: 'table-box' });
    table.replaceWith(box);
    box.append(table);
  }
  replaceEmoji(fragment);
  return fragment;
}

function finishLink(a) {
  const href = safeURL(a.getAttribute('href') ?? '');
  if (!href) {
    a.replaceWith(...a.childNodes);
    return;
  }
  a.setAttribute('href', href);
  a.setAttribute('title', href);
  a.setAttribute('target', '_blank');
  a.setAttribute('rel', 'noopener noreferrer');
}

function finishCode(pre) {
  const language = /\blanguage-([\w+#.-]+)/.exec(pre.querySelector('code')?.className ?? '')?.[1] ?? '';
  const box = h('div', { class: language ? 'code-box named' : 'code-box' });
  pre.replaceWith(box);
  box.append(
    h(
      'div',
      { class: 'code-bar' },
      h('span', {}, language),
      h(
        'button',
        { type: 'button', 'data-action': 'copy-code', 'aria-label': 'Copy code', title: 'Copy' },
        icon('copy'),
      ),
    ),
    pre,
  );
}

function replaceEmoji(fragment) {
  const walker = document.createTreeWalker(fragment, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement?.closest('code')) texts.push(walker.currentNode);
  }
  for (const node of texts) {
    node.data = node.data.replace(EMOJI_CODE, (raw, name) => emoji(name) ?? raw);
  }
}
