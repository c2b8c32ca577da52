import { type Launch, launch } from '../common/launcher.js';
import { formatPeers } from '../common/peers.js';
import { carryOut } from '../common/usage.js';
import { launchShown } from '../page/shown.js';
import { type ClusterOptions, parseClusterFlags } from './cluster-flags.js';
import { defaultData } from './flags.js';

/** The launcher of hello: one process per member, until `stopping` aborts. Resolves to the exit code. */
export function main(argv: readonly string[], stopping: AbortSignal): Promise<number> {
  return carryOut('cluster', parseClusterFlags(argv), (options) => runCluster(options, stopping));
}

function runCluster({ peers, data, page, memberFlags }: ClusterOptions, stopping: AbortSignal): Promise<number> {
  const members = (dial: (id: number) => readonly string[]): Launch['members'] =>
    peers.map(({ id }) => {
      const log = data === undefined ? ['--memory'] : ['--data', defaultData(data, id)];
      const own = ['--id', String(id), '--peers', formatPeers(peers), ...log, ...memberFlags];
      return { id, args: [...own, ...dial(Number(id))] };
    });
  const plan = { name: 'cluster', keepsLogs: data !== undefined };
  if (!page) return launch({ ...plan, members: members(() => []) }, stopping);
  const addresses = new Map(peers.map((peer) => [Number(peer.id), peer]));
  return launchShown({ title: 'the hello cluster', launch: plan, addresses, members }, stopping);
}
