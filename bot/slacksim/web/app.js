// Puts the page together: one store, one place, and the views that follow them.

import { Actions, serve } from './actions.js';
import { Announcer } from './announce.js';
import { Answers } from './answers.js';
import { setUpDialogs } from './dialogs.js';
import { Drawer } from './drawer.js';
import { Feed } from './feed.js';
import { Home } from './home.js';
import { setUpKeys } from './keys.js';
import { Nav } from './nav.js';
import { Sidebar } from './sidebar.js';
import { Store } from './store.js';
import { Switcher } from './switcher.js';
import { Thread } from './thread.js';
import { Timeline } from './timeline.js';
import { Topbar } from './topbar.js';
import { UI } from './ui.js';
import { Unread } from './unread.js';

class App {
  store = new Store();
  nav = new Nav(this.store);
  unread = new Unread(this);
  actions = new Actions(this);
  answers = new Answers(this);
  ui = new UI(this, serve);
  topbar = new Topbar(this);
  sidebar = new Sidebar(this);
  timeline = new Timeline(this);
  thread = new Thread(this);
  home = new Home(this);
  drawer = new Drawer(this);
  switcher = new Switcher(this);
  announcer = new Announcer(this);
  feed = new Feed(this.store, (on) => this.topbar.linked(on));

  start() {
    setUpDialogs();
    setUpKeys(this);
    this.store.subscribe((kind, detail) => this.#heard(kind, detail));
    this.nav.subscribe((before) => this.#moved(before));
    document.querySelector('[data-skip]').addEventListener('click', (event) => {
      event.preventDefault(); // the address holds the open channel
      this.timeline.focus();
    });
    addEventListener('focus', () => this.seen());
    document.addEventListener('visibilitychange', () => this.seen());
    this.feed.start();
  }

  /** draw asks every view for one drawing at the next frame. */
  draw() {
    this.topbar.draw();
    this.sidebar.draw();
    this.timeline.draw();
    this.thread.draw();
    this.home.draw();
    this.drawer.draw();
  }

  /** seen marks as read what stands before the reader's eyes. */
  seen() {
    if (document.hidden || !document.hasFocus() || !this.store.ready) return;
    const { nav, unread } = this;
    let changed = false;
    if (visible('timeline') && this.timeline.atBottom) changed = unread.see(nav.channelId);
    if (nav.threadTS && visible('thread') && this.thread.atBottom)
      changed = unread.see(nav.channelId, nav.threadTS) || changed;
    if (!changed) return;
    this.sidebar.draw();
    this.topbar.draw();
    this.timeline.draw();
  }

  focusComposer(place) {
    if (place === 'thread') this.thread.focus();
    else this.timeline.focus();
  }

  #heard(kind, detail) {
    if (kind === 'call') return this.drawer.draw();
    if (kind === 'state') {
      this.unread.begin();
      this.home.restart();
      this.nav.settle();
      document.body.classList.add('ready');
    }
    this.announcer.hear(kind, detail);
    this.answers.check();
    this.draw();
  }

  #moved(before) {
    const { nav } = this;
    document.body.classList.toggle('at-sidebar', nav.atSidebar);
    this.home.visit();
    if (before.channelId !== nav.channelId || before.me !== nav.me) this.ui.stopEdit();
    this.draw();
  }
}

function visible(id) {
  return document.getElementById(id).checkVisibility();
}

const app = new App();
app.start();
