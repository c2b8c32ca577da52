import { constants, type X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type AgentOptions, createServer, Agent as HttpsAgent, type Server, type ServerOptions } from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { checkServerIdentity, type PeerCertificate, type SecureContextOptions, TLSSocket } from 'node:tls';
import { type NodeId, RaftError } from '@raft-ts/proto';
import { describeError, ERR_TLS } from '../base/errors.js';
import { formatId } from '../base/headers.js';
import { HANDSHAKE_TIMEOUT_MS } from '../base/limits.js';
import type { TransportLogger } from '../base/logger.js';
import type { Warnings } from '../base/warnings.js';
import { TlsFiles } from './files.js';
import type { TlsOptions } from './options.js';
import { presentedBy } from './revocation.js';

/** Nothing else, because a peer that is offered HTTP/2 would use it. */
const ALPN = ['http/1.1'];

/** A resumed session would not show a certificate, and renegotiation could change it in the middle of a connection. */
const secureOptions = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION;

/** The certificates of a transport: those that it shows, and those that it accepts. */
export class Tls {
  private readonly options: TlsOptions;
  private readonly warnings: Warnings;
  private readonly files: TlsFiles;
  private readonly owners = new WeakMap<object, NodeId>();

  /** @throws RaftError `ERR_RAFT_TLS` */
  constructor(options: TlsOptions, logger: TransportLogger, warnings: Warnings) {
    checkOptions(options);
    this.options = options;
    this.warnings = warnings;
    this.files = new TlsFiles(options, logger);
  }

  /** Are certificates tied to members? */
  get bindsMembers(): boolean {
    return this.options.memberOf !== undefined;
  }

  /** Returns an agent that opens connections to this member, with the current certificates. */
  agent(peer: NodeId, options: AgentOptions): HttpsAgent {
    return new PeerAgent(
      options,
      () => this.clientOptions(),
      (socket) => this.guard(socket, peer),
    );
  }

  /** Creates a server that lets nobody in whose certificate is not accepted. */
  createServer(options: ServerOptions, listener: Parameters<typeof createServer>[1]): Server {
    const server = createServer({ ...options, ...this.serverOptions() }, listener);
    let current = this.files.current();
    // Before the listener that begins the handshake.
    server.prependListener('connection', () => {
      const next = this.files.current();
      if (next === current) return;
      current = next;
      server.setSecureContext({ ...next.server, secureOptions });
    });
    // Before the listener that begins to read requests.
    server.prependListener('secureConnection', (socket: TLSSocket) => {
      const fault = this.requestsCertificate ? this.faultOf(presentedBy(socket), true) : undefined;
      if (fault === undefined) return;
      this.refused(socket, fault);
      socket.destroy();
    });
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      this.refused(socket, faultOfChain(socket) ?? faultOfHandshake(error));
      socket.destroy();
    });
    return server;
  }

  /** Returns the member whose certificate this connection showed; undefined if none. */
  ownerOf(connection: IncomingMessage['socket'] | null): NodeId | undefined {
    if (!(connection instanceof TLSSocket)) return undefined;
    const known = this.owners.get(connection);
    if (known !== undefined) return known;
    const certificate = connection.getPeerX509Certificate();
    const owner = certificate === undefined ? undefined : this.memberOf(certificate);
    if (owner !== undefined) this.owners.set(connection, owner);
    return owner;
  }

  private get requestsCertificate(): boolean {
    return this.options.trustedCaFile !== undefined || this.options.clientCertAuth === true;
  }

  private serverOptions(): ServerOptions {
    return {
      ...this.files.current().server,
      secureOptions,
      requestCert: this.requestsCertificate,
      rejectUnauthorized: this.requestsCertificate,
      ALPNProtocols: ALPN,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    };
  }

  private clientOptions(): PeerConnectionOptions {
    const { serverName, insecureSkipVerify = false, allowedHostnames } = this.options;
    return {
      ...this.files.current().client,
      secureOptions,
      ALPNProtocols: ALPN,
      rejectUnauthorized: !insecureSkipVerify,
      ...(serverName === undefined ? {} : { servername: serverName }),
      // Allowed names replace the one that was dialled.
      checkServerIdentity: (host: string, certificate: PeerCertificate) =>
        allowedHostnames === undefined ? checkServerIdentity(serverName ?? host, certificate) : undefined,
    };
  }

  /**
   * Checks who was dialled, before anything is sent. Not in `checkServerIdentity`, which gets only one certificate of
   * the chain, and is not called if any certificate is accepted.
   */
  private guard(socket: TLSSocket, peer: NodeId): void {
    socket.prependOnceListener('secureConnect', () => {
      const fault = this.faultOfPeer(presentedBy(socket), peer);
      if (fault !== undefined) socket.destroy(new Error(fault));
    });
  }

  private faultOfPeer(presented: readonly X509Certificate[], peer: NodeId): string | undefined {
    const fault = this.faultOf(presented, this.options.insecureSkipVerify !== true);
    const [certificate] = presented;
    if (fault !== undefined || certificate === undefined || !this.bindsMembers) return fault;
    return this.memberOf(certificate) === peer ? undefined : `the certificate is not that of member ${formatId(peer)}`;
  }

  /**
   * Returns why these certificates are not accepted. @param isSigned has the CA signed the first of them, as it must
   * unless any is accepted?
   */
  private faultOf(presented: readonly X509Certificate[], isSigned: boolean): string | undefined {
    const [certificate] = presented;
    if (certificate === undefined) return 'no certificate';
    const { allowedCns, allowedHostnames } = this.options;
    const revoked = this.files.current().revocation?.faultOf(presented, isSigned);
    if (revoked !== undefined) return revoked;
    if (allowedCns !== undefined && !allowedCns.includes(commonName(certificate) ?? '')) {
      return 'client certificate authentication failed: the common name is not allowed';
    }
    if (allowedHostnames !== undefined && !allowedHostnames.some((name) => isFor(certificate, name))) {
      return 'client certificate authentication failed: the host name is not allowed';
    }
    return undefined;
  }

  private memberOf(certificate: X509Certificate): NodeId | undefined {
    try {
      return this.options.memberOf?.(certificate);
    } catch {
      return undefined;
    }
  }

  private refused(socket: TLSSocket, error: string): void {
    // Node.js closes the connection before it tells of a certificate that is not accepted.
    const from = socket.remoteAddress === undefined ? {} : { 'remote-addr': socket.remoteAddress };
    this.warnings.warn('rejected connection', { ...from, error });
  }
}

