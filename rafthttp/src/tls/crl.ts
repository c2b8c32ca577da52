import { contentOf, type Der, expectTag, INTEGER, integerOf, malformed, partsOf, readDer, SEQUENCE } from './der.js';
import { type CertificateNames, nameKey } from './names.js';

/** UTCTime and GeneralizedTime. */
const times: readonly number[] = [0x17, 0x18];

/** `certificateIssuer`, RFC 5280, section 5.3.3. */
const CERTIFICATE_ISSUER = '551d1d';
const OCTET_STRING = 0x04;
const DIRECTORY_NAME = 0xa4;

/** The end of the lines around a list in PEM. */
const LABEL = 'X509 CRL-----';

/** A certificate in a list: a serial number is meaningless without its issuer. */
export type Revoked = Pick<CertificateNames, 'issuer' | 'serial'>;

/** The certificates in revocation lists. */
export class RevocationLists {
  private readonly serials = new Map<string, Set<string>>();

  /** Are all lists empty? */
  get isEmpty(): boolean {
    return this.serials.size === 0;
  }

  *[Symbol.iterator](): Generator<Revoked, void> {
    for (const [issuer, serials] of this.serials) for (const serial of serials) yield { issuer, serial };
  }

  add({ issuer, serial }: Revoked): void {
    const known = this.serials.get(issuer);
    if (known === undefined) this.serials.set(issuer, new Set([serial]));
    else known.add(serial);
  }

  revokes({ issuer, serial }: Revoked): boolean {
    return this.serials.get(issuer)?.has(serial) === true;
  }
}

/**
 * Reads revocation lists.
 *
 * @param bytes one list as DER, or any number of lists as PEM, and nothing else
 * @throws RaftError `ERR_RAFT_TLS` (reason `crl`)
 */
export function parseRevocationLists(bytes: Uint8Array): RevocationLists {
  const lists = new RevocationLists();
  for (const list of listsIn(bytes)) readList(list, lists);
  return lists;
}

function listsIn(bytes: Uint8Array): Uint8Array[] {
  if (bytes[0] === SEQUENCE) return [bytes];
  const text = Buffer.from(bytes).toString('latin1');
  const lists: Uint8Array[] = [];
  // A skipped list would revoke nothing, so every block must be a complete list.
  for (const block of text.split('-----BEGIN ').slice(1)) {
    if (!block.startsWith(LABEL)) throw malformed('PEM of something else among the lists');
    const length = block.indexOf(`-----END ${LABEL}`);
    const body = length < 0 ? '' : block.slice(LABEL.length, length);
    if (!/^[A-Za-z0-9+/=\s]+$/u.test(body)) throw malformed('PEM that is cut or damaged');
    lists.push(Buffer.from(body, 'base64'));
  }
  if (lists.length === 0) throw malformed('neither DER nor PEM');
  return lists;
}

/** Reads the issuers and serial numbers of a CertificateList (RFC 5280, section 5.1). */
function readList(bytes: Uint8Array, into: RevocationLists): void {
  const whole = expectTag(readDer(bytes, 0, bytes.length), SEQUENCE);
  if (whole.end !== bytes.length) throw malformed('bytes after the list');
  const parts = [...partsOf(bytes, expectTag(readDer(bytes, whole.start, whole.end), SEQUENCE))];
  if (parts[0]?.tag === INTEGER) parts.shift();
  expectTag(parts.shift(), SEQUENCE); // signature algorithm
  const issuer = nameKey(bytes, expectTag(parts.shift(), SEQUENCE));
  if (!times.includes(parts.shift()?.tag ?? 0)) throw malformed('no date');
  if (times.includes(parts[0]?.tag ?? 0)) parts.shift();
  // A list that revokes nothing leaves this out; extensions, which have a different tag, may follow directly.
  const [revoked] = parts;
  if (revoked?.tag === SEQUENCE) readRevoked(bytes, revoked, { issuer, into });
}

function readRevoked(bytes: Uint8Array, revoked: Der, list: { issuer: string; into: RevocationLists }): void {
  let { issuer } = list;
  for (const entry of partsOf(bytes, revoked)) {
    const [serial, , extensions] = [...partsOf(bytes, expectTag(entry, SEQUENCE))];
    if (serial === undefined) throw malformed('a revoked certificate without a serial number');
    // An entry may name another issuer, for itself and the entries after it.
    if (extensions !== undefined) issuer = issuerIn(bytes, extensions) ?? issuer;
    list.into.add({ issuer, serial: integerOf(bytes, serial) });
  }
}

/** The issuer that an entry's extensions name; undefined if they name none. */
function issuerIn(bytes: Uint8Array, extensions: Der): string | undefined {
  for (const extension of partsOf(bytes, expectTag(extensions, SEQUENCE))) {
    const [type, ...rest] = [...partsOf(bytes, expectTag(extension, SEQUENCE))];
    if (type === undefined || contentOf(bytes, type).toString('hex') !== CERTIFICATE_ISSUER) continue;
    const value = expectTag(rest.at(-1), OCTET_STRING);
    for (const name of partsOf(bytes, expectTag(readDer(bytes, value.start, value.end), SEQUENCE))) {
      if (name.tag === DIRECTORY_NAME) return nameKey(bytes, readDer(bytes, name.start, name.end));
    }
  }
  return undefined;
}
