import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { RevocationLists } from './crl.js';
import { namesOf } from './names.js';

/**
 * All certificates that the other side has shown, its own one first. Only the first call for a socket gets all: Node.js
 * takes them out of the connection.
 */
export function presentedBy(socket: TLSSocket): X509Certificate[] {
  const presented: X509Certificate[] = [];
  // They are linked in the order in which they came, which need not be that of their signatures.
  for (let one = socket.getPeerX509Certificate(); one !== undefined; one = one.issuerCertificate) presented.push(one);
  return presented;
}

/** Says whether a chain of certificates is revoked. */
export class Revocation {
  private readonly lists: RevocationLists;
  /** The trusted CAs, by their names. */
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
   * Why these certificates are not accepted. Node.js does not tell which of them OpenSSL made the chain of, and CAs
   * that are trusted need not be shown: so every certificate counts that was shown, and every CA that may have signed
   * one of them.
   *
   * @param presented what the other side has shown, its own certificate first
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
        // Several CAs may have one name: after a change of keys, the old and the new one.
        for (const ca of this.trusted.get(names.issuer) ?? []) if (certificate.checkIssued(ca)) chain.add(ca);
      }
    } catch {
      // OpenSSL takes more than DER.
      return 'a certificate cannot be read';
    }
    return undefined;
  }
}
