// The keys that work everywhere. index.html lists them in the help dialog.

const TYPING = 'input, textarea, select';

/** setUpKeys attaches the page's shortcuts. */
export function setUpKeys(app) {
  addEventListener('keydown', (event) => {
    const run = shortcut(app, event);
    if (!run) return;
    event.preventDefault();
    run();
  });
}

function shortcut(app, event) {
  const { nav, switcher, drawer } = app;
  const command = event.ctrlKey || event.metaKey;
  if (command && !event.shiftKey && event.key.toLowerCase() === 'k') return () => switcher.open();
  if (command && event.key === '.') return () => drawer.toggle();
  if (document.querySelector('dialog[open], [popover]:popover-open')) return null;
  if (event.altKey && !command && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
    const by = event.key === 'ArrowUp' ? -1 : 1;
    return () => (event.shiftKey ? nav.stepPerson(by) : nav.step(by));
  }
  if (event.key === '?' && !event.target.matches(TYPING)) return () => document.getElementById('help').showModal();
  if (event.key === 'F6') return () => nextPane(app, event.shiftKey ? -1 : 1);
  if (event.key === 'Escape') return () => escape(app);
  return null;
}

// Closes one thing at a time: the editor, the thread, the drawer.
function escape({ ui, thread, drawer }) {
  if (ui.stopEdit()) return;
  if (thread.open) thread.close();
  else if (drawer.open) drawer.toggle(false);
}

function nextPane(app, by) {
  const panes = [
    { el: document.getElementById('sidebar'), focus: () => app.sidebar.focus() },
    { el: document.getElementById('timeline'), focus: () => app.timeline.focusMessages() },
    { el: document.getElementById('home'), focus: () => app.home.focus() },
    { el: document.getElementById('channel-foot'), focus: () => app.timeline.focus() },
    { el: document.getElementById('thread-list'), focus: () => app.thread.focusMessages() },
    { el: document.getElementById('thread-foot'), focus: () => app.thread.focus() },
    { el: document.getElementById('simulator'), focus: () => app.drawer.focus() },
  ].filter((p) => p.el.checkVisibility());
  const at = panes.findIndex((p) => p.el.contains(document.activeElement));
  panes.at((at + by + panes.length) % panes.length).focus();
}
