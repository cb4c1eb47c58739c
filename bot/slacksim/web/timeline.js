// The centre: the open channel with its header and composer.

import { Composer } from './composer.js';
import { frame, h, icon, morph } from './dom.js';
import { emptyRow } from './empty.js';
import { List } from './list.js';
import { messageRows, statusRow, withEphemerals } from './rows.js';

/** Timeline shows the channel of app.nav. */
export class Timeline {
  #app;
  #list;
  #composer;
  #header = document.getElementById('channel-header');
  #foot = document.getElementById('channel-foot');
  #shown = '';
  #firstNew = '';
  draw = frame(() => this.#draw());

  constructor(app) {
    this.#app = app;
    const box = document.getElementById('timeline');
    this.#list = new List(box, () => app.seen());
    app.ui.serve(box, 'channel');
    this.#composer = new Composer(app, 'channel');
    this.#foot.append(this.#composer.el);
  }

  get atBottom() {
    return this.#list.atBottom;
  }

  focus() {
    this.#composer.focus();
  }

  /** type puts text into the composer, ready to be sent. */
  type(text) {
    this.#composer.type(text);
  }

  focusMessages() {
    this.#list.focus();
  }

  /** draft tells whether the reader has begun to write here. */
  get draft() {
    return this.#composer.draft;
  }

  #draw() {
    const { store, nav, unread } = this.#app;
    const channel = nav.channel;
    if (!channel) return;
    const place = nav.me + channel.id;
    if (place !== this.#shown) {
      this.#shown = place;
      this.#list.clear();
      this.#firstNew = unread.first(channel.id);
    }
    this.#drawHeader(channel);
    this.#composer.draw();
    const roots = store.roots(channel.id);
    if (this.#firstNew && roots.findLast((m) => m.user === nav.me)?.ts > this.#firstNew) this.#firstNew = '';
    const messages = withEphemerals(roots, store.ephemerals(channel.id, '', nav.me));
    const rows = messageRows(this.#app, messages, { place: 'channel', firstNew: this.#firstNew });
    const status = store.status(channel.id, '');
    if (status) rows.push(statusRow(this.#app, status, 'status'));
    if (messages.length === 0) rows.unshift(emptyRow(this.#app, channel));
    this.#list.sync(rows);
    this.#app.seen();
  }

  #drawHeader(channel) {
    const { store, nav } = this.#app;
    const notes = [];
    if (channel.private) notes.push('private');
    if (channel.shared) notes.push('shared with another company');
    if (channel.archived) notes.push('archived');
    const title = channel.im ? store.bot.name : channel.name;
    const symbol = channel.im ? icon('bobbin', 'mark') : icon(channel.private ? 'lock' : 'hash');
    const note = channel.im ? 'No mention needed here' : notes.join(', ');
    const next = h(
      'header',
      { id: 'channel-header', class: 'pane-header' },
      h(
        'button',
        {
          type: 'button',
          class: 'icon-button back',
          'aria-label': 'Back to the channels',
          onclick: () => nav.go(nav.channelId, '', { sidebar: true }),
        },
        icon('back'),
      ),
      h('h2', {}, symbol, title, channel.im ? h('span', { class: 'badge' }, 'APP') : null),
      h('p', { class: 'header-note' }, note),
    );
    morph(this.#header, next); // the button stays under a click
  }
}
