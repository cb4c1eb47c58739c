// Block Kit: the blocks that Bobbin uses, drawn as Slack draws them. Buttons carry data-action, the list they stand in acts.

import { h, icon } from './dom.js';
import { markdown } from './markdown.js';
import { inline, link, mrkdwn, unescape } from './mrkdwn.js';

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
  rich_text: (b) => h('p', { class: 'plain' }, richText(b)),
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
  'plan',
  'task_card',
]);

/** renderBlock draws one block. ctx: {store, ui, message}. */
export function renderBlock(block, ctx) {
  const draw = RENDER[block?.type];
  return draw ? draw(block, ctx) : unknown(block?.type);
}

function unknown(type) {
  return h('p', { class: 'block-unknown' }, `This page does not draw “${type ?? 'untyped'}” blocks.`);
}

/** plain returns the characters of a text object. */
function plain(text) {
  return typeof text === 'string' ? text : unescape(text?.text ?? '');
}

function textObject(text, ctx) {
  if (!text) return [];
  return text.type === 'mrkdwn' ? mrkdwn(text.text, ctx.store) : [h('p', { class: 'plain' }, plain(text))];
}

function section(b, ctx) {
  const fields = b.fields?.length
    ? h(
        'div',
        { class: 'block-fields' },
        b.fields.map((f) => h('div', {}, textObject(f, ctx))),
      )
    : null;
  const body = h('div', { class: 'block-section-text' }, textObject(b.text, ctx), fields);
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

function table(b) {
  const [head, ...rows] = (b.rows ?? []).map((row) => row.map(richText));
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

// Of rich text only the characters are shown. A table's cell is raw_text or rich_text.
function richText(node) {
  if (typeof node?.text === 'string') return node.text;
  return (node?.elements ?? []).map(richText).join('');
}

// A step of a streamed answer. docs.slack.dev/reference/block-kit/blocks/task-card-block
function task(b) {
  const text = [b.details, b.output].map(richText).filter(Boolean).join('\n');
  const state =
    { pending: 'waiting', in_progress: 'running', complete: 'done', error: 'failed' }[b.status] ?? 'waiting';
  return h(
    'div',
    { class: `task-card task-${state}` },
    h('span', { class: 'task-mark', title: state }, h('span', { class: 'visually-hidden' }, state + ': ')),
    h('div', {}, h('p', { class: 'task-title' }, b.title ?? ''), text ? h('p', { class: 'task-text' }, text) : null),
  );
}

function element(e, ctx) {
  switch (e?.type) {
    case 'button':
      return button(e, ctx);
    case 'feedback_buttons':
      return h(
        'span',
        { class: 'feedback', role: 'group', 'aria-label': 'Rate this answer' },
        feedback(e, e.positive_button, 'up', ctx),
        feedback(e, e.negative_button, 'down', ctx),
      );
    case 'icon_button': {
      const label = e.accessibility_label || plain(e.text) || e.icon;
      return press(
        e.action_id,
        e.value,
        ctx,
        { class: 'icon-button', 'aria-label': label, title: label },
        icon(e.icon === 'trash' ? 'trash' : 'dot'),
      );
    }
    case 'image':
      return h('span', { class: 'block-image' }, icon('file'), e.alt_text ?? '');
    default:
      return unknown(e?.type);
  }
}

function button(e, ctx) {
  const label = plain(e.text);
  const style = e.style === 'primary' || e.style === 'danger' ? ` button-${e.style}` : '';
  if (e.url) {
    const a = link(e.url, label, icon('out'));
    a.classList.add('button');
    if (style) a.classList.add(style.trim());
    return a;
  }
  return press(e.action_id, e.value, ctx, { class: 'button' + style, 'aria-label': e.accessibility_label }, label);
}

function feedback(e, choice, side, ctx) {
  if (!choice) return null;
  const chosen = ctx.ui.chosen(ctx.message, e.action_id) === (choice.value ?? '');
  const label = choice.accessibility_label || plain(choice.text);
  const attrs = {
    class: 'icon-button' + (chosen ? ' chosen' : ''),
    'aria-pressed': chosen ? 'true' : 'false',
    'aria-label': label,
    title: plain(choice.text) || label,
    'data-testid': `feedback-${side}`,
    'data-choice': true,
  };
  return press(e.action_id, choice.value, ctx, attrs, icon(`thumb-${side}`));
}

// A pending button stays focusable: aria-disabled, not disabled.
function press(actionId, value, ctx, attrs, ...label) {
  const pending = ctx.ui.pending(ctx.message, actionId, value ?? '');
  return h(
    'button',
    {
      type: 'button',
      'data-action': 'press',
      'data-action-id': actionId,
      'data-value': value ?? '',
      'aria-disabled': pending ? 'true' : null,
      'aria-busy': pending ? 'true' : null,
      ...attrs,
    },
    label,
  );
}
