import { needed, parseWhole } from '../common/usage.js';

/** The flags of `recover` and `restore`: both make the folder of a new cluster's first member. */
export const newClusterFlags = {
  id: { type: 'string' },
  url: { type: 'string' },
  'cluster-id': { type: 'string' },
  data: { type: 'string' },
  skip: { type: 'string' },
  'dry-run': { type: 'boolean' },
} as const;

/** What was given of these flags. */
type Given = {
  readonly [Name in keyof typeof newClusterFlags]?: (Name extends 'dry-run' ? boolean : string) | undefined;
};

/** What they say of the new cluster. */
export interface NewCluster {
  readonly clusterId: bigint;
  /** The folder, which must be empty or absent. */
  readonly data: string;
  /** So many indexes are left out. */
  readonly skip: number;
  readonly dryRun: boolean;
}

/** Reads the flags that mean the same to both commands. @throws UsageError */
export function readNewCluster(given: Given, skipped: number): NewCluster {
  return {
    clusterId: BigInt(parseWhole('--cluster-id', needed('--cluster-id', given['cluster-id']), 0, 1_000_000_000)),
    data: needed('--data', given.data),
    skip: parseWhole('--skip', given.skip ?? String(skipped), 0, 2 ** 40),
    dryRun: given['dry-run'] ?? false,
  };
}

/** The command that starts the first member, to be pasted. */
export function startOf(
  { id, url }: { readonly id: bigint; readonly url: string },
  { clusterId, data }: Pick<NewCluster, 'clusterId' | 'data'>,
): string {
  return `  raftexample kv --id ${id} --peers ${id}=${url} --cluster-id ${clusterId} --data ${data} --client-addr HOST:PORT`;
}
