// A short notice at the foot of the page.

const SHOWN_MS = 5000;
let timer = 0;

/** toast shows text for a few seconds and reads it out. kind: "error" or "ok". */
export function toast(text, kind = 'error') {
  const box = document.getElementById('toast');
  box.textContent = text;
  box.dataset.kind = kind;
  box.classList.add('shown');
  clearTimeout(timer);
  timer = setTimeout(() => box.classList.remove('shown'), SHOWN_MS);
}
