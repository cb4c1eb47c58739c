// Reads new messages to screen readers: each once, and an answer only when it is complete.

import { displayName } from './mrkdwn.js';
import { renderContent } from './content.js';

const QUIET_MS = 2500; // an edited answer counts as complete after this long without a change
const LONGEST = 600; // characters

/** Announcer speaks through the page's live region. */
export class Announcer {
  #app;
  #region = document.getElementById('live');
  #timers = new Map();
  #said = new Set();

  constructor(app) {
    this.#app = app;
  }

  /** hear takes an event of the store. */
  hear(kind, detail) {
    const { store, nav } = this.#app;
    if (kind === 'status') {
      if (detail.status && detail.channel === nav.channelId)
        this.#once('status' + detail.channel + detail.thread_ts, `${store.bot.name} ${detail.status}`);
      return;
    }
    if (kind !== 'message' && kind !== 'ephemeral') return;
    const m = detail.message;
    if (!m.user || m.channel !== nav.channelId || m.user === nav.me) return;
    if (kind === 'ephemeral' && m.ephemeral_to !== nav.me) return;
    this.#later(m, store.isBot(m) && kind === 'message' ? QUIET_MS : 0);
  }

  #later(m, wait) {
    clearTimeout(this.#timers.get(m.ts));
    if (m.streaming_state === 'in_progress') return;
    this.#timers.set(
      m.ts,
      setTimeout(() => {
        this.#timers.delete(m.ts);
        const { store } = this.#app;
        const author = store.isBot(m) ? store.bot : store.person(m.user);
        this.#once(m.ts, `${displayName(author)}: ${this.#words(m)}`);
      }, wait),
    );
  }

  #words(m) {
    const { store } = this.#app;
    const ui = { pending: () => false, chosen: () => undefined };
    const text = renderContent(m, { store, ui, message: m })
      .map((n) => n.querySelector('[role=img]')?.getAttribute('aria-label') ?? n.textContent)
      .join(' ')
      .trim();
    return text.length > LONGEST ? text.slice(0, LONGEST) + '… and more' : text;
  }

  #once(key, text) {
    if (this.#said.has(key)) return;
    this.#said.add(key);
    this.#region.append(Object.assign(document.createElement('p'), { textContent: text }));
    while (this.#region.children.length > 5) this.#region.firstChild.remove();
  }
}
