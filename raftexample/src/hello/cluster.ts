import { launch } from '../common/launcher.js';
import { formatPeers } from '../common/peers.js';
import { carryOut } from '../common/usage.js';
import { type ClusterOptions, parseClusterFlags } from './cluster-flags.js';
import { defaultData } from './flags.js';

/** The launcher of hello: one process per member, until `stopping` aborts. Resolves to the exit code. */
export function main(argv: readonly string[], stopping: AbortSignal): Promise<number> {
  return carryOut('cluster', parseClusterFlags(argv), (options) => runCluster(options, stopping));
}

function runCluster({ peers, data, memberFlags }: ClusterOptions, stopping: AbortSignal): Promise<number> {
  const members = peers.map(({ id }) => {
    const log = data === undefined ? ['--memory'] : ['--data', defaultData(data, id)];
    return { id, args: ['--id', String(id), '--peers', formatPeers(peers), ...log, ...memberFlags] };
  });
  return launch({ name: 'cluster', members, keepsLogs: data !== undefined }, stopping);
}
