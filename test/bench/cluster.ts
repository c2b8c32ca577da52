/**
 * The `cluster` workload of test/reference/README.md on three members of the store, or on three written in Go: on
 * loopback with synced logs, by the number of connections.
 */
import { parseArgs } from 'node:util';
import { runCluster } from './reference-cluster.js';
import { type Kind, memberFlags } from './store-members.js';
import { print } from './workload.js';

const { values } = parseArgs({
  options: {
    ...memberFlags,
    target: { type: 'string', default: 'leader' },
    op: { type: 'string', default: 'put,get' },
    k: { type: 'string', default: '1,16,64,256' },
    warm: { type: 'string', default: '2s' },
    seconds: { type: 'string', default: '10' },
  },
});

const { go, members, dir, op, target, k, warm, seconds } = values;
if (go === undefined) throw new Error('--go DIR must name the folder of the built programs cluster and member');
const load = ['-op', op, '-target', target, '-c', k, '-warm', warm, '-d', `${seconds}s`];
print('cluster', runCluster({ kind: members as Kind, go, dir, nodeFlags: values['node-flags'], load }));
