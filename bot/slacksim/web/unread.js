// What each speaker has not seen yet. Kept for the life of the page only.

/** Unread counts messages behind the reader's marks. */
export class Unread {
  #app;
  #marks = new Map(); // me|channel|thread -> ts
  #start = null; // what was there when the page opened counts as read

  constructor(app) {
    this.#app = app;
  }

  /** begin takes the snapshot's newest message as the start of unread. Later calls do nothing. */
  begin() {
    if (this.#start !== null) return;
    const { store } = this.#app;
    this.#start = store.channels.map((c) => store.all(c.id).at(-1)?.ts ?? '').reduce((a, b) => (a > b ? a : b), '');
  }

  #mark(channel, thread) {
    return this.#marks.get([this.#app.nav.me, channel, thread].join('|')) ?? this.#start ?? '';
  }

  #news(list, channel, thread) {
    const mark = this.#mark(channel, thread);
    return list.filter((m) => m.ts > mark && m.user !== this.#app.nav.me && !m.deleted);
  }

  /** first returns the ts of the oldest unread message of a channel, or "". */
  first(channel) {
    return this.#news(this.#app.store.roots(channel), channel, '')[0]?.ts ?? '';
  }

  /** thread tells whether a thread that the reader takes part in has news. */
  thread(channel, rootTS) {
    const { store, nav } = this.#app;
    const replies = store.replies(channel, rootTS);
    return (
      replies.length > 0 && this.#news(replies, channel, rootTS).length > 0 && store.takesPart(channel, rootTS, nav.me)
    );
  }

  /** channel returns {count, personal}: unread messages, and those that are meant for the reader. */
  channel(channel) {
    const { store, nav } = this.#app;
    const news = this.#news(store.roots(channel), channel, '');
    const isDM = Boolean(store.channel(channel)?.im);
    const named = news.filter((m) => isDM || (m.text ?? '').includes(`<@${nav.me}`)).length;
    const threads = store.roots(channel).filter((m) => this.thread(channel, m.ts)).length;
    return { count: news.length + threads, personal: named + threads };
  }

  /** see marks the channel, or a thread of it, as read up to its newest message. It reports whether that changed anything. */
  see(channel, thread = '') {
    const { store, nav } = this.#app;
    const list = thread ? store.replies(channel, thread) : store.roots(channel);
    const newest = list.at(-1)?.ts;
    if (!newest || newest <= this.#mark(channel, thread)) return false;
    this.#marks.set([nav.me, channel, thread].join('|'), newest);
    return true;
  }
}
