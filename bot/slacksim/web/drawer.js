// The "Simulator" drawer: switches that break Slack or the model, and what the bot does to Slack meanwhile.

import { api } from './api.js';
import { frame, h, morph } from './dom.js';
import { toast } from './toast.js';
import { Traffic } from './traffic.js';

const OPEN = 'bobbin-sim-drawer';
const FEATURES = new Set(['streaming', 'charts']); // switches that are no faults while they are on

/** Drawer shows the controls of the simulator and the traffic. */
export class Drawer {
  #app;
  #el = document.getElementById('simulator');
  #toggle = document.getElementById('simulator-toggle');
  #controls = document.getElementById('controls');
  #traffic;
  #busy = new Set();
  draw = frame(() => this.#draw());

  constructor(app) {
    this.#app = app;
    this.#traffic = new Traffic(app.store);
    this.#toggle.addEventListener('click', () => this.toggle());
    this.#el.querySelector('[data-close]').addEventListener('click', () => this.toggle(false));
    this.#controls.addEventListener('click', (event) => {
      const button = event.target.closest('[data-control]');
      if (button) this.#press(button.dataset.control);
    });
    this.#show(localStorage.getItem(OPEN) === 'yes' && innerWidth > 1100);
  }

  get open() {
    return !this.#el.hidden;
  }

  /** toggle opens or closes the drawer. */
  toggle(on = !this.open) {
    localStorage.setItem(OPEN, on ? 'yes' : 'no');
    const hadFocus = this.#el.contains(document.activeElement);
    this.#show(on);
    if (on) this.#el.querySelector('h2').focus();
    else if (hadFocus) this.#toggle.focus();
  }

  focus() {
    this.#el.querySelector('h2').focus();
  }

  #show(on) {
    this.#el.hidden = !on;
    this.#toggle.setAttribute('aria-expanded', on ? 'true' : 'false');
    document.body.classList.toggle('has-drawer', on);
    this.#traffic.watch(on);
    if (on) this.draw();
  }

  #draw() {
    const { store } = this.#app;
    const faults = store.controls.filter((c) => c.kind === 'toggle' && c.on && !FEATURES.has(c.id)).length;
    this.#toggle.classList.toggle('active-faults', faults > 0);
    if (!this.open) return;
    const n = store.sockets;
    const sockets = document.getElementById('sockets');
    sockets.textContent = n === 0 ? 'The bot is not connected' : n === 1 ? '1 live socket' : `${n} live sockets`;
    sockets.classList.toggle('live', n > 0);
    const groups = Map.groupBy(store.controls, (c) => c.group || 'Other');
    const next = h(
      'div',
      { id: 'controls' },
      [...groups].map(([name, list]) =>
        h(
          'section',
          { 'aria-label': name },
          h('h3', {}, name),
          list.map((c) => this.#control(c)),
        ),
      ),
    );
    morph(this.#controls, next);
    this.#traffic.draw();
  }

  #control(c) {
    const busy = this.#busy.has(c.id) ? 'true' : null;
    const common = {
      type: 'button',
      'data-control': c.id,
      'data-testid': `control-${c.id}`,
      'aria-describedby': c.help ? `help-${c.id}` : null,
      'aria-busy': busy,
    };
    const button =
      c.kind === 'toggle'
        ? h(
            'button',
            {
              ...common,
              class: 'switch',
              role: 'switch',
              'aria-checked': c.on ? 'true' : 'false',
              'aria-label': c.label,
            },
            h('span', { class: 'knob' }),
          )
        : h('button', { ...common, class: 'button', 'aria-label': c.label }, 'Run');
    return h(
      'div',
      { class: 'control' },
      h(
        'div',
        {},
        h('p', { class: 'control-label' }, c.label),
        c.help ? h('p', { class: 'control-help', id: `help-${c.id}` }, c.help) : null,
      ),
      button,
    );
  }

  async #press(id) {
    const { store } = this.#app;
    const control = store.controls.find((c) => c.id === id);
    if (!control || this.#busy.has(id)) return;
    this.#busy.add(id);
    const on = control.kind === 'toggle' ? !control.on : true;
    this.draw();
    try {
      await api.control(id, on);
      if (control.kind === 'toggle')
        store.apply('controls', { controls: store.controls.map((c) => (c.id === id ? { ...c, on } : c)) });
      else toast(`Done: ${control.label}`, 'ok');
    } catch (err) {
      toast(`${control.label}: ${err.message}`);
    } finally {
      this.#busy.delete(id);
      this.draw();
    }
  }
}
