// What a person does: post, edit, delete, react, press a button. Every failure becomes a notice.

import { api } from './api.js';
import { confirmAction, confirmDelete, pickEmoji } from './dialogs.js';
import { encode } from './encode.js';
import { toast } from './toast.js';

/** Actions performs what a person asked for, as the current speaker. */
export class Actions {
  #app;

  constructor(app) {
    this.#app = app;
  }

  get #me() {
    return this.#app.nav.me;
  }

  /** post sends typed text. It rejects with APIError. */
  async post(channel, threadTS, typed) {
    const { store, answers } = this.#app;
    const text = encode(typed, store);
    const forBot = store.channel(channel)?.im || store.mentionsBot({ text });
    if (forBot && !threadTS) answers.expect(channel, '');
    const { ts } = await api.post(this.#me, channel, threadTS, text);
    if (forBot && !threadTS) answers.expect(channel, ts);
    return ts;
  }

  /** command runs the slash command. It rejects with APIError. */
  command(channel, text) {
    return api.command(this.#me, channel, text);
  }

  edit({ channel, ts }, typed) {
    const { store, answers } = this.#app;
    const known = store.message(channel, ts);
    const text = encode(typed, store);
    if (!text || text === known?.text) return;
    const nowAsks = store.mentionsBot({ text }) && known && !store.mentionsBot(known);
    if (nowAsks && !known.thread_ts) answers.expect(channel, ts);
    return this.#try('Not edited', api.edit(this.#me, channel, ts, text));
  }

  async remove(m) {
    if (await confirmDelete(m, this.#app.store)) await this.#try('Not deleted', api.remove(this.#me, m.channel, m.ts));
  }

  /** react adds a reaction, or takes it back if it is there. */
  react(m, code) {
    const mine = (m.reactions?.[code] ?? []).includes(this.#me);
    return this.#try('No reaction', api[mine ? 'unreact' : 'react'](this.#me, m.channel, m.ts, code));
  }

  /** stop presses the Stop button of a message that is being streamed. */
  async stop(m) {
    const { ui } = this.#app;
    if (ui.pending(m, 'stop-streaming', '')) return;
    ui.setPending(m, 'stop-streaming', '', true);
    await this.#try('Not stopped', api.stopStreaming(this.#me, m.channel, m.ts));
    ui.setPending(m, 'stop-streaming', '', false);
  }

  /**
   * press presses a button of a message or of the Home. A press that is still under way is not repeated. It
   * reports whether the app has taken it.
   */
  async press(m, actionId, value, isChoice) {
    const { ui } = this.#app;
    if (ui.pending(m, actionId, value)) return false;
    const before = ui.chosen(m, actionId);
    ui.setPending(m, actionId, value, true);
    if (isChoice) ui.choose(m, actionId, value);
    const click = m.isHome
      ? api.clickHome(this.#me, actionId, value)
      : api.click(this.#me, m.channel, m.ts, actionId, value);
    const done = await this.#try('The button did nothing', click);
    if (isChoice && !done) ui.choose(m, actionId, before);
    ui.setPending(m, actionId, value, false);
    return done;
  }

  /** choose takes an option of a select, or puts the select back. */
  async choose(m, select) {
    const { choose, initial, confirm } = select.dataset;
    const wanted = !confirm || (await confirmAction(JSON.parse(confirm), this.#app.store));
    if (!wanted || !(await this.press(m, choose, select.value, false))) select.value = initial;
  }

  async #try(what, promise) {
    try {
      await promise;
      return true;
    } catch (err) {
      toast(`${what}: ${err.message}`);
      return false;
    }
  }
}

/** serve makes the buttons of a message list or of the Home work. place is "channel", "thread" or "home". */
export function serve(app, box, place) {
  const around = (element) => {
    if (place === 'home') return app.home.place;
    const row = element.closest('.message');
    const channel = row?.dataset.channel ?? app.nav.channelId;
    const ts = row?.dataset.ts ?? '';
    return app.store.message(channel, ts) ?? { channel, ts };
  };
  box.addEventListener('click', (event) => {
    const button = event.target.closest('[data-action]');
    if (!button || button.getAttribute('aria-disabled') === 'true') return;
    button.closest('details')?.removeAttribute('open');
    const asks = button.dataset.confirm;
    if (asks) event.preventDefault(); // of a link
    act(app, place, around(button), button, asks ? JSON.parse(asks) : null);
  });
  box.addEventListener('change', (event) => {
    const select = event.target.closest('[data-choose]');
    if (select) app.actions.choose(around(select), select);
  });
}

async function act(app, place, m, button, confirm) {
  const { actions, nav, store, ui } = app;
  const data = { ...button.dataset }; // the button may be drawn anew while the reader is asked
  if (confirm && !(await confirmAction(confirm, store))) return;
  if (confirm && button.href) open(button.href, '_blank', 'noopener,noreferrer');
  switch (data.action) {
    case 'open-thread':
    case 'reply-in-thread':
      nav.go(m.channel, m.ts);
      if (data.action === 'reply-in-thread') setTimeout(() => app.thread.focus(), 60);
      return;
    case 'edit-message':
      return ui.edit(m, place);
    case 'delete-message':
      return actions.remove(m);
    case 'add-reaction':
      return pickEmoji(button, (code) => actions.react(store.message(m.channel, m.ts) ?? m, code));
    case 'toggle-reaction':
      return actions.react(m, data.emoji);
    case 'stop-streaming':
      return actions.stop(m);
    case 'dismiss':
      return store.dismiss(m.channel, m.ts);
    case 'press':
      return actions.press(m, data.actionId, data.value, data.choice !== undefined);
    case 'copy-code':
      return copy(button);
    case 'example':
      return example(app, button);
    case 'open-dm':
      return nav.dm && nav.go(nav.dm.id);
    case 'open-simulator':
      return app.drawer.toggle(true);
    case 'type':
      return app.timeline.type(data.text);
  }
}

async function example({ actions, nav }, button) {
  button.setAttribute('aria-disabled', 'true'); // a double click asks once
  try {
    await actions.post(nav.channelId, '', button.dataset.text);
  } catch (err) {
    toast(`Not sent: ${err.message}`);
  }
  button.removeAttribute('aria-disabled');
}

async function copy(button) {
  const code = button.closest('.code-box').querySelector('code').textContent;
  try {
    await navigator.clipboard.writeText(code);
    toast('Copied', 'ok');
  } catch {
    toast('The browser does not allow copying here');
  }
}
