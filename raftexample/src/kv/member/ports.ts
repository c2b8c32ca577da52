import { isIP } from 'node:net';
import type { CreateServer } from '@raft-ts/rafthttp';
import { connectionsWithin, MIN_CONNECTIONS, openFilesLimit } from '@raft-ts/rafthttp/internal';
import type { Logger } from 'winston';
import { dangerOfClients, dangerOfPeers, isLoopback, listenAddress } from '../../common/listen.js';
import { describeInsecure } from '../../common/log.js';
import { openTls } from '../../common/open-tls.js';
import { hostOf } from '../../common/peer-urls.js';
import { type Address, formatAddress, schemeOf } from '../../common/peers.js';
import { isMutual } from '../../common/tls-flags.js';
import type { KvOptions } from './options.js';

/** Of one port. */
const MAX_CONNECTIONS = 4096;

/** Where a member listens, and with what. */
export interface Ports {
  readonly peers: Address;
  readonly clients: Address;
  /** Creates the server for clients; `undefined` for plain HTTP. */
  readonly createServer: CreateServer | undefined;
  /** What to say once both are open. */
  readonly said: string;
  /** What whoever reads the log should know. */
  readonly warnings: readonly string[];
}

/**
 * Looks at both ports before anything is written, so that a member that is refused leaves nothing in its folder.
 * @throws UsageError if the member must not listen there, or its certificates cannot be used
 */
export async function preparePorts(options: KvOptions, log: Logger): Promise<Ports> {
  const { id, peers: members, listen, peerTls, clientTls, clientAddress, insecure, tokenFile } = options;
  const peersDanger = dangerOfPeers(peerTls);
  const clientsDanger = dangerOfClients(clientTls);
  const peersAt = listen ?? hostOf('--peers', members.get(id) as string);
  const peers = await listenAddress(peersAt, insecure ? undefined : peersDanger);
  const clients = await listenAddress(clientAddress, insecure ? undefined : clientsDanger);
  if (peerTls !== undefined) openTls('--peer-cert-file', peerTls, log);
  const createServer = clientTls === undefined ? undefined : openTls('--cert-file', clientTls, log);
  const warnings = [];
  if (insecure && peersDanger !== undefined) warnings.push(describeInsecure(peers, peersDanger));
  if (insecure && clientsDanger !== undefined && !isHere(clients)) {
    warnings.push(describeInsecure(clients, clientsDanger));
  }
  if (clientTls !== undefined && !isMutual(clientTls) && tokenFile === undefined && !isHere(clients)) {
    warnings.push(
      `asks clients at ${formatAddress(clients)} for nothing: whoever reaches this port can read and write every key, ` +
        'and remove members. Pass --trusted-ca-file, for certificates of clients, or --token-file',
    );
  }
  const [shownClients, shownPeers] = [shown(clients, clientTls), shown(peers, peerTls)];
  const said = `member ${id}: clients at ${shownClients}, peers at ${shownPeers}`;
  return { peers, clients, createServer, said, warnings };
}

/**
 * Returns how many connections each of the two ports takes, so that neither leaves the log without a file, nor the
 * other port without a connection.
 */
export function connectionsOfPorts(files: number | undefined = openFilesLimit()): number {
  const { connections } = connectionsWithin(2 * MAX_CONNECTIONS, files);
  return Math.max(MIN_CONNECTIONS, Math.floor(connections / 2));
}

function isHere({ host }: Address): boolean {
  return isIP(host) > 0 && isLoopback(host);
}

function shown(address: Address, tls: object | undefined): string {
  return tls === undefined ? formatAddress(address) : `${schemeOf(tls)}://${formatAddress(address)}`;
}
