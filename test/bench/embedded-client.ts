/** An application of the `embedded` workload that has its state in etcd: it reaches the three through `etcd3`. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { closedLoop } from './closed-loop.js';
import { allKeys, keyOf, report, serve, valueOf } from './embedded-run.js';

/** What is used of etcd3, which no package here depends on. */
interface Client {
  put(key: string): { value(value: string): Promise<unknown> };
  get(key: string): { string(): Promise<string | null> };
}

const { values: flags } = parseArgs({
  options: { etcd3: { type: 'string', default: '' }, hosts: { type: 'string', default: '' } },
});
const require = createRequire(join(flags.etcd3, 'package.json'));
const { Etcd3 } = require('etcd3') as { Etcd3: new (options: { readonly hosts: readonly string[] }) => Client };
const client = new Etcd3({ hosts: flags.hosts.split(',') });

serve(async (order) => {
  const value = valueOf(order);
  if (order.op === 'put') return closedLoop(order, (i) => client.put(keyOf(i)).value(value));
  await Promise.all(allKeys.map((key) => client.put(key).value(value)));
  return closedLoop(order, async (i) => {
    const read = await client.get(keyOf(i)).string();
    if (read?.length !== value.length) throw new Error(`${keyOf(i)} is not there`);
  });
});
await client.get('ready').string();
report({ kind: 'ready', leader: true });
