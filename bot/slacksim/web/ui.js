// What the page remembers beside the workspace: buttons in flight, chosen ratings, the message being edited.

import { h } from './dom.js';
import { decode } from './encode.js';
import { InputBox } from './inputbox.js';
import { complete } from './completion.js';

/** UI holds state of single messages. version(m) changes when a row must be drawn again for it. */
export class UI {
  #app;
  #serve;
  #pending = new Set();
  #chosen = new Map();
  #versions = new Map();
  #editing = null; // {channel, ts, place, box}

  /** serve(app, box, place) attaches the actions of message buttons to a list. */
  constructor(app, serve) {
    this.#app = app;
    this.#serve = serve;
  }

  serve(box, place) {
    this.#serve(this.#app, box, place);
  }

  version(m) {
    return this.#versions.get(m.channel + m.ts) ?? 0;
  }

  #changed({ channel, ts }) {
    const key = channel + ts;
    this.#versions.set(key, (this.#versions.get(key) ?? 0) + 1);
    this.#app.draw();
  }

  pending(m, actionId, value) {
    return this.#pending.has([m.channel, m.ts, actionId, value].join('|'));
  }

  setPending(m, actionId, value, on) {
    this.#pending[on ? 'add' : 'delete']([m.channel, m.ts, actionId, value].join('|'));
    this.#changed(m);
  }

  /** chosen returns the value of the rating that the current person gave, or undefined. */
  chosen(m, actionId) {
    return this.#chosen.get([this.#app.nav.me, m.channel, m.ts, actionId].join('|'));
  }

  choose(m, actionId, value) {
    this.#chosen.set([this.#app.nav.me, m.channel, m.ts, actionId].join('|'), value);
    this.#changed(m);
  }

  isEditing(m, place) {
    const e = this.#editing;
    return Boolean(e) && e.channel === m.channel && e.ts === m.ts && e.place === place;
  }

  /** edit opens the editor of an own message in the given list. */
  edit(m, place) {
    this.stopEdit();
    this.#editing = { channel: m.channel, ts: m.ts, place, text: m.text, box: null };
    this.#changed(m);
  }

  /** stopEdit closes the editor. It reports whether one was open. */
  stopEdit() {
    const e = this.#editing;
    if (!e) return false;
    this.#editing = null;
    this.#changed(e);
    return true;
  }

  /** editorFor returns the editor's element, or nothing when it already stands in the page. */
  editorFor() {
    const e = this.#editing;
    if (e.box?.el.isConnected) return null;
    e.box = new InputBox({
      label: 'Edit message',
      testid: 'editor',
      value: decode(e.text ?? '', this.#app.store),
      complete: (text, caret) => complete(this.#app, text, caret, false),
      submitLabel: 'Save',
      onSubmit: (text) => this.#save(e, text),
      onCancel: () => this.#close(e),
    });
    requestAnimationFrame(() => e.box.focus());
    return h('div', { class: 'editor-box' }, e.box.el);
  }

  #close(e) {
    this.stopEdit();
    this.#app.focusComposer(e.place);
  }

  async #save(e, text) {
    const { actions } = this.#app;
    this.#close(e);
    await actions.edit(e, text);
  }
}
