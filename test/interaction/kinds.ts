import { basename, dirname } from 'node:path';
import { type Handler, listDirectives } from '../datadriven/runner.js';
import { confChangeHandler } from './confchange-runner.js';
import { interactionHandler } from './environment.js';
import { quorumHandler } from './quorum-runner.js';
import { simulationHandler } from './simulation-runner.js';

/** The kinds of etcd's scripts. */
export const ETCD_KINDS = ['interaction', 'quorum', 'confchange'] as const;
export type EtcdKind = (typeof ETCD_KINDS)[number];

/** What a script is about, which decides what its commands mean. The last ones are those that our simulator writes. */
export const KINDS = [...ETCD_KINDS, 'simulation'] as const;
export type Kind = (typeof KINDS)[number];

export function isKind(name: string): name is Kind {
  return (KINDS as readonly string[]).includes(name);
}

/** A handler with fresh state, for one script. */
export function createHandler(kind: Kind): Handler {
  switch (kind) {
    case 'interaction':
      return interactionHandler();
    case 'quorum':
      return quorumHandler();
    case 'confchange':
      return confChangeHandler();
    case 'simulation':
      return simulationHandler();
  }
}

const telling = new Map<string, Kind>([
  ['committed', 'quorum'],
  ['vote', 'quorum'],
  ['simple', 'confchange'],
  ['enter-joint', 'confchange'],
  ['leave-joint', 'confchange'],
  ['simulation', 'simulation'],
]);

/**
 * The kind of a script: by the folder it lies in (`quorum/x.txt` or `quorum/testdata/x.txt`), else by the first
 * command that belongs to one kind only.
 */
export function detectKind(file: string, text: string): Kind {
  const parent = dirname(file);
  const folder = basename(parent) === 'testdata' ? basename(dirname(parent)) : basename(parent);
  if (isKind(folder)) {
    return folder;
  }
  for (const { command } of listDirectives(file, text)) {
    const kind = telling.get(command);
    if (kind !== undefined) {
      return kind;
    }
  }
  return 'interaction';
}
