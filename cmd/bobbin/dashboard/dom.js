// Building and updating DOM nodes. Names come from Slack and are not trusted:
// everything becomes text, nothing here parses HTML.

const SVG = 'http://www.w3.org/2000/svg';

/** h builds an element. true sets an empty attribute; false, null and undefined are left out. */
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    // Through the object model: the page's policy forbids style attributes.
    if (name === 'vars') for (const [k, v] of Object.entries(value)) el.style.setProperty(k, v);
    else el.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child !== false && child !== null && child !== undefined) el.append(child);
  }
  return el;
}

/** external is what a link to another site needs, or null: only https is followed. */
export function external(url) {
  if (!URL.canParse(url) || new URL(url).protocol !== 'https:') return null;
  return { href: url, target: '_blank', rel: 'noopener noreferrer' };
}

/** named is a person or a channel, by id where the name is not known, with a link to Slack if there is one. */
export function named({ id, name, link }, otherwise) {
  const to = external(link);
  return h(to ? 'a' : 'span', { class: 'name', title: id || undefined, ...to }, name || id || otherwise);
}

/** icon shows a symbol of the sprite in index.html. It is decorative. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', '#i-' + name);
  svg.append(use);
  return svg;
}

/**
 * fill gives an element these children and touches only what differs, so that
 * a refresh moves nothing and takes no focus.
 */
export function fill(el, ...children) {
  morphChildren(el, h('div', null, ...children));
}

function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
    from.replaceWith(to);
    return to;
  }
  if (from.isEqualNode(to)) return from;
  if (from.nodeType !== Node.ELEMENT_NODE) {
    from.data = to.data;
    return from;
  }
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name)) from.removeAttribute(name);
  }
  for (const { name, value } of [...to.attributes]) {
    if (from.getAttribute(name) === value) continue;
    if (name === 'style') from.style.cssText = to.style.cssText;
    else from.setAttribute(name, value);
  }
  morphChildren(from, to);
  return from;
}

function morphChildren(from, to) {
  let at = from.firstChild;
  for (const want of [...to.childNodes]) {
    if (at) at = morph(at, want).nextSibling;
    else from.append(want);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}
