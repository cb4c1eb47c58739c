// The composer of a channel or a thread: drafts, sending, slash commands.

import { complete } from './completion.js';
import { h } from './dom.js';
import { InputBox } from './inputbox.js';

const SLOW_MS = 400; // after this a running command is shown as running

/** Composer writes to the open channel, or to the open thread. */
export class Composer {
  el;
  #app;
  #place;
  #box;
  #closed;
  #drafts = new Map();
  #key = '';

  /** place is "channel" or "thread". */
  constructor(app, place) {
    this.#app = app;
    this.#place = place;
    const inThread = place === 'thread';
    this.#box = new InputBox({
      label: 'Message',
      testid: inThread ? 'thread-composer' : 'composer',
      sendTestid: inThread ? 'thread-send' : 'send',
      complete: (text, caret) => complete(app, text, caret, !inThread),
      onSubmit: (text) => this.#submit(text),
      onUp: () => this.#editLast(),
      onInput: () => this.#drafts.set(this.#key, this.#box.value),
    });
    this.#closed = h(
      'p',
      { class: 'composer-closed', hidden: true },
      'This channel is archived. Nobody can write here.',
    );
    this.el = h('div', { class: 'composer' }, this.#box.el, this.#closed);
  }

  get draft() {
    return this.#box.value.trim() !== '';
  }

  focus() {
    this.#box.focus();
  }

  /** type replaces what is in the box, ready to be sent. */
  type(text) {
    this.#box.value = '';
    this.#box.insert(text);
  }

  get #target() {
    const { nav } = this.#app;
    return { channel: nav.channelId, thread: this.#place === 'thread' ? nav.threadTS : '' };
  }

  draw() {
    const { nav, store } = this.#app;
    const { channel, thread } = this.#target;
    const key = [nav.me, channel, thread].join('|');
    const c = store.channel(channel);
    const name = c?.im ? store.bot.name : '#' + c?.name;
    this.#box.label = thread ? 'Reply…' : `Message ${name}`;
    this.#box.el.hidden = Boolean(c?.archived);
    this.#closed.hidden = !c?.archived;
    if (key === this.#key) return;
    this.#key = key;
    this.#box.value = this.#drafts.get(key) ?? '';
    this.#box.notice('');
  }

  #submit(text) {
    const key = this.#key;
    this.#box.notice('');
    if (text.startsWith('/')) {
      this.#command(text.trim(), key);
      return;
    }
    const { channel, thread } = this.#target;
    this.#clear();
    this.#app.actions.post(channel, thread, text).catch((err) => this.#giveBack(key, text, `Not sent: ${err.message}`));
  }

  async #command(text, key) {
    const { actions, store } = this.#app;
    const [name, ...rest] = text.split(' ');
    if (this.#place === 'thread') {
      this.#box.notice(
        `Slash commands are not supported in threads. Mention the bot instead: @${store.bot.name} ${rest.join(' ') || 'help'}`,
      );
      return;
    }
    if (name !== store.command) {
      this.#box.notice(`${name} is not a command of this workspace. Try ${store.command} help.`);
      return;
    }
    this.#clear();
    const slow = setTimeout(() => this.#key === key && this.#box.notice(`${text} is running…`, 'info'), SLOW_MS);
    try {
      await actions.command(this.#target.channel, rest.join(' '));
      clearTimeout(slow);
      if (this.#key === key) this.#box.notice('');
    } catch (err) {
      clearTimeout(slow);
      this.#giveBack(key, text, `${name} failed with the error “${err.message}”`);
    }
  }

  #clear() {
    this.#drafts.delete(this.#key);
    this.#box.value = '';
  }

  // What could not be sent goes back into the box, unless the person has begun something new.
  #giveBack(key, text, notice) {
    if (!this.#drafts.get(key)) this.#drafts.set(key, text);
    if (key !== this.#key) return;
    if (this.#box.value === '') this.#box.value = text;
    this.#box.notice(notice);
  }

  #editLast() {
    const { nav, store, ui } = this.#app;
    const { channel, thread } = this.#target;
    const list = thread ? [store.message(channel, thread), ...store.replies(channel, thread)] : store.roots(channel);
    const own = list.findLast((m) => m && m.user === nav.me && !m.deleted);
    if (own) ui.edit(own, this.#place);
    return Boolean(own);
  }
}
