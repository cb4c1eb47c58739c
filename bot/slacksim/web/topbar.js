// The top: workspace name, who speaks, and the banner that shows a lost connection.

import { avatar } from './avatar.js';
import { frame, h } from './dom.js';
import { displayName } from './mrkdwn.js';

const QUIET_MS = 900; // a shorter break is not worth a banner

/** Topbar shows the workspace and the speaker. */
export class Topbar {
  #app;
  #select = document.getElementById('speak-as');
  #face = document.getElementById('speak-as-face');
  #banner = document.getElementById('banner');
  #timer = 0;
  #people = '';
  draw = frame(() => this.#draw());

  constructor(app) {
    this.#app = app;
    this.#select.addEventListener('change', () => app.nav.speakAs(this.#select.value));
  }

  /** linked shows or hides the "reconnecting" banner. */
  linked(on) {
    clearTimeout(this.#timer);
    if (on) this.#banner.hidden = true;
    else this.#timer = setTimeout(() => (this.#banner.hidden = false), QUIET_MS);
  }

  #draw() {
    const { nav, store } = this.#app;
    document.getElementById('team').textContent = store.team.name;
    const people = JSON.stringify(store.people);
    if (people !== this.#people) {
      this.#people = people;
      this.#select.replaceChildren(
        ...store.people.map((p) => h('option', { value: p.id }, displayName(p) + (p.guest ? ' (guest)' : ''))),
      );
    }
    this.#select.value = nav.me;
    const me = store.person(nav.me);
    if (me) this.#face.replaceChildren(avatar(me, false, 'small'));
    this.#title();
  }

  #title() {
    const { nav, store, unread } = this.#app;
    const total = nav.places.reduce((sum, c) => sum + unread.channel(c.id).count, 0);
    const where = nav.channel?.im ? store.bot.name : nav.channel ? '#' + nav.channel.name : 'Slack';
    const title = `${total ? `(${total}) ` : ''}${where} | ${store.team.name}`;
    if (document.title !== title) document.title = title;
  }
}
