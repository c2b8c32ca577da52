import type { X509Certificate } from 'node:crypto';
import type { NodeId } from '@raft-ts/proto';

/** Certificates for the connections between members. Changed files are read again without a restart. */
export interface TlsOptions {
  /** PEM: this member's certificate, followed by any intermediates. Shown to whoever connects. */
  readonly certFile: string;
  /** PEM: its private key. */
  readonly keyFile: string;
  /** A separate certificate to show to the members that this one dials, with `clientKeyFile`. Default: the same. */
  readonly clientCertFile?: string;
  readonly clientKeyFile?: string;
  /**
   * PEM: the CA that signs the members' certificates. Others are not accepted, and whoever connects must show one.
   * Default: the CAs that Node.js trusts.
   */
  readonly trustedCaFile?: string;
  /** Must whoever connects show a certificate? Always true with `trustedCaFile`. */
  readonly clientCertAuth?: boolean;
  /**
   * Revocation lists: one as DER, the format that etcd reads, or any number as PEM. A certificate is refused if it,
   * another one that the same side shows, or one of the CAs above it is on its issuer's list. Neither a list's
   * signature nor its dates are checked, as in etcd: a list that has expired still counts, and an issuer without a list
   * revokes nothing. While anything is revoked, a certificate that cannot be followed up to a trusted CA is refused:
   * Node.js 24.21 and 26.8 do not tell a server which CAs between the two a client has shown, and they may be revoked.
   * Connections that are open when a list changes stay open.
   */
  readonly crlFile?: string;
  /** Common names, one of which a member's certificate must have. Excludes `allowedHostnames`. */
  readonly allowedCns?: readonly string[];
  /** Host names or IP addresses, one of which a member's certificate must be valid for. */
  readonly allowedHostnames?: readonly string[];
  /** The name that the certificate of a dialled member must be valid for. Default: the host in its URL. */
  readonly serverName?: string;
  /** Accept any certificate from a dialled member. For trying out only. */
  readonly insecureSkipVerify?: boolean;
  /** Default `TLSv1.2`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** OpenSSL names in order of preference. Default: Node.js's own choice. */
  readonly cipherSuites?: readonly string[];
  /**
   * Returns the member that a certificate belongs to; undefined if none. With it, nobody can speak in another member's
   * name: whoever connects is treated as that member only, and whoever is dialled must be the intended member. Without
   * it, any accepted certificate may speak as any member, as in etcd.
   */
  memberOf?(certificate: X509Certificate): NodeId | undefined;
}
