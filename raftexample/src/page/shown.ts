import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { type Launch, launch } from '../common/launcher.js';
import type { Address } from '../common/peers.js';
import { Steering } from '../common/steering.js';
import { UsageError } from '../common/usage.js';
import { ClusterPage, type ClusterPageParts } from './cluster-page.js';
import { Network } from './network.js';
import { PageServer } from './server.js';

/** Built by `npm run build`; the package has it. */
const PAGE = new URL('../../dist/page/live.html', import.meta.url);

export interface Shown extends Pick<ClusterPageParts, 'title' | 'client'> {
  readonly launch: Omit<Launch, 'members' | 'steering'>;
  /** Where each member listens for the others, by its id. */
  readonly addresses: ReadonlyMap<number, Address>;
  /** The command line of each member. @param dial the flags by which it dials the others */
  readonly members: (dial: (id: number) => readonly string[]) => Launch['members'];
}

/**
 * Runs members, as `launch` does, with a page that shows them and breaks what it is told to. Resolves to the exit code.
 * @throws UsageError if the page was not built
 */
export async function launchShown(
  { title, client, launch: plan, addresses, members }: Shown,
  stopping: AbortSignal,
): Promise<number> {
  const page = await readPage();
  const network = await Network.open([...addresses.keys()], (id) => addresses.get(id) as Address);
  const steering = new Steering();
  const host = new ClusterPage({ title, client, network, steering });
  const server = await PageServer.listen(host, page);
  steering.changed = () => server.tell(host.state());
  steering.told = (id, message) => {
    const { told, listening } = (message ?? {}) as { readonly told?: unknown; readonly listening?: unknown };
    if (listening === true) host.ask(Number(id));
    else if (told !== undefined) server.tell({ kind: 'told', id: Number(id), told });
  };
  process.stdout.write(`[${plan.name}] see it, and break it: ${server.url}\n`);
  try {
    return await launch({ ...plan, members: members((id) => network.dialFlags(id)), steering }, stopping);
  } finally {
    await Promise.all([server.close(), network.close()]);
  }
}

async function readPage(): Promise<string> {
  try {
    return await readFile(PAGE, 'utf8');
  } catch (error) {
    throw new UsageError(`--page: the page is not built, run npm run build first (${(error as Error).message})`);
  }
}
