// A text box that grows, sends on Enter and offers completions.

import { avatar } from './avatar.js';
import { h, icon } from './dom.js';

const MAX_HEIGHT = 220; // px
let boxes = 0;

/** InputBox is one text box with its menu, buttons and notice line. */
export class InputBox {
  el;
  #area;
  #menu;
  #notice;
  #send;
  #options;
  #offers = null;
  #picked = 0;

  /**
   * options: label, testid, sendTestid, value, submitLabel, complete(text, caret),
   * onSubmit(text), onCancel() (shows a Cancel button), onUp() for ArrowUp in an
   * empty box, onInput().
   */
  constructor(options) {
    this.#options = options;
    const id = `box-${++boxes}`;
    this.#area = h('textarea', {
      rows: 1,
      'aria-label': options.label,
      'data-testid': options.testid,
      'aria-autocomplete': 'list',
      'aria-controls': id,
      autocomplete: 'off',
      spellcheck: 'true',
      enterkeyhint: 'send',
    });
    this.#area.value = options.value ?? '';
    this.#menu = h('ul', { id, class: 'menu', role: 'listbox', 'aria-label': 'Suggestions', hidden: true });
    this.#notice = h('p', { class: 'notice', role: 'alert' });
    this.#send = this.#submitButton();
    this.el = h(
      'div',
      { class: 'input-box' },
      this.#menu,
      h('div', { class: 'input-frame' }, this.#area, this.#buttons()),
      this.#notice,
    );
    this.#area.addEventListener('input', () => this.#typed());
    this.#area.addEventListener('keydown', (event) => this.#key(event));
    this.#area.addEventListener('blur', () => setTimeout(() => this.#close(), 120));
    this.#area.addEventListener('click', () => this.#offer());
    let width = 0; // the height follows the width, which is 0 until the box stands in the page
    new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width !== width) this.#fit();
      width = contentRect.width;
    }).observe(this.#area);
  }

  #submitButton() {
    const { submitLabel, sendTestid } = this.#options;
    if (submitLabel) {
      return h(
        'button',
        { type: 'button', class: 'button button-primary', 'data-testid': 'save-edit', onclick: () => this.#submit() },
        submitLabel,
      );
    }
    return h(
      'button',
      {
        type: 'button',
        class: 'send',
        'data-testid': sendTestid,
        'aria-label': 'Send',
        title: 'Send (Enter)',
        onclick: () => this.#submit(),
      },
      icon('send'),
    );
  }

  #buttons() {
    const { onCancel } = this.#options;
    if (onCancel) {
      return h(
        'div',
        { class: 'input-buttons' },
        h('button', { type: 'button', class: 'button', onclick: onCancel }, 'Cancel'),
        this.#send,
      );
    }
    const at = h(
      'button',
      {
        type: 'button',
        class: 'icon-button',
        'aria-label': 'Mention someone',
        title: 'Mention someone',
        onclick: () => this.insert('@'),
      },
      icon('at'),
    );
    return h(
      'div',
      { class: 'input-buttons' },
      at,
      h(
        'span',
        { class: 'input-hint', 'aria-hidden': 'true' },
        h('b', {}, 'Enter'),
        ' sends, ',
        h('b', {}, 'Shift Enter'),
        ' new line',
      ),
      this.#send,
    );
  }

  get value() {
    return this.#area.value;
  }

  set value(text) {
    this.#area.value = text;
    this.#fit();
    this.#close();
  }

  set label(text) {
    this.#area.placeholder = text;
    this.#area.setAttribute('aria-label', text);
  }

  focus() {
    this.#area.focus();
    this.#area.setSelectionRange(this.value.length, this.value.length);
  }

  /** insert types text at the caret. */
  insert(text) {
    const { selectionStart: from, selectionEnd: to, value } = this.#area;
    const space = from > 0 && text === '@' && !/\s$/.test(value.slice(0, from)) ? ' ' : '';
    this.#area.setRangeText(space + text, from, to, 'end');
    this.#area.focus();
    this.#typed();
  }

  /** notice shows a line under the box; "" clears it. kind: "error" or "info". */
  notice(text, kind = 'error') {
    this.#notice.textContent = text;
    this.#notice.dataset.kind = kind;
  }

  #typed() {
    this.#fit();
    this.#offer();
    this.notice('');
    this.#options.onInput?.();
  }

  #fit() {
    this.#area.style.height = 'auto';
    this.#area.style.height = `${Math.min(this.#area.scrollHeight, MAX_HEIGHT)}px`;
    this.#send.classList.toggle('ready', this.value.trim() !== '');
  }

  #submit() {
    if (this.value.trim() === '') return;
    this.#close();
    this.#options.onSubmit(this.value);
  }

  #key(event) {
    if (event.isComposing) return;
    if (this.#offers && this.#menuKey(event)) {
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    const plain = !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
    if (event.key === 'Enter' && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === 'ArrowUp' && plain && this.value === '' && this.#options.onUp?.()) {
      event.preventDefault();
    } else if (event.key === 'Escape' && this.#options.onCancel) {
      event.stopPropagation();
      this.#options.onCancel();
    }
  }

  get #typedWord() {
    return this.value.slice(this.#offers.from, this.#area.selectionStart).toLowerCase();
  }

  // Enter on a name or command that is already complete sends it.
  #menuKey(event) {
    const { items } = this.#offers;
    switch (event.key) {
      case 'ArrowDown':
        return this.#pick((this.#picked + 1) % items.length);
      case 'ArrowUp':
        return this.#pick((this.#picked - 1 + items.length) % items.length);
      case 'Enter':
        if (event.shiftKey || items.some((i) => i.insert.trim() === this.#typedWord)) return false;
        return this.#take(items[this.#picked]);
      case 'Tab':
        return event.shiftKey ? false : this.#take(items[this.#picked]);
      case 'Escape':
        return this.#close();
    }
    return false;
  }

  #offer() {
    const { selectionStart, selectionEnd } = this.#area;
    const found = selectionStart === selectionEnd ? this.#options.complete?.(this.value, selectionStart) : null;
    if (!found) {
      this.#close();
      return;
    }
    this.#offers = found;
    this.#menu.replaceChildren(...found.items.map((item, i) => this.#option(item, i)));
    this.#menu.hidden = false;
    this.#pick(0);
  }

  #option(item, i) {
    const face = item.user ? avatar(item.user, item.hint === 'app', 'small') : null;
    const option = h(
      'li',
      { role: 'option', id: `${this.#menu.id}-${i}`, class: 'menu-item' },
      face,
      h('span', { class: 'menu-label' }, item.label),
      h('span', { class: 'menu-hint' }, item.hint),
    );
    // mousedown, not click: the box must not lose the focus.
    option.addEventListener('mousedown', (event) => {
      event.preventDefault();
      this.#take(item);
    });
    return option;
  }

  #pick(i) {
    this.#picked = i;
    [...this.#menu.children].forEach((el, at) => el.setAttribute('aria-selected', at === i ? 'true' : 'false'));
    this.#area.setAttribute('aria-activedescendant', `${this.#menu.id}-${i}`);
    return true;
  }

  #take(item) {
    this.#area.setRangeText(item.insert, this.#offers.from, this.#area.selectionStart, 'end');
    this.#close();
    this.#fit();
    this.#options.onInput?.();
    return true;
  }

  #close() {
    this.#offers = null;
    this.#menu.hidden = true;
    this.#area.removeAttribute('aria-activedescendant');
    return true;
  }
}
