// What people thought of answers. Never what was said.

import { external, fill, h, icon } from './dom.js';
import { at, count, percent, share } from './format.js';
import { bar, empty } from './tables.js';

const SHOWN = 30;

export function renderFeedback(root, data) {
  const f = data.feedback;
  const recent = (f.recent ?? []).slice(0, SHOWN);
  if (f.up + f.down === 0 && recent.length === 0) {
    return fill(root, empty('Fills when people press the thumbs under an answer.'));
  }
  const channels = new Map((data.channels ?? []).map((c) => [c.id, c.name]));
  fill(root,
    h('div', { class: 'verdicts' },
      h('p', null, icon('up'), h('strong', null, count(f.up)), h('span', { class: 'visually-hidden' }, ' thumbs up')),
      bar(f.up, f.up + f.down, 'thick split'),
      h('p', null, icon('down'), h('strong', null, count(f.down)), h('span', { class: 'visually-hidden' }, ' thumbs down')),
      h('p', { class: 'quiet' }, percent(share(f.up, f.up + f.down)) + ' liked')),
    h('ul', { class: 'feedback' }, recent.map((v) => h('li', { class: v.verdict < 0 ? 'down' : 'up' },
      icon(v.verdict < 0 ? 'down' : 'up'),
      h('span', { class: 'visually-hidden' }, v.verdict < 0 ? 'Thumbs down' : 'Thumbs up'),
      h('div', { class: 'feedback-who' },
        h('span', { class: 'name' }, v.user || v.user_id, h('span', { class: 'quiet' }, ' in ' + (channels.get(v.channel_id) || v.channel_id))),
        h('span', { class: 'quiet small' }, [at(v.at), v.provider && `${v.provider} / ${v.model}`].filter(Boolean).join(' · '))),
      link(v)))));
}

/** link opens the message in Slack. */
function link(v) {
  const to = external(v.link);
  return to && h('a', { class: 'open', ...to, 'aria-label': `Open in Slack: ${at(v.at)}` }, 'Slack', icon('out'));
}
