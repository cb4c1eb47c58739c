// Block Kit: the blocks that Bobbin uses, drawn as Slack draws them. Buttons carry data-action, the list they stand in acts.

import { chart } from './charts.js';
import { h, icon } from './dom.js';
import { element, unknown } from './elements.js';
import { markdown } from './markdown.js';
import { inline } from './mrkdwn.js';
import { richCell, richText, richWords } from './richtext.js';
import { plain, textObject } from './text.js';

const RENDER = {
  markdown: (b, ctx) => h('div', { class: 'md' }, markdown(b.text, ctx.store)),
  section,
  header: (b) => h('h3', { class: 'block-header' }, plain(b.text)),
  divider: () => h('hr', { class: 'block-divider' }),
  context,
  actions: (b, ctx) =>
    h(
      'div',
      { class: 'block-actions' },
      (b.elements ?? []).map((e) => element(e, ctx)),
    ),
  context_actions: (b, ctx) =>
    h(
      'div',
      { class: 'block-context-actions' },
      (b.elements ?? []).map((e) => element(e, ctx)),
    ),
  table,
  rich_text: (b, ctx) => richText(b, ctx.store),
  data_visualization: chart,
  plan: (b) => h('p', { class: 'plan' }, b.title ?? ''),
  task_card: task,
  image: (b) =>
    h('p', { class: 'block-image' }, icon('file'), ' Image: ', b.alt_text || plain(b.title) || 'no description'),
};

/** CONTENT are the block types that stand in the place of a message's text. */
export const CONTENT = new Set([
  'markdown',
  'section',
  'header',
  'table',
  'image',
  'rich_text',
  'context',
  'data_visualization',
  'plan',
  'task_card',
]);

/** renderBlock draws one block. ctx: {store, ui, message}. */
export function renderBlock(block, ctx) {
  const draw = RENDER[block?.type];
  return draw ? draw(block, ctx) : unknown(block?.type);
}

function section(b, ctx) {
  const fields = b.fields?.length
    ? h(
        'div',
        { class: 'block-fields' },
        b.fields.map((f) => h('div', {}, textObject(f, ctx.store))),
      )
    : null;
  const body = h('div', { class: 'block-section-text' }, textObject(b.text, ctx.store), fields);
  return h('div', { class: 'block-section' }, body, b.accessory ? element(b.accessory, ctx) : null);
}

function context(b, ctx) {
  return h(
    'div',
    { class: 'block-context' },
    (b.elements ?? []).map((e) => {
      if (e.type === 'image') return h('span', {}, e.alt_text ?? '');
      return h('span', {}, e.type === 'mrkdwn' ? inline(e.text ?? '', ctx.store) : plain(e));
    }),
  );
}

function table(b, ctx) {
  const [head, ...rows] = (b.rows ?? []).map((row) => row.map((cell) => richCell(cell, ctx.store)));
  if (!head) return h('p', { class: 'block-unknown' }, 'An empty table.');
  return h(
    'div',
    { class: 'table-box md' },
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          head.map((c) => h('th', {}, c)),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map((r) =>
          h(
            'tr',
            {},
            r.map((c) => h('td', {}, c)),
          ),
        ),
      ),
    ),
  );
}

// A step of a streamed answer. docs.slack.dev/reference/block-kit/blocks/task-card-block
function task(b) {
  const text = [b.details, b.output].map(richWords).filter(Boolean).join('\n');
  const state =
    { pending: 'waiting', in_progress: 'running', complete: 'done', error: 'failed' }[b.status] ?? 'waiting';
  return h(
    'div',
    { class: `task-card task-${state}` },
    h('span', { class: 'task-mark', title: state }, h('span', { class: 'visually-hidden' }, state + ': ')),
    h('div', {}, h('p', { class: 'task-title' }, b.title ?? ''), text ? h('p', { class: 'task-text' }, text) : null),
  );
}
