import type { X509Certificate } from 'node:crypto';
import type { NodeId } from '@raft-ts/proto';

/** Certificates for the connections between members. Files are read again when they change, without a restart. */
export interface TlsOptions {
  /** Certificate of this member, and any that lie between it and the CA: PEM. Shown to whoever connects. */
  readonly certFile: string;
  /** Its private key: PEM. */
  readonly keyFile: string;
  /** Another certificate to show to the members that this one dials, with `clientKeyFile`. The same where not given. */
  readonly clientCertFile?: string;
  readonly clientKeyFile?: string;
  /**
   * The CA that signs the members' certificates: PEM. Others are not accepted, and whoever connects must show one.
   * Where not given, those that Node.js trusts.
   */
  readonly trustedCaFile?: string;
  /** Must whoever connects show a certificate? True with `trustedCaFile`, whatever is said here. */
  readonly clientCertAuth?: boolean;
  /**
   * Revocation lists: one as DER, which is what etcd reads, or any number as PEM, all of them whole. A certificate is
   * refused if it, another one that the same side shows, or one of the CAs above it is on the list of its own issuer.
   * Neither a list's signature nor its dates are checked, as in etcd: a list that has expired still counts, and an
   * issuer without a list revokes nothing. Connections that are open when a list changes stay.
   */
  readonly crlFile?: string;
  /** Common names, one of which a member's certificate must have. Not together with `allowedHostnames`. */
  readonly allowedCns?: readonly string[];
  /** Names or IP addresses, for one of which a member's certificate must be. */
  readonly allowedHostnames?: readonly string[];
  /** The name that the certificate of a dialled member must be for; its host in the URL where not given. */
  readonly serverName?: string;
  /** Take whatever certificate a dialled member shows. For trying out. */
  readonly insecureSkipVerify?: boolean;
  /** Default `TLSv1.2`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Names of OpenSSL, most wanted first. Node.js's own choice where not given. */
  readonly cipherSuites?: readonly string[];
  /**
   * The member that a certificate belongs to; undefined where it is none's. With it, nobody can speak in another
   * member's name: who connects gets nothing but as that member, and who is dialled must be the member that was meant.
   * Where not given, any accepted certificate may speak as any member, as in etcd.
   */
  memberOf?(certificate: X509Certificate): NodeId | undefined;
}
