import type { NodeId } from '@raft-ts/raft';
import { ExitCode } from '../common/exit-codes.js';
import { launch } from '../common/launcher.js';
import { parseId } from '../common/member-id.js';
import { formatPeers, type Peer, parsePeers } from '../common/peers.js';
import { untilStopped } from '../common/until-stopped.js';
import { type Command, carryOut, parseCommand, UsageError } from '../common/usage.js';
import { runWorker } from './worker.js';

/** Where the five workers listen unless they are told. */
const PORT = 24_801;
const COUNT = 5;
/** A worker that has not stopped after this time is ended. */
const STOP_MS = 5000;

interface WorkersOptions {
  /** `undefined`: the launcher of all of them. */
  readonly id: NodeId | undefined;
  readonly peers: readonly Peer[];
}

const help = `Usage: npm run workers -- [options]

Runs five processes of which one at a time runs a job each second. Kill that one, or stop it with SIGSTOP: another goes on.

  --peers LIST  run these instead: 1=http://HOST:PORT,2=http://HOST:PORT,… (default: five at 127.0.0.1:24801 and on)
  --id ID       run this one alone
  --help        print this text
  --version     print the version
`;

/** The launcher, and with --id one worker. Resolves to the exit code. */
export function main(argv: readonly string[], stopping: AbortSignal): Promise<number> {
  return carryOut('workers', parse(argv), async ({ id, peers }) => {
    const self = peers.find((peer) => peer.id === id);
    if (self === undefined) {
      const list = formatPeers(peers);
      const members = peers.map((peer) => ({ id: peer.id, args: ['--id', String(peer.id), '--peers', list] }));
      return launch({ name: 'workers', members, program: 'workers.js', graceMs: STOP_MS + 1000 }, stopping);
    }
    return untilStopped({ id: self.id, verbose: false }, STOP_MS, stopping, async (log) => {
      await runWorker({ self, peers, data: `workers-data/worker-${id}` }, stopping, log);
      return ExitCode.Done;
    });
  });
}

function parse(argv: readonly string[]): Command<WorkersOptions> {
  return parseCommand(argv, { flags: { id: { type: 'string' }, peers: { type: 'string' } }, help }, ({ values }) => {
    const id = values.id === undefined ? undefined : parseId('--id', values.id);
    const ids = Array.from({ length: COUNT }, (_, i) => i);
    const local = ids.map((i) => ({ id: BigInt(i + 1), host: '127.0.0.1', port: PORT + i }));
    const peers = values.peers === undefined ? local : parsePeers(values.peers);
    if (id !== undefined && !peers.some((peer) => peer.id === id)) throw new UsageError(`there is no worker ${id}`);
    return { id, peers };
  });
}
