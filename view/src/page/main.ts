import { type Place, readLink, writeLink } from '../model/link.js';
import { sceneOf } from '../scenes/index.js';
import { Page } from './page.js';
import { startTheme } from './theme.js';

/** The place that the address names; the first scene if it names none, or one that is not there. */
function addressed(): { place: Place; problem: string } {
  const first = readLink('scene=election', sceneOf);
  const text = location.hash.replace(/^#/, '');
  if (text === '' || !text.includes('=')) return { place: first, problem: '' };
  try {
    return { place: readLink(text, sceneOf), problem: '' };
  } catch (error) {
    return { place: first, problem: `This link cannot be opened: ${(error as Error).message}.` };
  }
}

startTheme();
const { place, problem } = addressed();
let written = '';
const page = new Page(place, problem, (now) => {
  const address = `#${writeLink(now)}`;
  if (address === written) return;
  written = address;
  history.replaceState(undefined, '', address);
});
addEventListener('hashchange', () => {
  if (location.hash === written || !location.hash.includes('=')) return;
  const next = addressed();
  page.open(next.place, next.problem);
});
Object.assign(globalThis, { raftView: page });
