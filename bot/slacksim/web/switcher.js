// Ctrl+K: go to a channel or speak as another person, by a few letters.

import { avatar } from './avatar.js';
import { h, icon } from './dom.js';
import { displayName } from './mrkdwn.js';

/** Switcher is the "jump to" dialog. */
export class Switcher {
  #app;
  #dialog = document.getElementById('switcher');
  #input = document.getElementById('switcher-input');
  #list = document.getElementById('switcher-list');
  #found = [];
  #picked = 0;

  constructor(app) {
    this.#app = app;
    document.getElementById('switcher-open').addEventListener('click', () => this.open());
    this.#input.addEventListener('input', () => this.#draw());
    this.#input.addEventListener('keydown', (event) => this.#key(event));
    this.#list.addEventListener('click', (event) => {
      const option = event.target.closest('[role=option]');
      if (option) this.#take([...this.#list.children].indexOf(option));
    });
  }

  open() {
    if (this.#dialog.open) return;
    this.#input.value = '';
    this.#draw();
    this.#dialog.showModal();
    this.#input.focus();
  }

  #choices() {
    const { nav, store } = this.#app;
    const places = nav.places.map((c) => ({
      label: c.im ? store.bot.name : c.name,
      hint: c.im ? 'direct message' : 'channel',
      face: () => (c.im ? avatar(store.bot, true, 'small') : icon(c.private ? 'lock' : 'hash')),
      take: () => {
        nav.go(c.id);
        this.#app.timeline.focus();
      },
    }));
    const people = store.people
      .filter((p) => p.id !== nav.me)
      .map((p) => ({
        label: `Speak as ${displayName(p)}`,
        hint: '@' + p.name,
        face: () => avatar(p, false, 'small'),
        take: () => nav.speakAs(p.id),
      }));
    return [...places, ...people];
  }

  #draw() {
    const words = this.#input.value.toLowerCase().replace(/^[#@]/, '').split(/\s+/).filter(Boolean);
    this.#found = this.#choices().filter((c) => words.every((w) => `${c.label} ${c.hint}`.toLowerCase().includes(w)));
    this.#list.replaceChildren(
      ...this.#found.map((c, i) =>
        h(
          'li',
          { role: 'option', id: `switch-${i}`, class: 'menu-item' },
          c.face(),
          h('span', { class: 'menu-label' }, c.label),
          h('span', { class: 'menu-hint' }, c.hint),
        ),
      ),
    );
    if (this.#found.length === 0) this.#list.append(h('li', { class: 'muted' }, 'Nothing by that name.'));
    this.#pick(0);
  }

  #pick(i) {
    this.#picked = i;
    [...this.#list.children].forEach((el, at) => el.setAttribute('aria-selected', at === i ? 'true' : 'false'));
    this.#list.children[i]?.scrollIntoView({ block: 'nearest' });
    if (this.#found.length) this.#input.setAttribute('aria-activedescendant', `switch-${i}`);
    else this.#input.removeAttribute('aria-activedescendant');
  }

  #take(i) {
    const choice = this.#found[i];
    if (!choice) return;
    this.#dialog.close();
    choice.take();
  }

  #key(event) {
    const n = this.#found.length;
    if (event.key === 'ArrowDown' && n) this.#pick((this.#picked + 1) % n);
    else if (event.key === 'ArrowUp' && n) this.#pick((this.#picked - 1 + n) % n);
    else if (event.key === 'Enter') this.#take(this.#picked);
    else return;
    event.preventDefault();
  }
}
