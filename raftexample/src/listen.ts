import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { type Address, formatAddress } from './peers.js';
import { UsageError } from './usage.js';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Is this IP address one that only this machine reaches? IPv4 addresses in IPv6 form count as what they stand for. */
export function isLoopback(ip: string): boolean {
  return loopback.check(ip, isIP(ip) === 6 ? 'ipv6' : 'ipv4');
}

/** All addresses of a name, as the system gives them; an IP address is its own. */
export type Resolve = (host: string) => Promise<readonly string[]>;

const resolveHost: Resolve = async (host) => {
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
};

/**
 * Where to listen. The transport speaks without TLS, so beyond loopback only if the user has said so. A name is looked
 * up here, and what was found is listened on: it must not mean something else a moment later.
 *
 * @throws UsageError if the address is reached from elsewhere without `insecure`, or cannot be looked up
 */
export async function listenAddress(
  listen: Address,
  insecure: boolean,
  resolve: Resolve = resolveHost,
): Promise<Address> {
  if (insecure) return listen;
  let found: readonly string[];
  try {
    found = await resolve(listen.host);
  } catch (error) {
    throw new UsageError(`cannot listen at ${formatAddress(listen)}: ${(error as Error).message}`);
  }
  const [first] = found;
  if (first !== undefined && found.every(isLoopback)) return { host: first, port: listen.port };
  const beyond = found.find((ip) => !isLoopback(ip));
  const meaning = beyond === undefined || beyond === listen.host ? '' : `, which is ${beyond}`;
  throw new UsageError(
    `refuses to listen at ${formatAddress(listen)}${meaning}, without TLS: whoever reaches this port can erase committed ` +
      'entries and stop the cluster for good. Listen on a loopback address, or add --insecure if nobody but the ' +
      'members can reach the port',
  );
}
