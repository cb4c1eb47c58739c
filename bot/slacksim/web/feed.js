// The live connection: one snapshot, then events; a new snapshot whenever the stream drops.

const KINDS = ['message', 'delete', 'ephemeral', 'status', 'controls', 'sockets', 'home', 'call'];
const RETRY_MS = [250, 500, 1000, 2000, 3000];

/**
 * Feed keeps a store equal to the server. The browser's own EventSource retry
 * is not used: after a restart of the server the old sequence number means
 * nothing, so each reconnect begins with a fresh snapshot.
 */
export class Feed {
  #store;
  #onLink;
  #source = null;
  #tries = 0;
  #timer = 0;

  /** onLink is called with true once events flow and false when they stop. */
  constructor(store, onLink) {
    this.#store = store;
    this.#onLink = onLink;
  }

  async start() {
    try {
      const answer = await fetch('sim/state', { cache: 'no-store' });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      this.#store.load(await answer.json());
    } catch {
      this.#retry();
      return;
    }
    this.#listen();
  }

  #listen() {
    this.#source?.close();
    const source = new EventSource(`sim/events?since=${this.#store.seq}`);
    this.#source = source;
    source.onopen = () => {
      this.#tries = 0;
      this.#onLink(true);
    };
    source.onerror = () => {
      source.close();
      if (this.#source !== source) return;
      this.#source = null;
      this.#retry();
    };
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        if (event.lastEventId) this.#store.seq = Number(event.lastEventId);
        this.#store.apply(kind, JSON.parse(event.data));
      });
    }
  }

  #retry() {
    this.#onLink(false);
    const wait = RETRY_MS[Math.min(this.#tries++, RETRY_MS.length - 1)];
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(), wait);
  }
}
