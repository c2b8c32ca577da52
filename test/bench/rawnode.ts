/** The `rawnode` workload of test/reference/README.md: three RawNodes in one thread, no I/O, messages moved by hand. */
import { RawCluster, type VariantName, variants } from './raw-cluster.js';
import { collectGarbage, perSecond, print, workloadFlags } from './workload.js';

function measure(variant: VariantName, k: number, n: number, size: number): object {
  const cluster = new RawCluster(variant);
  cluster.elect();
  const data = new Uint8Array(size).fill(0x78);
  const warm = Math.floor(n / 10);
  cluster.propose(warm, k, data);
  collectGarbage();
  const start = performance.now();
  cluster.propose(warm + n, k, data);
  const seconds = (performance.now() - start) / 1000;
  return { variant, in_flight: k, entries: n, size_bytes: size, seconds, commits_per_s: perSecond(n, seconds) };
}

const flags = workloadFlags();
const results: object[] = [];
for (const variant of Object.keys(variants) as VariantName[]) {
  if (flags.only !== undefined && flags.only !== variant) continue;
  for (const k of flags.inFlight) results.push(measure(variant, k, flags.n ?? 200_000, flags.size));
}
print('rawnode', results);
