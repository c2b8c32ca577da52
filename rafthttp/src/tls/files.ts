import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import * as nodeTls from 'node:tls';
import { createSecureContext, rootCertificates, type SecureContextOptions } from 'node:tls';
import { RaftError } from '@raft-ts/proto';
import { describeError, ERR_TLS } from '../base/errors.js';
import { MAX_TLS_FILE_BYTES, TLS_FILES_CHECK_MS } from '../base/limits.js';
import type { TransportLogger } from '../base/logger.js';
import { parseRevocationLists } from './crl.js';
import type { TlsOptions } from './options.js';
import { Revocation } from './revocation.js';

/** The contents of the files when they were last read. */
export interface TlsMaterial {
  readonly server: SecureContextOptions;
  readonly client: SecureContextOptions;
  /** Undefined without a revocation list. */
  readonly revocation: Revocation | undefined;
}

/**
 * The files named in the options, read again when a connection arrives and they have changed. Reading is synchronous,
 * because the handshake begins in the same turn. If the new files cannot be used, the earlier ones stay in force.
 */
export class TlsFiles {
  private readonly options: TlsOptions;
  private readonly logger: TransportLogger;
  private readonly paths: readonly string[];
  private material: TlsMaterial;
  private stamp: string;
  private checkedMs = performance.now();

  /** @throws RaftError `ERR_RAFT_TLS` (reason `files` or `crl`) if they cannot be used */
  constructor(options: TlsOptions, logger: TransportLogger) {
    this.options = options;
    this.logger = logger;
    const { certFile, keyFile, clientCertFile, clientKeyFile, trustedCaFile, crlFile } = options;
    this.paths = [certFile, keyFile, clientCertFile, clientKeyFile, trustedCaFile, crlFile].filter(
      (path) => path !== undefined,
    );
    this.stamp = stampOf(this.paths);
    this.material = load(options);
  }

  /** The material in force now. */
  current(): TlsMaterial {
    const now = performance.now();
    if (now - this.checkedMs < TLS_FILES_CHECK_MS) return this.material;
    this.checkedMs = now;
    const stamp = stampOf(this.paths);
    if (stamp === this.stamp) return this.material;
    this.stamp = stamp;
    try {
      this.material = load(this.options);
      this.logger.info('loaded changed certificate files', {});
    } catch (error) {
      this.logger.warn('kept the earlier certificates: the changed files cannot be used; fix them', {
        error: describeError(error),
      });
    }
    return this.material;
  }
}

function load(options: TlsOptions): TlsMaterial {
  const { certFile, keyFile, clientCertFile = certFile, clientKeyFile = keyFile, trustedCaFile, crlFile } = options;
  const common: SecureContextOptions = {
    minVersion: options.minVersion ?? 'TLSv1.2',
    ...(options.maxVersion === undefined ? {} : { maxVersion: options.maxVersion }),
    ...(options.cipherSuites === undefined ? {} : { ciphers: options.cipherSuites.join(':') }),
    ...(trustedCaFile === undefined ? {} : { ca: read(trustedCaFile) }),
  };
  const server = { ...common, cert: read(certFile), key: read(keyFile) };
  const client = { ...common, cert: read(clientCertFile), key: read(clientKeyFile) };
  try {
    createSecureContext(server);
    createSecureContext(client);
  } catch (cause) {
    throw new RaftError(ERR_TLS, `certificate and key cannot be used: ${describeError(cause)}`, {
      reason: 'files',
      cause,
    });
  }
  return { server, client, revocation: crlFile === undefined ? undefined : revocationOf(crlFile, trustedCaFile) };
}

/** The CAs of Node.js and of whoever has started it; older releases tell their own ones only. */
function trustedByDefault(): readonly string[] {
  const { getCACertificates } = nodeTls as { getCACertificates?: (type: 'default') => readonly string[] };
  return getCACertificates?.('default') ?? rootCertificates;
}

function revocationOf(crlFile: string, trustedCaFile: string | undefined): Revocation {
  const lists = parseRevocationLists(read(crlFile));
  const trusted = trustedCaFile === undefined ? trustedByDefault() : pemCertificates(read(trustedCaFile));
  // A CA that OpenSSL cannot read has not signed any certificate that it accepts.
  const readable = trusted.flatMap((pem) => {
    try {
      return [new X509Certificate(pem)];
    } catch {
      return [];
    }
  });
  return new Revocation(lists, { certificates: readable, isAll: trusted !== rootCertificates });
}

function pemCertificates(bytes: Buffer): readonly string[] {
  return (
    bytes.toString('latin1').match(/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END [A-Z0-9 ]*-----/gu) ??
    []
  );
}

function read(path: string): Buffer {
  try {
    if (statSync(path).size > MAX_TLS_FILE_BYTES) throw new Error('it is too long');
    return readFileSync(path);
  } catch (cause) {
    throw new RaftError(ERR_TLS, `cannot read ${path}: ${describeError(cause)}`, { reason: 'files', cause });
  }
}

/** Returns a text that changes when one of the files does. */
function stampOf(paths: readonly string[]): string {
  return paths
    .map((path) => {
      const found = statSync(path, { throwIfNoEntry: false });
      return found === undefined ? '-' : `${found.ino} ${found.size} ${found.mtimeMs}`;
    })
    .join('|');
}
