// The app's Home: the view that it has published for the speaker, and the two tabs of its direct message.

import { api } from './api.js';
import { renderBlock } from './blocks.js';
import { frame, h, icon, morph } from './dom.js';
import { displayName } from './mrkdwn.js';

const TABS = [
  { id: 'home', label: 'Home' },
  { id: 'messages', label: 'Messages' },
];

/** Home shows the tabs, and the view while its tab is open. */
export class Home {
  #app;
  #tabs = document.getElementById('channel-tabs');
  #box = document.getElementById('home');
  #view = h('div', { class: 'home body' });
  #shown = '';
  #visited = ''; // the app was told of it
  draw = frame(() => this.#draw());

  constructor(app) {
    this.#app = app;
    app.ui.serve(this.#box, 'home');
    this.#tabs.addEventListener('click', (event) => {
      const tab = event.target.closest('[data-tab]')?.dataset.tab;
      if (tab) app.nav.go(app.nav.channelId, '', { tab });
    });
    this.#tabs.addEventListener('keydown', (event) => {
      if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
      const other = this.#tabs.querySelector('[aria-selected="false"]');
      other?.focus();
      other?.click();
    });
  }

  get open() {
    const { nav } = this.#app;
    return Boolean(nav.channel?.im) && nav.tab === 'home';
  }

  /** place stands for the view where the page otherwise has a message. */
  get place() {
    return { channel: '', ts: 'home:' + this.#app.nav.me, isHome: true };
  }

  focus() {
    this.#box.focus();
  }

  /** visit tells the app which of its tabs the speaker has opened, once for each opening. */
  async visit() {
    const { nav } = this.#app;
    const here = nav.channel?.im && !nav.atSidebar ? nav.me + nav.tab : '';
    if (here === this.#visited) return;
    this.#visited = here;
    if (!here) return;
    try {
      await (nav.tab === 'home' ? api.openHome(nav.me) : api.openMessages(nav.me));
    } catch {
      this.#visited = ''; // the banner says that the simulator is away
    }
  }

  /** restart takes a new snapshot: if a new simulator does not know the view, the app is told once more. */
  restart() {
    const { nav, store } = this.#app;
    if (this.open && !store.home(nav.me)) this.#visited = '';
  }

  #draw() {
    const { nav, store } = this.#app;
    const { open } = this;
    this.#tabs.hidden = !nav.channel?.im;
    this.#box.hidden = !open;
    document.getElementById('timeline').hidden = open;
    document.getElementById('channel-foot').hidden = open;
    if (nav.channel?.im) morph(this.#tabs, this.#drawTabs());
    if (!open) {
      this.#shown = '';
      this.#view.remove();
      return;
    }
    const ctx = { store, ui: this.#app.ui, message: this.place };
    const view = store.home(nav.me);
    const next = h('div', { class: 'home body' }, view ? view.blocks.map((b) => renderBlock(b, ctx)) : this.#empty());
    if (this.#shown !== nav.me) {
      this.#shown = nav.me;
      this.#view.replaceChildren();
      this.#box.replaceChildren(this.#view);
      this.#box.scrollTop = 0;
    }
    this.#view = morph(this.#view, next);
  }

  #drawTabs() {
    const { nav } = this.#app;
    return h(
      'div',
      { id: 'channel-tabs', class: 'tabs', role: 'tablist', 'aria-label': 'What the app shows' },
      TABS.map(({ id, label }) =>
        h(
          'button',
          {
            type: 'button',
            role: 'tab',
            class: 'tab',
            'data-tab': id,
            'data-testid': `${id}-tab`,
            'aria-selected': nav.tab === id ? 'true' : 'false',
            'aria-controls': id === 'home' ? 'home' : 'timeline',
            tabindex: nav.tab === id ? '0' : '-1',
          },
          label,
        ),
      ),
    );
  }

  #empty() {
    const { nav, store } = this.#app;
    const me = displayName(store.person(nav.me));
    return h(
      'div',
      { class: 'empty', 'data-testid': 'home-empty' },
      h('span', { class: 'avatar avatar-bot big' }, icon('bobbin', 'mark')),
      h('h3', {}, `${store.bot.name} has not published a Home for ${me}`),
      store.sockets
        ? h('p', {}, 'It has been told that you opened this tab. What it publishes appears here.')
        : h('p', {}, 'It is not connected. Once it is and publishes a view, that appears here.'),
    );
  }
}
