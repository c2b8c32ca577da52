import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { type Address, formatAddress } from './peers.js';
import { UsageError } from './usage.js';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Can only this machine reach this IP address? IPv4 addresses in IPv6 form are recognised. */
export function isLoopback(ip: string): boolean {
  return loopback.check(ip, isIP(ip) === 6 ? 'ipv6' : 'ipv4');
}

/** Looks up all addresses of a name; an IP address stands for itself. */
export type Resolve = (host: string) => Promise<readonly string[]>;

const resolveHost: Resolve = async (host) => {
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
};

/**
 * Returns the address to listen on. There is no TLS, so it must be a loopback address unless the user says otherwise. A
 * name is looked up here and its address used, because the name might resolve differently a moment later.
 *
 * @throws UsageError if the address can be reached from other machines, without `insecure`, or cannot be looked up
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
