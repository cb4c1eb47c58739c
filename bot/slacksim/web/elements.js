// The elements of blocks: what one can press or choose. The list they stand in acts on data-action and data-choose.

import { h, icon } from './dom.js';
import { link } from './mrkdwn.js';
import { plain } from './text.js';

/** unknown stands in the place of what this page cannot draw. */
export function unknown(type) {
  return h('p', { class: 'block-unknown' }, `This page does not draw “${type ?? 'untyped'}” blocks.`);
}

/** element draws one element. ctx: {store, ui, message}. */
export function element(e, ctx) {
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
    case 'overflow':
      return overflow(e, ctx);
    case 'static_select':
      return select(e);
    default:
      return unknown(e?.type);
  }
}

function button(e, ctx) {
  const label = plain(e.text);
  const style = e.style === 'primary' || e.style === 'danger' ? ` button-${e.style}` : '';
  const attrs = { class: 'button' + style, 'aria-label': e.accessibility_label, 'data-confirm': asking(e.confirm) };
  return e.url ? outside(e, attrs, label) : press(e.action_id, e.value, ctx, attrs, label);
}

// A link is followed by the browser; the app is told of it.
function outside(e, attrs, label) {
  const a = link(e.url, label, icon('out'));
  const told = a.matches('a') && e.action_id;
  const action = told ? { 'data-action': 'press', 'data-action-id': e.action_id, 'data-value': e.value ?? '' } : {};
  for (const [name, value] of Object.entries({ ...attrs, ...action })) if (value) a.setAttribute(name, value);
  return a;
}

function asking(confirm) {
  return confirm ? JSON.stringify(confirm) : null;
}

function overflow(e, ctx) {
  const attrs = { class: 'menu-item', 'data-confirm': asking(e.confirm) };
  return h(
    'details',
    { class: 'overflow' },
    h('summary', { class: 'icon-button', 'aria-label': 'More actions', title: 'More actions' }, icon('more')),
    h(
      'div',
      { class: 'overflow-menu' },
      (e.options ?? []).map((o) => {
        const label = plain(o.text);
        if (o.url) return outside({ ...o, action_id: e.action_id }, attrs, label);
        return press(e.action_id, o.value, ctx, attrs, label);
      }),
    ),
  );
}

function select(e) {
  const initial = e.initial_option?.value ?? '';
  const option = (o) => h('option', { value: o.value, selected: o.value === initial }, plain(o.text));
  const placeholder = plain(e.placeholder) || 'Choose';
  return h(
    'select',
    {
      class: 'select',
      'data-part': `select:${e.action_id}:${initial}`, // another choice of the app replaces the reader's
      'data-choose': e.action_id,
      'data-initial': initial,
      'data-confirm': asking(e.confirm),
      'aria-label': placeholder,
    },
    h('option', { value: '', disabled: true, selected: !initial }, placeholder),
    (e.options ?? []).map(option),
    (e.option_groups ?? []).map((g) => h('optgroup', { label: plain(g.label) }, (g.options ?? []).map(option))),
  );
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
