/** What each workload runs on either side, and which figures of it are compared. */

export type Result = Record<string, string | number>;

/** One line of the table: what is run on each side, and which figure is compared. */
export interface Case {
  readonly name: string;
  readonly figure: string;
  /** Are higher figures better? */
  readonly higherIsBetter: boolean;
  readonly ours: readonly string[];
  /** `undefined` if the other side has nothing like it. */
  readonly anchor: readonly string[] | undefined;
  readonly matches: (result: Result) => boolean;
  /** Cases of one name here have a table of their own in the summary. */
  readonly table?: string;
  /** The other side's result, if it is not the one that `matches`. */
  readonly anchorMatches?: (result: Result) => boolean;
}

const inFlight = ['1', '64', '256'];

function rawnodeCases(): Case[] {
  return ['plain', 'prevote+checkquorum', 'async'].flatMap((variant) =>
    inFlight.map((k) => ({
      name: `${variant}, ${k}`,
      figure: 'commits_per_s',
      higherIsBetter: true,
      ours: ['--only', variant, '--k', k],
      anchor: ['-variant', variant, '-k', k],
      matches: () => true,
    })),
  );
}

function membersCases(): Case[] {
  return [3, 7, 25, 51].map((members) => ({
    name: `${members} members`,
    figure: 'ns_per_message',
    higherIsBetter: false,
    ours: [],
    anchor: [],
    matches: (result: Result) => result['members'] === members,
  }));
}

function nodeCases(): Case[] {
  const sequential = ['one-node-disk-1ms', 'proposal-3-nodes'].flatMap((scenario) =>
    ['accepted_per_s', 'commits_per_s'].map((figure) => ({
      name: `${scenario}, ${figure === 'accepted_per_s' ? 'accepted' : 'commits'}`,
      figure,
      higherIsBetter: true,
      ours: ['--only', scenario],
      anchor: ['-scenario', scenario],
      matches: () => true,
    })),
  );
  const pipelined = ['one-node', 'three-nodes'].flatMap((scenario) =>
    inFlight.map((k) => ({
      name: `${scenario}, ${k}`,
      figure: 'commits_per_s',
      higherIsBetter: true,
      ours: ['--only', scenario, '--k', k],
      anchor: ['-scenario', scenario, '-k', k],
      matches: () => true,
    })),
  );
  return [...sequential, ...pipelined];
}

function codecCases(): Case[] {
  return ['heartbeat', 'app-1x256', 'app-64x256', 'app-1x65536'].flatMap((message) =>
    ['encode', 'encode-into-reused-buffer', 'decode'].map((op) => ({
      name: `${message}, ${op}`,
      figure: 'ns_per_op',
      higherIsBetter: false,
      ours: ['--only', message],
      anchor: [],
      matches: (result: Result) => result['message'] === message && result['op'] === op,
    })),
  );
}

function transportCases(): Case[] {
  const figures = ['messages_per_s', 'one_way_p99_us', 'share_of_bare'];
  const messages = ['heartbeat', 'app-1x256', 'app-1x65536'];
  const caseOf = (message: string, window: number, figure: string): Case => ({
    name: `${message}, ${window}`,
    figure,
    higherIsBetter: figure !== 'one_way_p99_us',
    ours: [],
    anchor: ['-processes', '2'],
    matches: (result: Result) => result['message'] === message && result['in_flight'] === window,
  });
  const usual = messages.flatMap((message) =>
    [1, 64, 1024].flatMap((window) => figures.map((figure) => caseOf(message, window, figure))),
  );
  const awake = messages.flatMap((message) =>
    figures.slice(0, 2).map((figure) => ({
      ...caseOf(message, 1, figure),
      name: `${message}, 1 with busyPollMs 0.2`,
      ours: ['--busy-poll', '0.2', '--window', '1'],
    })),
  );
  return [...usual, ...awake];
}

function walCases(): Case[] {
  const append = (figure: string) => (batch: string) => ({
    name: `${batch} a batch`,
    figure,
    higherIsBetter: true,
    ours: ['--only', `append-${batch}`],
    anchor: [],
    matches: (result: Result) => String(result['entries_per_batch']) === batch,
  });
  const batches = ['1', '16', '256'];
  const read = {
    name: 'read back',
    figure: 'mb_per_s',
    higherIsBetter: true,
    ours: ['--only', 'read'],
    anchor: [],
    matches: (result: Result) => result['mb_per_s'] !== undefined,
  };
  return [...batches.map(append('wal_batches_per_s')), ...batches.map(append('wal_share_of_raw')), read];
}

const growthFigures = ['us_per_entry', 'us_per_entry_in_the_last_tenth', 'open_ms', 'peak_resident_mib'];

