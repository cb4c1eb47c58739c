// Opens the thread of a question when the bot begins to answer in it.

const ONE_PANE = matchMedia('(max-width: 960px)'); // layout.css: the thread covers the channel

/** Answers waits for the bot's first sign of life after the last question of the reader. */
export class Answers {
  #app;
  #asked = null; // {me, channel, ts}

  constructor(app) {
    this.#app = app;
  }

  /** expect remembers a question. An empty ts drops the one before, whose thread must not open any more. */
  expect(channel, ts) {
    this.#asked = ts ? { me: this.#app.nav.me, channel, ts } : null;
    this.check();
  }

  /** check opens the thread if the answer has begun. It is called after every event. */
  check() {
    const asked = this.#asked;
    if (!asked) return;
    const { nav, store, timeline } = this.#app;
    if (nav.me !== asked.me || nav.channelId !== asked.channel) {
      this.#asked = null;
      return;
    }
    const begun =
      store.status(asked.channel, asked.ts) || store.replies(asked.channel, asked.ts).some((m) => store.isBot(m));
    if (!begun) return;
    this.#asked = null;
    if (ONE_PANE.matches && timeline.draft) return; // the thread would cover what is being written
    nav.go(asked.channel, asked.ts);
  }
}
