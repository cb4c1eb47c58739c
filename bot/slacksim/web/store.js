// What the page knows of the workspace: the last /sim/state plus every event since.

const CALLS_KEPT = 600;
const COLOURS = 8; // of avatars, theme.css

/**
 * Store holds the workspace. Messages are replaced, never changed in place, so
 * a view can tell by identity whether one of them is new.
 */
export class Store {
  ready = false;
  team = { id: '', name: '' };
  bot = { id: '', name: 'bobbin' };
  command = '/bobbin';
  people = [];
  channels = [];
  controls = [];
  sockets = 0;
  agentView = false; // streaming messages have a Stop button
  seq = 0;
  calls = [];
  #messages = new Map(); // channel -> Map(ts -> message)
  #ephemerals = new Map(); // channel -> Map(ts -> message)
  #statuses = new Map(); // channel -> Map(thread_ts -> status)
  #homes = new Map(); // user -> the view of the app's Home
  #indexes = new Map(); // channel -> index, dropped when a message changes
  #listeners = new Set();

  /** subscribe calls fn(kind, detail) after each change. Kinds: "state" and the names of the events. */
  subscribe(fn) {
    this.#listeners.add(fn);
  }

  #tell(kind, detail) {
    for (const fn of this.#listeners) fn(kind, detail);
  }

  /** load replaces everything by a /sim/state answer. */
  load(state) {
    this.ready = true;
    this.team = state.team ?? this.team;
    const bot = state.bot ?? this.bot;
    this.bot = { ...bot, real_name: bot.name }; // an app has one name
    this.command = state.command || this.command;
    this.people = (state.people ?? []).map((p, i) => ({ ...p, colour: i % COLOURS }));
    this.channels = state.channels ?? [];
    this.controls = state.controls ?? [];
    this.sockets = state.sockets ?? 0;
    this.agentView = state.agent_view ?? false;
    this.seq = state.seq ?? 0;
    this.#messages = new Map();
    this.#ephemerals = new Map();
    this.#statuses = new Map();
    this.#homes = new Map(Object.entries(state.homes ?? {}));
    this.#indexes = new Map();
    for (const [channel, list] of Object.entries(state.messages ?? {})) {
      for (const m of list ?? []) if (!m.deleted) put(this.#messages, m.channel || channel, m.ts, m);
    }
    for (const m of state.ephemerals ?? []) put(this.#ephemerals, m.channel, m.ts, m);
    for (const s of state.statuses ?? []) {
      if (s.status) put(this.#statuses, s.channel, s.thread_ts, s.status);
    }
    this.#tell('state', {});
  }

  /** apply takes one event of /sim/events. */
  apply(kind, data) {
    switch (kind) {
      case 'message': {
        const m = data.message;
        if (m.deleted) return this.apply('delete', m);
        const known = this.#messages.get(m.channel)?.get(m.ts);
        put(this.#messages, m.channel, m.ts, m);
        this.#indexes.delete(m.channel);
        this.#tell('message', { message: m, isNew: !known });
        return;
      }
      case 'delete':
        this.#forget(data.channel, data.ts);
        break;
      case 'ephemeral':
        put(this.#ephemerals, data.message.channel, data.message.ts, data.message);
        break;
      case 'status':
        if (data.status) put(this.#statuses, data.channel, data.thread_ts, data.status);
        else this.#statuses.get(data.channel)?.delete(data.thread_ts);
        break;
      case 'home':
        this.#homes.set(data.user, data.view);
        break;
      case 'controls':
        this.controls = data.controls ?? [];
        break;
      case 'sockets':
        this.sockets = data.sockets ?? 0;
        break;
      case 'call':
        this.calls.push(data);
        if (this.calls.length > CALLS_KEPT) this.calls.splice(0, this.calls.length - CALLS_KEPT);
        break;
      default:
        return;
    }
    this.#tell(kind, data);
  }

  // A thread keeps the place of its deleted first message, as in Slack.
  #forget(channel, ts) {
    this.#ephemerals.get(channel)?.delete(ts);
    const known = this.#messages.get(channel)?.get(ts);
    if (!known) return;
    if (this.replies(channel, ts).length > 0) put(this.#messages, channel, ts, { ...known, deleted: true });
    else this.#messages.get(channel).delete(ts);
    this.#indexes.delete(channel);
  }

  /** dismiss hides an ephemeral message from this page. */
  dismiss(channel, ts) {
    this.#ephemerals.get(channel)?.delete(ts);
    this.#tell('ephemeral', { message: { channel, ts } });
  }

  person(id) {
    return this.people.find((p) => p.id === id);
  }

  channel(id) {
    return this.channels.find((c) => c.id === id);
  }

  /** dmOf returns the direct message of a person with the bot. */
  dmOf(userId) {
    return this.channels.find((c) => c.im && c.user === userId);
  }

  message(channel, ts) {
    return this.#messages.get(channel)?.get(ts);
  }

  isBot(m) {
    return Boolean(m.bot_id) || m.user === this.bot.id;
  }

  mentionsBot(m) {
    return (m.text ?? '').includes(`<@${this.bot.id}`);
  }

  #index(channel) {
    let index = this.#indexes.get(channel);
    if (index) return index;
    index = { all: [...(this.#messages.get(channel)?.values() ?? [])].sort(byTS), roots: [], replies: new Map() };
    for (const m of index.all) {
      if (isReply(m)) {
        const list = index.replies.get(m.thread_ts) ?? [];
        list.push(m);
        index.replies.set(m.thread_ts, list);
      }
      if (!isReply(m) || m.subtype === 'thread_broadcast') index.roots.push(m);
    }
    this.#indexes.set(channel, index);
    return index;
  }

  /** all returns the messages of a channel, thread replies too, oldest first. */
  all(channel) {
    return this.#index(channel).all;
  }

  /** roots returns what the channel itself shows, oldest first. */
  roots(channel) {
    return this.#index(channel).roots;
  }

  /** replies returns the replies of a thread without its first message, oldest first. */
  replies(channel, threadTS) {
    return this.#index(channel).replies.get(threadTS) ?? [];
  }

  /** ephemerals returns what only this person sees in a channel (threadTS "") or thread. */
  ephemerals(channel, threadTS, userId) {
    const list = [...(this.#ephemerals.get(channel)?.values() ?? [])];
    return list.filter((m) => m.ephemeral_to === userId && (m.thread_ts || '') === (threadTS || '')).sort(byTS);
  }

  status(channel, threadTS) {
    return this.#statuses.get(channel)?.get(threadTS || '') ?? '';
  }

  /** home returns the view that the app has published for a person, or undefined. */
  home(userId) {
    return this.#homes.get(userId);
  }

  /** takesPart tells whether a person wrote in a thread or is named in it. */
  takesPart(channel, threadTS, userId) {
    const root = this.message(channel, threadTS);
    const mine = (m) => m && (m.user === userId || (m.text ?? '').includes(`<@${userId}`));
    return mine(root) || this.replies(channel, threadTS).some(mine);
  }
}

// A message of a thread that is not its first.
function isReply(m) {
  return Boolean(m.thread_ts) && m.thread_ts !== m.ts;
}

/** byTS orders messages by time. Timestamps have a fixed width, so text order is time order. */
export function byTS(a, b) {
  return a.ts < b.ts ? -1 : a.ts > b.ts ? 1 : 0;
}

function put(maps, channel, key, value) {
  let map = maps.get(channel);
  if (!map) maps.set(channel, (map = new Map()));
  map.set(key ?? '', value);
}
