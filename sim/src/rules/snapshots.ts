import type { Snapshot } from '@raft-ts/proto';
import { numberOf } from '../base/bytes.js';
import { confStateKey } from '../base/records.js';
import { Violation } from '../base/violation.js';
import type { Member } from '../member/member.js';
import type { History } from './history.js';

/** A member has made a snapshot, sends one, or is about to install one. */
export function snapshotTrue(history: History, { id }: Member, { data, metadata }: Snapshot): void {
  const { index, term, confState } = metadata;
  if (index > history.committed) fail(id, `has a snapshot of index ${index}, which is not committed`);
  if (term !== history.terms[index]) {
    fail(id, `has a snapshot of index ${index} with term ${term}; the term of that entry is ${history.terms[index]}`);
  }
  const state = data === undefined ? 0 : (numberOf(data) ?? -1);
  if (state !== history.chains[index])
    fail(id, `has a snapshot of index ${index} with another state than others had there`);
  const known = history.configurationAt(index);
  const key = confStateKey(confState);
  if (known !== undefined && known.key !== key) {
    fail(id, `has a snapshot of index ${index} with the configuration ${key}; it was ${known.key} there`);
  }
}

function fail(id: bigint, what: string): never {
  throw new Violation('snapshot-true', `Member ${id} ${what}.`);
}