function growthCases(): Case[] {
  return [1e3, 1e4, 1e5, 1e6, 1e7].flatMap((length) =>
    growthFigures.map((figure) => ({
      name: `${numberText(length)} entries`,
      figure,
      higherIsBetter: false,
      ours: [],
      anchor: [],
      matches: (result: Result) => result['entries'] === length,
    })),
  );
}

function simGrowthCases(): Case[] {
  const caseOf = (members: number, entries: number): Case => ({
    name: `${members} members, logs of ${numberText(entries)} entries`,
    figure: 'us_per_event',
    higherIsBetter: false,
    ours: [],
    anchor: [],
    matches: (result: Result) => result['members'] === members && result['entries'] === entries,
  });
  const members = [3, 5, 7, 15, 31, 51].map((count) => caseOf(count, 1e3));
  return [...members, ...[1e4, 1e5, 1e6].map((entries) => caseOf(3, entries))];
}

function snapshotCases(): Case[] {
  return ['write_mb_per_s', 'read_mb_per_s', 'memory_mib'].map((figure) => ({
    name: '4.5 GiB',
    figure,
    higherIsBetter: figure !== 'memory_mib',
    ours: [],
    anchor: [],
    matches: () => true,
  }));
}

function streamCases(): Case[] {
  return [64, 1024, 6144].flatMap((mib) =>
    ['mb_per_s', 'resident_mib'].map((figure) => ({
      name: `${numberText(mib)} MiB`,
      figure,
      higherIsBetter: figure === 'mb_per_s',
      ours: [],
      anchor: [],
      matches: (result: Result) => result['mib'] === mib,
    })),
  );
}

function replicaSnapshotCases(): Case[] {
  return [64, 1024].flatMap((mib) =>
    ['save_mb_per_s', 'send_and_install_mb_per_s', 'resident_mib'].map((figure) => ({
      name: `${numberText(mib)} MiB`,
      figure,
      higherIsBetter: figure !== 'resident_mib',
      ours: [],
      anchor: [],
      matches: (result: Result) => result['mib'] === mib,
    })),
  );
}

function stalledCases(): Case[] {
  return ['256', '65536'].flatMap((size) =>
    ['share', 'memory_growth_mib'].map((figure) => ({
      name: `${size} bytes, one peer stops reading for 60 s`,
      figure,
      higherIsBetter: figure === 'share',
      ours: ['--size', size],
      anchor: [],
      matches: () => true,
    })),
  );
}

function replicaCases(): Case[] {
  const caseOf = (log: string, inFlight: number, figure: string): Case => ({
    name: `log ${log === 'memory' ? 'in memory' : 'on disk'}, ${inFlight}`,
    figure,
    higherIsBetter: !/^over|growth/.test(figure),
    ours: [],
    anchor: [],
    matches: (result: Result) => result['log'] === log && result['in_flight'] === inFlight,
  });
  const inMemory = [
    'proposals_per_s',
    'times_the_core',
    'times_the_core_gathering',
    'reads_per_s',
    'reads_on_a_follower_per_s',
    'heap_growth_mib',
  ];
  const onDisk = ['proposals_per_s', 'over_raw_percent', 'over_logs_percent'];
  const cases = (log: string, figures: readonly string[]): Case[] =>
    [1, 64, 1024].flatMap((inFlight) => figures.map((figure) => caseOf(log, inFlight, figure)));
  return [...cases('memory', inMemory), ...cases('disk', onDisk)];
}

function clusterCases(): Case[] {
  const caseOf = (target: string, op: string, figure: string, connections: number): Case => ({
    name: `${op} at ${target}, ${connections}`,
    figure,
    higherIsBetter: figure === 'ops_per_s',
    ours: ['--target', target],
    anchor: ['--target', target, '--members', 'go'],
    matches: (result: Result) => result['op'] === op && result['connections'] === connections,
  });
  const figures = ['ops_per_s', 'p99_us', 'leader_cpu_us_per_op', 'members_cpu_us_per_op'];
  return ['leader', 'all', 'follower'].flatMap((target) => [
    ...['put', 'get'].flatMap((op) =>
      figures.flatMap((figure) => [1, 16, 64, 256].map((connections) => caseOf(target, op, figure, connections))),
    ),
    // It is that of the whole run.
    { ...caseOf(target, 'get', 'peak_resident_mib', 256), name: `load at ${target}, at the end` },
  ]);
}

