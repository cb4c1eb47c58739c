// Reading the data, again and again: every ten seconds while somebody looks, and
// with growing pauses while the bot does not answer.

const EVERY = 10_000;
const FIRST_RETRY = 2_000;
const LAST_RETRY = 60_000;
const TIMEOUT = 15_000;
const KEY = 'bobbin-token';

/**
 * A Feed calls onData(data), onLocked(wrong) when a token is needed, and
 * onTrouble(text, retryInMs) when a reading failed. At most one reading is
 * under way; asking for another period ends it.
 */
export class Feed {
  #days;
  #on;
  #timer = 0;
  #request = null;
  #failures = 0;
  #locked = false;

  constructor(days, on) {
    this.#days = days;
    this.#on = on;
    document.addEventListener('visibilitychange', () => (document.hidden ? this.#pause() : this.read()));
    addEventListener('online', () => this.read());
  }

  show(days) {
    this.#days = days;
    this.read();
  }

  unlock(token) {
    keep(token);
    this.#locked = false;
    this.read();
  }

  async read() {
    if (this.#locked) return;
    this.#pause();
    this.#request?.abort();
    const request = new AbortController();
    this.#request = request;
    const timeout = setTimeout(() => request.abort(), TIMEOUT);
    let wait = EVERY;
    try {
      const data = await ask(this.#days, request.signal);
      if (this.#request !== request) return;
      this.#failures = 0;
      this.#on.data(data);
    } catch (err) {
      if (this.#request !== request) return; // another reading took its place
      if (err instanceof Locked) {
        this.#locked = true;
        const wrong = kept() !== '';
        keep('');
        this.#on.locked(wrong);
        return;
      }
      wait = Math.min(FIRST_RETRY * 2 ** this.#failures++, LAST_RETRY);
      this.#on.trouble(err instanceof Refused ? err.message : 'The bot does not answer.', wait);
    } finally {
      clearTimeout(timeout);
    }
    if (!document.hidden) this.#timer = setTimeout(() => this.read(), wait);
  }

  #pause() {
    clearTimeout(this.#timer);
  }
}

class Locked extends Error {}
class Refused extends Error {}

async function ask(days, signal) {
  const token = kept();
  if (/[^\x21-\x7e]/.test(token)) throw new Locked(); // no header can carry it
  const headers = token ? { Authorization: 'Bearer ' + token } : {};
  const response = await fetch('dashboard.json?days=' + days, { headers, signal, cache: 'no-store', credentials: 'omit' });
  if (response.status === 401) throw new Locked();
  if (!response.ok) throw new Refused(`The bot says: ${(await response.text()).trim().slice(0, 300) || response.status}`);
  return response.json();
}

// A browser may forbid storage; the token then lasts until the page is left.
let memory = '';

function kept() {
  try {
    return sessionStorage.getItem(KEY) ?? '';
  } catch {
    return memory;
  }
}

function keep(token) {
  memory = token;
  try {
    if (token) sessionStorage.setItem(KEY, token);
    else sessionStorage.removeItem(KEY);
  } catch {
    // kept in memory
  }
}
