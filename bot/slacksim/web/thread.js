// The right panel: one thread.

import { Composer } from './composer.js';
import { frame, h } from './dom.js';
import { List } from './list.js';
import { messageRows, statusRow, withEphemerals } from './rows.js';

/** Thread shows the thread of app.nav, or nothing. */
export class Thread {
  #app;
  #list;
  #composer;
  #panel = document.getElementById('thread');
  #shown = '';
  draw = frame(() => this.#draw());

  constructor(app) {
    this.#app = app;
    const box = document.getElementById('thread-list');
    this.#list = new List(box, () => app.seen());
    app.ui.serve(box, 'thread');
    this.#composer = new Composer(app, 'thread');
    document.getElementById('thread-foot').append(this.#composer.el);
    for (const button of this.#panel.querySelectorAll('[data-close-thread]')) {
      button.addEventListener('click', () => this.close());
    }
  }

  get open() {
    return !this.#panel.hidden;
  }

  get atBottom() {
    return this.open && this.#list.atBottom;
  }

  focus() {
    this.#composer.focus();
  }

  focusMessages() {
    this.#list.focus();
  }

  /** close closes the panel and returns the keyboard to the channel if it was here. */
  close() {
    const { nav } = this.#app;
    const hadFocus = this.#panel.contains(document.activeElement);
    nav.go(nav.channelId);
    if (hadFocus) this.#app.timeline.focus();
  }

  #draw() {
    const { store, nav } = this.#app;
    const root = nav.threadTS ? store.message(nav.channelId, nav.threadTS) : undefined;
    if (nav.threadTS && !root) {
      nav.go(nav.channelId, '', { replace: true });
      return;
    }
    this.#panel.hidden = !root;
    document.body.classList.toggle('has-thread', Boolean(root));
    if (!root) {
      this.#shown = '';
      return;
    }
    const place = nav.me + nav.channelId + nav.threadTS;
    if (place !== this.#shown) {
      this.#shown = place;
      this.#list.clear();
    }
    const channel = nav.channel;
    document.getElementById('thread-where').textContent = channel?.im ? store.bot.name : '#' + channel?.name;
    this.#composer.draw();
    const replies = store.replies(nav.channelId, nav.threadTS);
    const rest = withEphemerals(replies, store.ephemerals(nav.channelId, nav.threadTS, nav.me));
    const rows = messageRows(this.#app, [root], { place: 'thread' });
    if (rest.length) rows.push(countRow(replies.length));
    rows.push(...messageRows(this.#app, rest, { place: 'thread' }));
    const status = store.status(nav.channelId, nav.threadTS);
    if (status) rows.push(statusRow(this.#app, status, 'status'));
    this.#list.sync(rows);
    this.#app.seen();
  }
}

function countRow(n) {
  const text = n === 1 ? '1 reply' : `${n} replies`;
  return {
    key: 'count',
    deps: [n],
    render: () => h('div', { class: 'thread-count' }, h('span', {}, text)),
  };
}
