// Building and updating DOM nodes. Nothing here parses HTML.

const SVG = 'http://www.w3.org/2000/svg';

/**
 * h builds an element. Properties that start with "on" are listeners; true
 * sets an empty attribute; false, null and undefined are left out. Children
 * may be nodes, strings or nested arrays.
 */
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith('on')) el.addEventListener(name.slice(2), value);
    else el.setAttribute(name, value === true ? '' : String(value));
  }
  append(el, children);
  return el;
}

function append(el, children) {
  for (const child of children.flat(Infinity)) {
    if (child === false || child === null || child === undefined) continue;
    el.append(child);
  }
}

/** svg builds an element of a drawing, as h does. */
export function svg(tag, props, ...children) {
  const el = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props ?? {})) el.setAttribute(name, String(value));
  append(el, children);
  return el;
}

/** icon shows a symbol of the sprite in index.html. Decorative: the button around it has the label. */
export function icon(name, className = 'icon') {
  return svg('svg', { class: className, 'aria-hidden': 'true' }, svg('use', { href: '#i-' + name }));
}

/**
 * morph turns the tree `from` into a copy of `to` and touches only what
 * differs, so that selections, focus and scroll positions in unchanged parts
 * survive a streamed update. It returns the node that now stands in the tree.
 *
 * Listeners are not carried over: trees that are morphed use delegation.
 * An element with data-keep belongs to a live component and is left alone.
 * Siblings with data-part are matched by that name.
 */
export function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
    from.replaceWith(to);
    return to;
  }
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.data !== to.data) {
      if (to.data.startsWith(from.data)) from.appendData(to.data.slice(from.data.length));
      else from.data = to.data;
    }
    return from;
  }
  if (from.hasAttribute('data-keep') && to.hasAttribute('data-keep')) return from;
  if (from.isEqualNode(to)) return from;
  morphAttributes(from, to);
  morphChildren(from, to);
  return from;
}

function morphAttributes(from, to) {
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name)) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
}

function morphChildren(from, to) {
  let at = from.firstChild;
  for (const want of [...to.childNodes]) {
    const part = partOf(want);
    if (part && partOf(at) !== part) {
      const found = findPart(at, part);
      if (!found) {
        from.insertBefore(want, at);
        continue;
      }
      while (at !== found) at = drop(at);
    }
    if (!at) {
      from.append(want);
      continue;
    }
    at = morph(at, want).nextSibling;
  }
  while (at) at = drop(at);
}

function partOf(node) {
  return node?.nodeType === Node.ELEMENT_NODE ? node.dataset.part : undefined;
}

function findPart(node, part) {
  while (node && partOf(node) !== part) node = node.nextSibling;
  return node;
}

function drop(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

/**
 * frame returns a function that asks for one run of fn: at the next frame, or
 * shortly when the page is hidden, where browsers stop frames.
 */
export function frame(fn) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    const run = () => {
      asked = false;
      fn();
    };
    if (document.hidden) setTimeout(run, 100);
    else requestAnimationFrame(run);
  };
}