type PeerConnectionOptions = SecureContextOptions & {
  readonly ALPNProtocols: string[];
  readonly rejectUnauthorized: boolean;
  readonly servername?: string;
  checkServerIdentity(host: string, certificate: PeerCertificate): Error | undefined;
};

/** Gets the certificates when a connection is opened, not when the agent is created. */
class PeerAgent extends HttpsAgent {
  private readonly current: () => PeerConnectionOptions;
  private readonly guard: (socket: TLSSocket) => void;

  constructor(options: AgentOptions, current: () => PeerConnectionOptions, guard: (socket: TLSSocket) => void) {
    super({ ...options, maxCachedSessions: 0 });
    this.current = current;
    this.guard = guard;
  }

  override createConnection(options: object, callback?: (error: Error | null, stream: Duplex) => void): TLSSocket {
    const socket = super.createConnection({ ...options, ...this.current() }, callback) as TLSSocket;
    this.guard(socket);
    return socket;
  }
}

/** What is wrong with chains of certificates, by the codes that Node.js gives. */
const chainFaults: ReadonlyMap<string, string> = new Map([
  ['CERT_HAS_EXPIRED', 'the certificate, or a CA above it, has expired'],
  ['CERT_NOT_YET_VALID', 'the certificate, or a CA above it, is not valid yet'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'the certificate signed itself: no trusted CA did'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'the CA of the certificate is not trusted'],
  ['UNABLE_TO_GET_ISSUER_CERT', 'the CA of the certificate is not trusted'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'the CA of the certificate is not trusted'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'the CA of the certificate is not trusted'],
  ['INVALID_PURPOSE', 'the certificate is not meant for clients'],
]);

/** Returns why Node.js did not accept the certificate of whoever connected; undefined if it did not get so far. */
function faultOfChain({ authorizationError }: TLSSocket): string | undefined {
  // Declared as an error; it is a code.
  const code: unknown = authorizationError;
  return typeof code === 'string' ? (chainFaults.get(code) ?? `the certificate is not accepted: ${code}`) : undefined;
}

function faultOfHandshake(error: NodeJS.ErrnoException): string {
  return error.code === 'ECONNRESET'
    ? 'the other side left during the handshake, as it does if it does not accept the certificate of this side'
    : describeError(error);
}

function checkOptions(options: TlsOptions): void {
  const refuse = (message: string): never => {
    throw new RaftError(ERR_TLS, message, { reason: 'options' });
  };
  const { allowedCns, allowedHostnames, clientCertFile, clientKeyFile, trustedCaFile, clientCertAuth } = options;
  if (allowedCns !== undefined && allowedHostnames !== undefined) {
    refuse('allowedCns and allowedHostnames exclude each other');
  }
  if ((clientCertFile === undefined) !== (clientKeyFile === undefined)) {
    refuse('clientCertFile and clientKeyFile must be given together');
  }
  const needsCertificates =
    options.memberOf !== undefined || allowedCns !== undefined || allowedHostnames !== undefined;
  if (needsCertificates && trustedCaFile === undefined && clientCertAuth !== true) {
    refuse(
      'memberOf, allowedCns and allowedHostnames need trustedCaFile or clientCertAuth: without, nobody has to show a certificate',
    );
  }
}

/** Returns the common name, if there is exactly one. */
function commonName(certificate: X509Certificate): string | undefined {
  const { CN } = certificate.toLegacyObject().subject as { CN?: string | string[] };
  return typeof CN === 'string' ? CN : undefined;
}

function isFor(certificate: X509Certificate, name: string): boolean {
  return (isIP(name) > 0 ? certificate.checkIP(name) : certificate.checkHost(name, { subject: 'never' })) !== undefined;
}
