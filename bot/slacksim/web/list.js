// A scrolling list of messages that changes only the rows that changed.

import { h, icon, morph } from './dom.js';

const NEAR = 48; // px from the bottom that still count as "at the bottom"

/**
 * List shows items: {key, deps, render}. A row is drawn again when an entry of
 * deps is no longer the same. The reader's place is kept: pinned to the bottom
 * if they were there, else unmoved.
 */
export class List {
  #box;
  #inner;
  #jump;
  #rows = new Map();
  #pinned = true;
  #active = '';
  #onBottom;

  /** box is the scrolling element; onBottom is called when the reader reaches the bottom. */
  constructor(box, onBottom) {
    this.#box = box;
    this.#inner = h('div', { class: 'list' });
    this.#onBottom = onBottom;
    this.#jump = h(
      'button',
      { type: 'button', class: 'jump', hidden: true, onclick: () => this.toBottom() },
      icon('down'),
      h('span', {}, 'Newest'),
    );
    box.append(this.#inner, this.#jump);
    box.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#pinned && this.#scrollDown()).observe(this.#inner);
    new ResizeObserver(() => this.#pinned && this.#scrollDown()).observe(box);
    this.#inner.addEventListener('keydown', (event) => this.#keys(event));
    this.#inner.addEventListener('focusin', (event) => this.#activate(event.target.closest('.message')));
  }

  get atBottom() {
    return this.#pinned;
  }

  /** clear empties the list, for another channel or thread. */
  clear() {
    this.#rows.clear();
    this.#inner.replaceChildren();
    this.#pinned = true;
    this.#active = '';
    this.#jump.hidden = true;
  }

  /** sync makes the rows equal to items. */
  sync(items) {
    const wanted = new Set(items.map((i) => i.key));
    for (const [key, row] of this.#rows) {
      if (wanted.has(key)) continue;
      row.node.remove();
      this.#rows.delete(key);
    }
    let at = this.#inner.firstChild;
    let added = false;
    for (const item of items) {
      let row = this.#rows.get(item.key);
      if (!row) {
        row = { node: item.render(), deps: item.deps };
        row.node.dataset.key = item.key;
        this.#rows.set(item.key, row);
        added = true;
      } else if (!same(row.deps, item.deps)) {
        const wasAt = row.node === at;
        row.node = morph(row.node, item.render());
        row.node.dataset.key = item.key;
        row.deps = item.deps;
        if (wasAt) at = row.node;
      }
      if (row.node === at) at = at.nextSibling;
      else this.#inner.insertBefore(row.node, at);
    }
    this.#rove();
    if (this.#pinned) this.#scrollDown();
    else if (added) this.#jump.hidden = false;
  }

  /** toBottom scrolls to the newest message. */
  toBottom() {
    this.#pinned = true;
    this.#jump.hidden = true;
    this.#scrollDown();
  }

  /** focus puts the keyboard on the newest message. */
  focus() {
    this.#inner.querySelector('.message[tabindex="0"]')?.focus();
  }

  #scrollDown() {
    this.#box.scrollTop = this.#box.scrollHeight;
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#box;
    this.#pinned = scrollHeight - scrollTop - clientHeight < NEAR;
    if (!this.#pinned) return;
    this.#jump.hidden = true;
    this.#onBottom?.();
  }

  // One message of the list is in the tab order, the arrow keys move to the others.
  #rove() {
    const messages = [...this.#inner.querySelectorAll('.message')];
    const active = messages.find((m) => m.dataset.key === this.#active) ?? messages.at(-1);
    for (const m of messages) {
      const index = m === active ? '0' : '-1';
      if (m.getAttribute('tabindex') !== index) m.setAttribute('tabindex', index);
    }
  }

  #activate(message) {
    if (!message || message.dataset.key === this.#active) return;
    this.#active = message.dataset.key;
    this.#rove();
  }

  #keys(event) {
    if (!event.target.matches('.message') || event.ctrlKey || event.metaKey || event.altKey) return;
    const messages = [...this.#inner.querySelectorAll('.message')];
    const at = messages.indexOf(event.target);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: messages.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      messages[Math.max(0, Math.min(to, messages.length - 1))]?.focus();
      return;
    }
    const tool = { r: 'add-reaction', t: 'reply-in-thread', e: 'edit-message', Delete: 'delete-message' }[event.key];
    const button = tool && event.target.querySelector(`[data-action="${tool}"]`);
    if (!button) return;
    event.preventDefault();
    button.click();
  }
}

function same(a, b) {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
