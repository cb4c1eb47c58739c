// The square pictures beside names: initials on a colour for people, the thread bobbin for the bot.

import { h, icon } from './dom.js';
import { displayName } from './mrkdwn.js';

/** avatar draws a person (or the bot). size: "" (36 px), "small" (20 px) or "tiny" (18 px). */
export function avatar(person, bot, size = '') {
  if (bot) return h('span', { class: `avatar avatar-bot ${size}`, 'aria-hidden': 'true' }, icon('bobbin', 'mark'));
  return h(
    'span',
    { class: `avatar avatar-${person.colour ?? 0} ${size}`, 'aria-hidden': 'true' },
    initials(displayName(person)),
  );
}

function initials(name) {
  const words = name.split(/[\s._-]+/).filter(Boolean);
  const letters = words.length > 1 ? words[0][0] + words.at(-1)[0] : name.slice(0, 1);
  return letters.toUpperCase();
}
