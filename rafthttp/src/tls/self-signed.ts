import { access, mkdir, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { RaftError } from '@raft-ts/proto';
import { ERR_TLS } from '../base/errors.js';
import { loadOptionalPeer } from '../base/optional-peer.js';
import type { TlsOptions } from './options.js';

/** Options of `selfSigned`. */
export interface SelfSignedOptions {
  /** The folder of `cert.pem` and `key.pem`, which are created if they are missing. */
  readonly folder: string;
  /** Names and addresses that the certificate is valid for. */
  readonly hosts: readonly string[];
  /** How long a new certificate is valid. Default 365. */
  readonly validityDays?: number;
}

/** The part of the package selfsigned that is used. */
interface SelfSigned {
  generate(attributes: readonly object[], options: object): Promise<{ private: string; cert: string }>;
}

/**
 * Creates a self-signed certificate, for trying out: it encrypts, but proves nothing. It is created once and then
 * reused, as in etcd. The returned options accept any certificate from a dialled member, and ask nobody for one.
 *
 * @throws RaftError `ERR_RAFT_OPTIONAL_PEER` if the package selfsigned is not installed, `ERR_RAFT_TLS` without hosts
 * or days
 */
export async function selfSigned({ folder, hosts, validityDays = 365 }: SelfSignedOptions): Promise<TlsOptions> {
  if (hosts.length === 0 || !(validityDays > 0)) {
    throw new RaftError(ERR_TLS, 'a certificate needs at least one host, and more than 0 days', { reason: 'options' });
  }
  const certFile = join(folder, 'cert.pem');
  const keyFile = join(folder, 'key.pem');
  if (!((await exists(certFile)) && (await exists(keyFile)))) {
    const pems = await generate(hosts, validityDays);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(keyFile, pems.private, { mode: 0o600 });
    await writeFile(certFile, pems.cert);
  }
  return { certFile, keyFile, insecureSkipVerify: true };
}

function generate(hosts: readonly string[], validityDays: number): Promise<{ private: string; cert: string }> {
  const generator = loadOptionalPeer('selfsigned', 'a self-signed certificate') as SelfSigned;
  return generator.generate([{ name: 'organizationName', value: 'raft-ts' }], {
    keyType: 'ec',
    curve: 'P-521',
    algorithm: 'sha512',
    notAfterDate: new Date(Date.now() + validityDays * 86_400_000),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      {
        name: 'subjectAltName',
        altNames: hosts.map((host) => (isIP(host) > 0 ? { type: 7, ip: host } : { type: 2, value: host })),
      },
    ],
  });
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
