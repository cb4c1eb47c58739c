// The calls of the page to the simulator.

/** APIError is an answer with {"error": …} or a status of 400 and above. */
export class APIError extends Error {}

async function post(path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
  } catch {
    throw new APIError('the simulator does not answer');
  }
  const text = await answer.text();
  let data = {};
  try {
    data = text ? JSON.parse(text) : {};
  } catch {
    data = { error: text.trim() };
  }
  if (!answer.ok || data.error) throw new APIError(data.error || `HTTP ${answer.status}`);
  return data;
}

export const api = {
  post: (user, channel, thread_ts, text) => post('sim/post', { user, channel, thread_ts: thread_ts || '', text }),
  edit: (user, channel, ts, text) => post('sim/edit', { user, channel, ts, text }),
  remove: (user, channel, ts) => post('sim/delete', { user, channel, ts }),
  command: (user, channel, text) => post('sim/command', { user, channel, text }),
  click: (user, channel, ts, action_id, value) => post('sim/click', { user, channel, ts, action_id, value }),
  clickHome: (user, action_id, value) => post('sim/click-home', { user, action_id, value }),
  openHome: (user) => post('sim/open-home', { user }),
  openMessages: (user) => post('sim/open-messages', { user }),
  react: (user, channel, ts, emoji) => post('sim/react', { user, channel, ts, emoji }),
  unreact: (user, channel, ts, emoji) => post('sim/unreact', { user, channel, ts, emoji }),
  stopStreaming: (user, channel, ts) => post('sim/stop-streaming', { user, channel, ts }),
  control: (id, on) => post('sim/control', { id, on }),
};
