import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { RevocationLists } from './crl.js';
import { namesOf } from './names.js';

/**
 * Returns all certificates that the other side has shown, its own one first. Only the first call for a socket gets all,
 * because Node.js removes them from the connection.
 */
export function presentedBy(socket: TLSSocket): X509Certificate[] {
  const presented: X509Certificate[] = [];
  // They are linked in order of arrival, which need not be the order of the signatures.
  for (let one = socket.getPeerX509Certificate(); one !== undefined; one = one.issuerCertificate) presented.push(one);
  return presented;
}

/** The CAs that are trusted. */
export interface Trusted {
  readonly certificates: readonly X509Certificate[];
  /** Are there no others? */
  readonly isAll: boolean;
}

/** Tells whether a chain of certificates is revoked. */
export class Revocation {
  private readonly lists: RevocationLists;
  /** The trusted CAs, by name. */
  private readonly trusted = new Map<string, X509Certificate[]>();
  private readonly fingerprints: ReadonlySet<string> | undefined;

  constructor(lists: RevocationLists, { certificates, isAll }: Trusted) {
    this.lists = lists;
    this.fingerprints = isAll ? new Set(certificates.map(({ fingerprint256 }) => fingerprint256)) : undefined;
    for (const certificate of certificates) {
      const { subject } = namesOf(certificate.raw);
      const others = this.trusted.get(subject);
      if (others === undefined) this.trusted.set(subject, [certificate]);
      else others.push(certificate);
    }
  }

  /**
   * Returns why these certificates are not accepted. Node.js does not tell which of them OpenSSL used for the chain,
   * and trusted CAs need not be shown, so every certificate that was shown counts, and every CA that may have signed
   * one of them. Node.js 24.21 and 26.8 do not tell a server which CAs a client has shown
   * (https://github.com/nodejs/node/issues/65579): what cannot be followed to a trusted CA is not accepted.
   *
   * @param presented the certificates shown by the other side, its own first
   * @param isSigned has OpenSSL found that a trusted CA has signed them?
   */
  faultOf(presented: readonly X509Certificate[], isSigned: boolean): string | undefined {
    if (this.lists.isEmpty) return undefined;
    const chain = new Set(presented);
    try {
      for (const certificate of chain) {
        const names = namesOf(certificate.raw);
        if (this.lists.revokes(names)) {
          return certificate === presented[0] ? 'the certificate is revoked' : 'a CA of the certificate is revoked';
        }
        // Several CAs may have the same name: the old and the new one after a change of keys.
        for (const ca of this.trusted.get(names.issuer) ?? []) if (certificate.checkIssued(ca)) chain.add(ca);
      }
    } catch {
      // OpenSSL accepts more than DER.
      return 'a certificate cannot be read';
    }
    return isSigned && !this.leadsToTrusted(chain)
      ? 'the CAs between the certificate and a trusted one cannot be seen, so they may be revoked (some releases of Node.js hide them)'
      : undefined;
  }

  /** @param chain the certificate in question first */
  private leadsToTrusted(chain: ReadonlySet<X509Certificate>): boolean {
    const { fingerprints } = this;
    if (fingerprints === undefined) return true;
    const [first] = chain;
    const above = new Set(first === undefined ? [] : [first]);
    for (const certificate of above) {
      if (fingerprints.has(certificate.fingerprint256)) return true;
      for (const ca of chain) if (certificate.checkIssued(ca)) above.add(ca);
    }
    return false;
  }
}
