// Slack timestamps as people read them, in the reader's language and time zone.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: 'long', month: 'long', day: 'numeric' });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });

function date(ts) {
  return new Date(Number(ts) * 1000);
}

/** clock is the time of day: 10:05. */
export function clock(ts) {
  return CLOCK.format(date(ts));
}

/** shortClock is the time of day without AM or PM, for the narrow margin. */
export function shortClock(ts) {
  return CLOCK.formatToParts(date(ts))
    .filter((p) => p.type !== 'dayPeriod')
    .map((p) => p.value)
    .join('')
    .trim();
}

/** fullTime is date and time to the second. */
export function fullTime(ts) {
  return FULL.format(date(ts));
}

/** iso is the form for the datetime attribute. */
export function iso(ts) {
  return date(ts).toISOString();
}

/** dayKey is equal for two messages of one local day. */
export function dayKey(ts) {
  return date(ts).toDateString();
}

/** dayName is "Today", "Yesterday" or the date. */
export function dayName(ts) {
  const now = new Date();
  const key = dayKey(ts);
  if (key === now.toDateString()) return 'Today';
  now.setDate(now.getDate() - 1);
  return key === now.toDateString() ? 'Yesterday' : DAY.format(date(ts));
}

/** lastReply is the text beside a reply count. */
export function lastReply(ts) {
  const day = dayName(ts);
  return `Last reply ${day === 'Today' || day === 'Yesterday' ? day.toLowerCase() : day} at ${clock(ts)}`;
}
