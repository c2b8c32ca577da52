import { type Place, readLink, writeLink } from '../model/link.js';
import { sceneOf } from '../scenes/index.js';
import { Page } from './page.js';
import { ReplicaPage, readReplicaLink } from './replica-page.js';
import type { ReplicaPlace } from './replica-player.js';
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

/** Shows a run of replicas: another page in the same file, which begins anew when the address becomes another one. */
function startReplicas(text: string): void {
  let written = location.hash;
  const open = (place: ReplicaPlace, problem: string): void => {
    const page = new ReplicaPage(place, problem, (link) => {
      if (`#${link}` === written) return;
      written = `#${link}`;
      history.replaceState(undefined, '', written);
    });
    Object.assign(globalThis, { raftView: page });
  };
  try {
    open(readReplicaLink(text), '');
  } catch (error) {
    open(readReplicaLink('replica=reads'), `This link cannot be opened: ${(error as Error).message}.`);
  }
  addEventListener('hashchange', () => {
    if (location.hash !== written) location.reload();
  });
}

function startCore(): void {
  const { place, problem } = addressed();
  let written = '';
  const page = new Page(place, problem, (now) => {
    const address = `#${writeLink(now)}`;
    if (address === written) return;
    written = address;
    history.replaceState(undefined, '', address);
  });
  addEventListener('hashchange', () => {
    if (isOfReplicas(location.hash)) location.reload();
    if (location.hash === written || !location.hash.includes('=')) return;
    const next = addressed();
    page.open(next.place, next.problem);
  });
  Object.assign(globalThis, { raftView: page });
}

function isOfReplicas(hash: string): boolean {
  return hash.startsWith('#replica=');
}

startTheme();
if (isOfReplicas(location.hash)) startReplicas(location.hash.slice(1));
else startCore();
