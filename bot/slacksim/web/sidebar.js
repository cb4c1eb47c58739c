// The left side: channels, the bot's direct message, whether the bot is connected.

import { frame, h, icon, morph } from './dom.js';

/** Sidebar lists what the current person can open. */
export class Sidebar {
  #app;
  #list = document.getElementById('places');
  draw = frame(() => this.#draw());

  constructor(app) {
    this.#app = app;
    this.#list.addEventListener('click', (event) => {
      const button = event.target.closest('[data-place]');
      if (button) app.nav.go(button.dataset.place);
    });
    this.#list.addEventListener('keydown', (event) => this.#keys(event));
  }

  focus() {
    (this.#list.querySelector('[aria-current]') ?? this.#list.querySelector('button'))?.focus();
  }

  #draw() {
    const { nav, store } = this.#app;
    const channels = nav.places.filter((c) => !c.im);
    const next = h(
      'div',
      { id: 'places' },
      h('h2', { class: 'side-title' }, 'Channels'),
      h(
        'ul',
        {},
        channels.map((c) => this.#place(c)),
      ),
      h('h2', { class: 'side-title' }, 'Apps'),
      h('ul', {}, nav.dm ? this.#place(nav.dm) : null),
    );
    morph(this.#list, next);
    this.#list.setAttribute('data-sockets', store.sockets);
  }

  #place(c) {
    const { nav, store, unread } = this.#app;
    const { count, personal } = unread.channel(c.id);
    const current = c.id === nav.channelId;
    const label = c.im ? store.bot.name : c.name;
    return h(
      'li',
      {},
      h(
        'button',
        {
          type: 'button',
          class: count ? 'place unread' : 'place',
          'data-place': c.id,
          'data-testid': c.im ? 'dm-bobbin' : `channel-${c.name}`,
          'aria-current': current ? 'page' : null,
        },
        c.im ? this.#botFace() : icon(c.private ? 'lock' : 'hash'),
        h('span', { class: 'place-name' }, label),
        c.im && store.sockets === 0 ? h('span', { class: 'place-note' }, 'offline') : null,
        c.archived ? h('span', { class: 'place-note' }, 'archived') : null,
        personal ? h('span', { class: 'count', 'aria-label': `${personal} unread for you` }, String(personal)) : null,
        count && !personal ? h('span', { class: 'visually-hidden' }, `${count} unread`) : null,
      ),
    );
  }

  #botFace() {
    const live = this.#app.store.sockets > 0;
    return h(
      'span',
      { class: 'avatar avatar-bot tiny' },
      icon('bobbin', 'mark'),
      h('span', { class: live ? 'presence live' : 'presence' }),
    );
  }

  #keys(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.altKey) return;
    const all = [...this.#list.querySelectorAll('.place')];
    all.at((all.indexOf(document.activeElement) + step + all.length) % all.length)?.focus();
    event.preventDefault();
  }
}
