import process from 'node:process';
import { assertInvariants as original, type Raft } from '@raft-ts/raft/internal';

const known = (process.env['KNOWN'] ?? '').split(';').filter((s) => s !== '');
export function assertInvariants(r: Raft): void {
  try {
    original(r);
  } catch (error) {
    if (!known.some((k) => (error as Error).message.includes(k))) throw error;
  }
}
