// Text objects of Block Kit.

import { h } from './dom.js';
import { mrkdwn, unescape } from './mrkdwn.js';

/** plain returns the characters of a text object. */
export function plain(text) {
  return typeof text === 'string' ? text : unescape(text?.text ?? '');
}

/** textObject draws a text object. */
export function textObject(text, store) {
  if (!text) return [];
  return text.type === 'mrkdwn' ? mrkdwn(text.text, store) : [h('p', { class: 'plain' }, plain(text))];
}
