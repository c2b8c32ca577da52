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

/** Tells whether a chain of certificates is revoked. */
export class Revocation {
  private readonly lists: RevocationLists;
  /** The trusted CAs, by name. */
  private readonly trusted = new Map<string, X509Certificate[]>();

  constructor(lists: RevocationLists, trusted: readonly X509Certificate[]) {
    this.lists = lists;
    for (const certificate of trusted) {
      const { subject } = namesOf(certificate.raw);
      const others = this.trusted.get(subject);
      if (others === undefined) this.trusted.set(subject, [certificate]);
      else others.push(certificate);
    }
  }

  /**
   * Returns why these certificates are not accepted. Node.js does not tell which of them OpenSSL used for the chain,
   * and trusted CAs need not be shown, so every certificate that was shown counts, and every CA that may have signed
   * one of them.
   *
   * @param presented the certificates shown by the other side, its own first
   */
  faultOf(presented: readonly X509Certificate[]): string | undefined {
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
    return undefined;
  }
}
