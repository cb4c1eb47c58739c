// Where the reader is: who speaks, which channel and thread are open, which tab of the app. The address bar holds it, so that
// the browser's back button and links work.

const SPEAKER = 'bobbin-sim-speak-as';

/** Nav is the reader's place. Change it by go and speakAs only. */
export class Nav {
  me = '';
  channelId = '';
  threadTS = '';
  tab = 'messages'; // or "home", in the direct message
  atSidebar = false; // only phones show the sidebar alone
  #store;
  #listeners = new Set();

  constructor(store) {
    this.#store = store;
    addEventListener('popstate', () => this.#read());
  }

  /** subscribe calls fn(before) after each change; before has the old me, channelId, threadTS, tab and atSidebar. */
  subscribe(fn) {
    this.#listeners.add(fn);
  }

  /** settle chooses the speaker and the place after a snapshot was loaded. */
  settle() {
    const wanted = this.me || new URLSearchParams(location.search).get('as') || sessionStorage.getItem(SPEAKER);
    const people = this.#store.people;
    this.me = (people.find((p) => p.id === wanted || p.name === wanted) ?? people[0])?.id ?? '';
    this.#read();
  }

  get channel() {
    return this.#store.channel(this.channelId);
  }

  get dm() {
    return this.#store.dmOf(this.me);
  }

  /** places are the channels that this person can open, in the order of the sidebar. */
  get places() {
    const channels = this.#store.channels.filter((c) => !c.im);
    return this.dm ? [...channels, this.dm] : channels;
  }

  /** go opens a channel, and a thread of it if threadTS is given. tab counts in the direct message only. */
  go(channelId, threadTS = '', { sidebar = false, replace = false, tab = 'messages' } = {}) {
    const hash = this.#hash(channelId, tab === 'home' ? tab : threadTS, sidebar);
    if (hash !== location.hash) history[replace ? 'replaceState' : 'pushState'](null, '', hash);
    this.#set({ channelId, threadTS, tab, atSidebar: sidebar });
  }

  /** speakAs changes the person. In a direct message it moves to that of the new person. */
  speakAs(id) {
    if (id === this.me || !this.#store.person(id)) return;
    sessionStorage.setItem(SPEAKER, id);
    const wasDM = this.channel?.im;
    const before = this.#snapshot();
    this.me = id;
    if (wasDM && this.dm) {
      this.channelId = this.dm.id;
      this.threadTS = '';
    }
    this.#tell(before);
  }

  /** step opens the previous (-1) or next (+1) channel. */
  step(by) {
    const at = this.places.findIndex((c) => c.id === this.channelId);
    const next = this.places.at((at + by + this.places.length) % this.places.length);
    if (next) this.go(next.id);
  }

  /** stepPerson speaks as the previous or next person. */
  stepPerson(by) {
    const people = this.#store.people;
    const at = people.findIndex((p) => p.id === this.me);
    this.speakAs(people.at((at + by + people.length) % people.length)?.id);
  }

  #hash(channelId, inside, sidebar) {
    if (sidebar) return '#/';
    const c = this.#store.channel(channelId);
    return '#/' + (c?.im ? '@bobbin' : (c?.name ?? '')) + (inside ? '/' + inside : '');
  }

  #read() {
    if (!this.#store.ready) return;
    const [, name = '', inside = ''] = decodeURIComponent(location.hash).split('/');
    const found = name.startsWith('@') ? this.dm : this.#store.channels.find((c) => !c.im && c.name === name);
    const channel = found ?? this.channel ?? this.places[0];
    const threadTS = this.#store.message(channel?.id, inside) ? inside : '';
    const tab = channel?.im && inside === 'home' ? 'home' : 'messages';
    this.#set({ channelId: channel?.id ?? '', threadTS, tab, atSidebar: location.hash === '#/' });
  }

  #snapshot() {
    const { me, channelId, threadTS, tab, atSidebar } = this;
    return { me, channelId, threadTS, tab, atSidebar };
  }

  #set(place) {
    const before = this.#snapshot();
    Object.assign(this, place);
    this.#tell(before);
  }

  #tell(before) {
    for (const fn of this.#listeners) fn(before);
  }
}