function catchupCases(): Case[] {
  const better = ['mib_per_s', 'others_share'];
  const worse = [
    'seconds',
    'start_seconds',
    'leader_extra_mib',
    'follower_extra_mib',
    'leader_cpu_s',
    'follower_cpu_s',
  ];
  return ['log', 'snapshot'].flatMap((by) =>
    [...better, ...worse].map((figure) => ({
      name: `by ${by}`,
      figure,
      higherIsBetter: better.includes(figure),
      ours: ['--by', by],
      anchor: ['--by', by, '--members', 'go'],
      matches: (result: Result) => result['by'] === by,
    })),
  );
}

function scaleCases(): Case[] {
  const caseOf = (growing: string, to: number, op: string, figure: string): Case => ({
    name: `${op}, ${to.toLocaleString('en-US')} ${growing === 'value' ? 'bytes' : growing}`,
    figure,
    higherIsBetter: figure === 'ops_per_s',
    ours: ['--only', growing],
    anchor: ['--only', growing, '--members', 'go'],
    table: growing,
    matches: (result: Result) => result['growing'] === growing && result['to'] === to && result['op'] === op,
  });
  const figures = ['ops_per_s', 'p99_us', 'members_cpu_us_per_op'];
  const growth = { members: [3, 5, 7, 9], keys: [1e3, 1e4, 1e5, 1e6], value: [64, 256, 1024, 4096, 65_536] };
  const grown = Object.entries(growth).flatMap(([growing, steps]) => [
    ...['put', 'get'].flatMap((op) => figures.flatMap((figure) => steps.map((to) => caseOf(growing, to, op, figure)))),
    // It is that of the whole run.
    ...steps.map((to) => ({
      ...caseOf(growing, to, 'get', 'peak_resident_mib'),
      name: `at the end, ${to.toLocaleString('en-US')} ${growing === 'value' ? 'bytes' : growing}`,
    })),
  ]);
  const watching = ['ops_per_s', 'p99_us', 'events_per_s', 'members_cpu_us_per_op', 'growth_mib', 'ended_watches'];
  const watched = ['nobody', 'idle', 'leader', 'follower'].flatMap((by) =>
    watching.map((figure) => ({
      name: `put, watches by ${by}`,
      figure,
      higherIsBetter: figure.endsWith('per_s'),
      ours: ['--only', 'watches'],
      anchor: undefined,
      matches: (result: Result) => result['by'] === by,
    })),
  );
  return [...grown, ...watched];
}

function embeddedCases(): Case[] {
  return ['leader', 'follower'].flatMap((at) =>
    ['put', 'get'].flatMap((op) =>
      ['ops_per_s', 'p99_us', 'cpu_us_per_op', 'peak_resident_mib'].flatMap((figure) =>
        inFlight.map((k) => {
          const same = (result: Result): boolean => result['op'] === op && String(result['in_flight']) === k;
          return {
            name: `${op} at the ${at}, ${k}`,
            figure,
            higherIsBetter: figure === 'ops_per_s',
            ours: [],
            anchor: ['--side', 'etcd'],
            matches: (result: Result) => same(result) && result['at'] === at,
            anchorMatches: same,
          };
        }),
      ),
    ),
  );
}

/** What is compared, by workload. */
export const workloads: Readonly<Record<string, () => Case[]>> = {
  rawnode: rawnodeCases,
  members: membersCases,
  node: nodeCases,
  codec: codecCases,
  transport: transportCases,
  wal: walCases,
  'wal-growth': growthCases,
  'sim-growth': simGrowthCases,
  'snapshot-files': snapshotCases,
  'snapshot-stream': streamCases,
  'stalled-peer': stalledCases,
  cluster: clusterCases,
  replica: replicaCases,
  'replica-snapshot': replicaSnapshotCases,
  catchup: catchupCases,
  scale: scaleCases,
  embedded: embeddedCases,
};

/** Programs of the reference without which neither side runs: the load comes from them, or they are the other side. */
export const bothNeed: Readonly<Record<string, readonly string[]>> = {
  cluster: ['cluster', 'member'],
  catchup: ['load', 'member'],
  scale: ['cluster', 'load', 'member'],
  embedded: ['etcd'],
};

/** What ours is compared with, if not Go's modules. */
export const counterpart: Readonly<Record<string, string>> = { embedded: 'etcd3' };

/** Programs that print a table of their own. */
export const alone: readonly string[] = ['hostile', 'slow-connections', 'store-size'];

/** Those that have no counterpart in test/reference. */
export const withoutAnchor: readonly string[] = [
  'members',
  'wal-growth',
  'sim-growth',
  'snapshot-files',
  'snapshot-stream',
  'stalled-peer',
  'replica',
  'replica-snapshot',
];

/** Those that take many minutes, or gigabytes: they run only if they are named. */
export const long: readonly string[] = [...withoutAnchor, ...Object.keys(bothNeed)];

/** As the tables print it. */
export function numberText(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 1000 ? 1 : 0 });
}
