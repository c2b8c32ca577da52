import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import type { TlsOptions } from '@raft-ts/rafthttp';
import { type Address, formatAddress } from './peers.js';
import { isMutual } from './tls-flags.js';
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

/** What makes a port unfit for a network. */
export interface Danger {
  /** What it lacks: `without TLS`. */
  readonly lack: string;
  /** What somebody can do who reaches it. */
  readonly harm: string;
  readonly remedy: string;
  /** Who alone may reach it if it stays so. */
  readonly users: string;
}

/** What is wrong with the members' port if others reach it; `undefined` if members have to prove who they are. */
export function dangerOfPeers(tls: TlsOptions | undefined): Danger | undefined {
  if (isMutual(tls)) return undefined;
  return {
    lack: tls === undefined ? 'without TLS' : 'without asking whoever connects for a certificate',
    harm: 'whoever reaches this port can erase committed entries and stop the cluster for good',
    remedy: `give the members certificates (${tls === undefined ? '--peer-cert-file, --peer-key-file and ' : ''}--peer-trusted-ca-file)`,
    users: 'the members',
  };
}

/** What is wrong with the clients' port if others reach it; `undefined` if it is encrypted. */
export function dangerOfClients(tls: TlsOptions | undefined): Danger | undefined {
  if (tls !== undefined) return undefined;
  return {
    lack: 'without TLS',
    harm: 'whoever reaches this port, or is on the way, can read and write every key, remove members, and see the token',
    remedy: 'pass --cert-file and --key-file',
    users: 'clients',
  };
}

/**
 * Returns the address to listen on. If there is a danger, it must be a loopback address. A name is looked up here and
 * its address used, because the name might resolve differently a moment later.
 *
 * @throws UsageError if the address can be reached from other machines in spite of a danger, or cannot be looked up
 */
export async function listenAddress(
  listen: Address,
  danger: Danger | undefined,
  resolve: Resolve = resolveHost,
): Promise<Address> {
  if (danger === undefined) return listen;
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
  const { lack, harm, remedy, users } = danger;
  throw new UsageError(
    `refuses to listen at ${formatAddress(listen)}${meaning}, ${lack}: ${harm}. Listen on a loopback address, ${remedy}, ` +
      `or add --insecure if nobody but ${users} can reach the port`,
  );
}
