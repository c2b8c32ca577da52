import { byId, html } from './dom.js';

/** How long a text stays where screen readers find it. */
const KEPT_MS = 5000;

/**
 * Has a text read out by screen readers, after what they are reading. It is taken away again: what is left would be
 * read once more when a dialog is closed, which hides the page while it is open.
 */
export function announce(text: string): void {
  if (text === '') return;
  // Blocks: of texts in one line, those that are there already would be read again with the new one.
  const spoken = html('p', {}, text);
  byId('live').append(spoken);
  setTimeout(() => spoken.remove(), KEPT_MS);
}
