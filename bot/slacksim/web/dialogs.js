// The small windows: delete a message, confirm an action, choose a reaction, the list of keys.

import { h } from './dom.js';
import { emoji, QUICK } from './emoji.js';
import { renderContent } from './content.js';
import { plain, textObject } from './text.js';

const COLUMNS = 5; // of the reaction picker, dialog.css

/** confirmDelete asks before a message is deleted. */
export function confirmDelete(m, store) {
  const dialog = document.getElementById('confirm-delete');
  const ui = { pending: () => false, chosen: () => undefined };
  dialog.querySelector('.quote').replaceChildren(...renderContent(m, { store, ui, message: m }));
  return ask(dialog, 'delete');
}

/** confirmAction asks what the app wants asked: a confirm object of Block Kit. */
export function confirmAction(confirm, store) {
  const dialog = document.getElementById('confirm-action');
  const [deny, yes] = dialog.querySelectorAll('button');
  dialog.querySelector('h2').textContent = plain(confirm.title);
  dialog.querySelector('.confirm-text').replaceChildren(...textObject(confirm.text, store));
  deny.textContent = plain(confirm.deny);
  yes.textContent = plain(confirm.confirm);
  yes.className = `button ${confirm.style === 'danger' ? 'button-danger' : 'button-primary'}`;
  return ask(dialog, 'confirm');
}

function ask(dialog, yes) {
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === yes), { once: true });
  });
}

/** pickEmoji opens the reactions above a button and calls onPick with the name of the chosen one. */
export function pickEmoji(button, onPick) {
  const box = document.getElementById('emoji-picker');
  const pick = (code) => {
    box.hidePopover();
    onPick(code);
  };
  box.replaceChildren(
    ...QUICK.map((code) =>
      h(
        'button',
        {
          type: 'button',
          'aria-label': code.replaceAll('_', ' '),
          title: `:${code}:`,
          'data-testid': `pick-${code}`,
          onclick: () => pick(code),
        },
        emoji(code),
      ),
    ),
  );
  box.showPopover();
  const at = button.getBoundingClientRect();
  const size = box.getBoundingClientRect();
  box.style.left = `${Math.max(8, Math.min(at.right - size.width, innerWidth - size.width - 8))}px`;
  box.style.top = `${at.top - size.height - 6 > 8 ? at.top - size.height - 6 : at.bottom + 6}px`;
  box.firstElementChild.focus();
  box.onbeforetoggle = (event) => {
    if (event.newState !== 'closed' || !box.contains(document.activeElement)) return;
    button.closest('.message')?.focus(); // shows the toolbar, in which the button is
    button.focus();
  };
}

/** setUpDialogs attaches keys and buttons that every dialog shares. */
export function setUpDialogs() {
  const picker = document.getElementById('emoji-picker');
  picker.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS }[event.key];
    if (!step) return;
    const all = [...picker.children];
    all.at((all.indexOf(document.activeElement) + step + all.length) % all.length).focus();
    event.preventDefault();
  });
  for (const dialog of document.querySelectorAll('dialog')) {
    dialog.addEventListener('click', (event) => event.target === dialog && outside(dialog, event) && dialog.close());
  }
  document.addEventListener('click', (event) => closeMenus(event.target));
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && closeMenus(null)) event.stopPropagation();
  });
  for (const button of document.querySelectorAll('[data-opens]')) {
    button.addEventListener('click', () => document.getElementById(button.dataset.opens).showModal());
  }
}

// closeMenus closes the overflow menus that do not contain the element. It reports whether one was open.
function closeMenus(target) {
  const open = [...document.querySelectorAll('.overflow[open]')].filter((m) => !m.contains(target));
  for (const menu of open) {
    if (menu.contains(document.activeElement)) menu.querySelector('summary').focus();
    menu.open = false;
  }
  return open.length > 0;
}

// The backdrop belongs to the dialog too.
function outside(dialog, { clientX: x, clientY: y }) {
  const box = dialog.getBoundingClientRect();
  return x < box.left || x > box.right || y < box.top || y > box.bottom;
}
