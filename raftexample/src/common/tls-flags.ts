import type { X509Certificate } from 'node:crypto';
import type { TlsOptions } from '@raft-ts/rafthttp';
import { UsageError } from './usage.js';

/** The certificates of the members' port. The names are etcd's, but for the last one. */
export const peerTlsFlags = {
  'peer-cert-file': { type: 'string' },
  'peer-key-file': { type: 'string' },
  'peer-trusted-ca-file': { type: 'string' },
  'peer-client-cert-auth': { type: 'boolean' },
  'peer-client-cert-file': { type: 'string' },
  'peer-client-key-file': { type: 'string' },
  'peer-crl-file': { type: 'string' },
  'peer-cert-allowed-cn': { type: 'string' },
  'peer-cert-allowed-hostname': { type: 'string' },
  'peer-member-cn': { type: 'string' },
} as const;

/** The certificates of the clients' port. The names are etcd's. */
export const clientTlsFlags = {
  'cert-file': { type: 'string' },
  'key-file': { type: 'string' },
  'trusted-ca-file': { type: 'string' },
  'client-cert-auth': { type: 'boolean' },
  'client-crl-file': { type: 'string' },
  'client-cert-allowed-hostname': { type: 'string' },
} as const;

/** For the texts of --help. */
export const peerTlsHelp = `  --peer-cert-file FILE        PEM: this member's certificate, and any CAs between it and the trusted one. The URLs of
                               --peers then begin with https://
  --peer-key-file FILE         PEM: its private key
  --peer-trusted-ca-file FILE  PEM: the CA of the members' certificates; whoever connects must show one that it signed
  --peer-client-cert-auth      whoever connects must show a certificate, without that flag of a CA that Node.js trusts
  --peer-client-cert-file FILE, --peer-client-key-file FILE
                               what this member shows to those it dials (default: the same)
  --peer-crl-file FILE         lists of revoked certificates, DER or PEM
  --peer-cert-allowed-cn NAMES, --peer-cert-allowed-hostname NAMES
                               names, with commas between them, of which a certificate must have one
  --peer-member-cn PREFIX      the common name of member N's certificate is PREFIX and N, such as member-1: then no
                               member can speak in the name of another one
`;

export const clientTlsHelp = `  --cert-file FILE             PEM: the certificate for clients, who then speak https://
  --key-file FILE              PEM: its private key
  --trusted-ca-file FILE       PEM: the CA of clients' certificates; every client must show one that it signed
  --client-cert-auth           clients must show a certificate, without that flag of a CA that Node.js trusts
  --client-crl-file FILE       lists of revoked certificates, DER or PEM
  --client-cert-allowed-hostname NAMES
                               names, with commas between them, of which a client's certificate must have one
`;

type Values<Flags> = { readonly [Flag in keyof Flags]?: string | boolean | undefined };

/** The certificates of the members' port; `undefined` for plain HTTP. @throws UsageError for flags that do not fit */
export function parsePeerTls(values: Values<typeof peerTlsFlags>): TlsOptions | undefined {
  const flags = new TlsFlags(values, '--peer-cert-file');
  const prefix = flags.text('peer-member-cn');
  return flags.options({
    certFile: flags.text('peer-cert-file'),
    keyFile: flags.text('peer-key-file'),
    trustedCaFile: flags.text('peer-trusted-ca-file'),
    clientCertAuth: values['peer-client-cert-auth'] === true ? true : undefined,
    clientCertFile: flags.text('peer-client-cert-file'),
    clientKeyFile: flags.text('peer-client-key-file'),
    crlFile: flags.text('peer-crl-file'),
    allowedCns: flags.list('peer-cert-allowed-cn'),
    allowedHostnames: flags.list('peer-cert-allowed-hostname'),
    memberOf: prefix === undefined ? undefined : (certificate: X509Certificate) => memberNamed(prefix, certificate),
  });
}

/** The certificates of the clients' port; `undefined` for plain HTTP. @throws UsageError for flags that do not fit */
export function parseClientTls(values: Values<typeof clientTlsFlags>): TlsOptions | undefined {
  const flags = new TlsFlags(values, '--cert-file');
  return flags.options({
    certFile: flags.text('cert-file'),
    keyFile: flags.text('key-file'),
    trustedCaFile: flags.text('trusted-ca-file'),
    clientCertAuth: values['client-cert-auth'] === true ? true : undefined,
    crlFile: flags.text('client-crl-file'),
    allowedHostnames: flags.list('client-cert-allowed-hostname'),
  });
}

class TlsFlags {
  private readonly given: readonly string[];
  private readonly values: Readonly<Record<string, unknown>>;
  private readonly certFlag: string;

  constructor(values: Readonly<Record<string, unknown>>, certFlag: '--peer-cert-file' | '--cert-file') {
    const names = Object.keys(certFlag === '--cert-file' ? clientTlsFlags : peerTlsFlags);
    this.given = names.filter((name) => values[name] !== undefined);
    this.values = values;
    this.certFlag = certFlag;
  }

  text(name: string): string | undefined {
    const value = this.values[name];
    if (value === '') throw new UsageError(`--${name} wants a value, not ''`);
    return typeof value === 'string' ? value : undefined;
  }

  list(name: string): readonly string[] | undefined {
    const names = this.text(name)?.split(',');
    if (names?.includes('')) throw new UsageError(`--${name} wants names with commas between them`);
    return names;
  }

  options(found: { readonly [Option in keyof TlsOptions]: TlsOptions[Option] | undefined }): TlsOptions | undefined {
    const { certFile, keyFile } = found;
    if (this.given.length === 0) return undefined;
    if (certFile === undefined || keyFile === undefined) {
      const missing = certFile === undefined ? this.certFlag : this.certFlag.replace('cert', 'key');
      throw new UsageError(`--${this.given[0]} needs ${missing}`);
    }
    const set = Object.entries(found).filter(([, value]) => value !== undefined);
    return Object.fromEntries(set) as unknown as TlsOptions;
  }
}

/** The member with this prefix and its id for a common name; of one that has several names, none. */
function memberNamed(prefix: string, { subject }: X509Certificate): bigint | undefined {
  // Node.js writes one attribute per line, and escapes line breaks in them.
  const names = subject.split('\n').filter((line) => line.startsWith('CN='));
  const [name = ''] = names;
  const id = name.slice('CN='.length + prefix.length);
  const isMember = names.length === 1 && name === `CN=${prefix}${id}` && /^[1-9]\d{0,19}$/u.test(id);
  return isMember ? BigInt(id) : undefined;
}

/** Must whoever connects show a certificate? */
export function isMutual(tls: TlsOptions | undefined): boolean {
  return tls?.trustedCaFile !== undefined || tls?.clientCertAuth === true;
}

/** Checks that URLs of members fit their certificates. @throws UsageError */
export function checkScheme(flag: string, what: string, url: string, tls: TlsOptions | undefined): void {
  if (tls === undefined && url.startsWith('https:')) {
    throw new UsageError(
      `${flag} gives ${what} an https:// URL, which needs certificates: pass --peer-cert-file and --peer-key-file, and ` +
        '--peer-trusted-ca-file with the CA of all members',
    );
  }
  if (tls !== undefined && url.startsWith('http:')) {
    throw new UsageError(
      `${flag} gives ${what} an http:// URL, but --peer-cert-file is for https://: members speak TLS to all others or ` +
        'to none',
    );
  }
}
