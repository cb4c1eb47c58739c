// The page: what is shown when. Parts draw themselves from the data alone.

import { renderBudgets } from './budgets.js';
import { drawCharts } from './charts.js';
import { fill, h } from './dom.js';
import { Feed } from './feed.js';
import { renderFeedback } from './feedback.js';
import { at, fullDay, many, span, time } from './format.js';
import { renderProviders, renderSlack, renderStore, renderStrip } from './live.js';
import { colours } from './series.js';
import { renderModels, renderSpenders } from './tables.js';
import { renderTiles } from './tiles.js';

const PERIODS = [7, 30, 90, 365];
const $ = (id) => document.getElementById(id);

let data = null;
let lastGood = null;

function chosen() {
  const days = Number(new URLSearchParams(location.search).get('days'));
  return PERIODS.includes(days) ? days : 30;
}

function markPeriod() {
  for (const a of $('periods').children) {
    if (Number(a.dataset.days) === chosen()) a.setAttribute('aria-current', 'true');
    else a.removeAttribute('aria-current');
  }
}

function state(name, text) {
  document.body.dataset.state = name;
  if ($('state').textContent !== text) $('state').textContent = text;
}

function say(text) {
  $('trouble').hidden = !text;
  if ($('trouble').textContent !== text) $('trouble').textContent = text;
}

function render() {
  const palette = colours(data);
  document.title = data.team ? `Bobbin · ${data.team}` : 'Bobbin';
  $('team').textContent = data.team ?? '';
  $('process').textContent = `${data.version} · up ${span(data.started, data.now)}, since ${at(data.started)}`;
  const { from, to, days } = data.period;
  $('period-text').textContent = `${fullDay(from)} – ${fullDay(to)}, against the ${many(days, 'day')} before`;
  $('notes').hidden = !data.notes?.length;
  fill($('notes'), (data.notes ?? []).map((text) => h('li', null, text)));
  renderStrip($('strip'), data);
  renderTiles($('tiles'), data);
  $('main').hidden = false; // before the charts, which need a size
  drawCharts($('charts'), data, palette);
  renderSpenders($('users-body'), data.users ?? [], 'Person', 'Fills with the first answer.');
  renderSpenders($('channels-body'), data.channels ?? [], 'Channel', 'Fills with the first answer.');
  renderModels($('models-body'), data, palette);
  renderProviders($('providers-body'), data, palette);
  renderSlack($('slack-body'), data);
  renderBudgets($('budgets-body'), data);
  renderFeedback($('feedback-body'), data);
  renderStore($('store-body'), data);
}

const feed = new Feed(chosen(), {
  data(fresh) {
    data = fresh;
    lastGood = new Date();
    say('');
    $('unlock').hidden = true;
    render();
    $('main').removeAttribute('aria-busy');
    $('updated').textContent = time(lastGood);
    state('live', 'Live');
  },
  locked(wrong) {
    say('');
    $('main').hidden = true;
    $('unlock').hidden = false;
    $('refused').textContent = wrong ? 'The bot does not take this token.' : '';
    state('locked', 'Locked');
    $('updated').textContent = '';
    $('token').value = '';
    $('token').focus();
  },
  trouble(text, wait) {
    $('main').removeAttribute('aria-busy');
    $('updated').textContent = '';
    state('stale', lastGood ? `Stale since ${time(lastGood)}` : 'No data');
    say(`${text} ${lastGood ? 'What you see is the last that it said. ' : ''}Trying again in ${many(Math.round(wait / 1000), 'second')}.`);
  },
});

$('unlock').addEventListener('submit', (ev) => {
  ev.preventDefault();
  feed.unlock($('token').value.trim());
});

function show() {
  markPeriod();
  if (data) $('main').setAttribute('aria-busy', 'true');
  feed.show(chosen());
}

$('periods').addEventListener('click', (ev) => {
  const a = ev.target.closest('a');
  if (!a || ev.ctrlKey || ev.metaKey || ev.shiftKey || ev.button !== 0) return;
  ev.preventDefault();
  if (Number(a.dataset.days) === chosen()) return;
  history.pushState(null, '', a.href);
  show();
});
addEventListener('popstate', show);

// Charts take their colours from the stylesheet, which has just changed.
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => data && render());

markPeriod();
feed.read();
