import { RaftError } from '@raft-ts/proto';

/** A value of DER: its tag, and where its content lies. */
interface Der {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const times: readonly number[] = [0x17, 0x18];

/**
 * The serial numbers that revocation lists name, as hex digits without zeros before them.
 *
 * @param bytes one list as DER, or any number of them as PEM
 * @throws RaftError `ERR_RAFT_TLS` (reason `crl`)
 */
export function parseRevocationLists(bytes: Uint8Array): Set<string> {
  const serials = new Set<string>();
  for (const list of listsIn(bytes)) readList(list, serials);
  return serials;
}

/** A serial number as `parseRevocationLists` writes it. */
export function normalSerial(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/u, '');
}

function listsIn(bytes: Uint8Array): Uint8Array[] {
  if (bytes[0] === SEQUENCE) return [bytes];
  const text = Buffer.from(bytes).toString('latin1');
  const blocks = [...text.matchAll(/-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]*)-----END X509 CRL-----/gu)];
  if (blocks.length === 0) throw malformed('neither DER nor PEM');
  return blocks.map(([, body = '']) => Buffer.from(body, 'base64'));
}

/** CertificateList of RFC 5280, section 5.1: of all that it holds, only the serial numbers are looked at. */
function readList(bytes: Uint8Array, serials: Set<string>): void {
  const whole = expect(readDer(bytes, 0, bytes.length), SEQUENCE);
  if (whole.end !== bytes.length) throw malformed('bytes after the list');
  const tbs = expect(readDer(bytes, whole.start, whole.end), SEQUENCE);
  let next = readDer(bytes, tbs.start, tbs.end);
  if (next.tag === INTEGER) next = readDer(bytes, next.end, tbs.end);
  expect(next, SEQUENCE); // signature algorithm
  next = expect(readDer(bytes, next.end, tbs.end), SEQUENCE); // issuer
  next = readDer(bytes, next.end, tbs.end); // this update
  if (!times.includes(next.tag)) throw malformed('no date');
  if (next.end === tbs.end) return;
  next = readDer(bytes, next.end, tbs.end);
  if (times.includes(next.tag)) {
    if (next.end === tbs.end) return;
    next = readDer(bytes, next.end, tbs.end);
  }
  // A list that revokes nothing leaves this out; extensions, which have another tag, may follow at once.
  if (next.tag !== SEQUENCE) return;
  for (let at = next.start; at < next.end; ) {
    const revoked = expect(readDer(bytes, at, next.end), SEQUENCE);
    const serial = readDer(bytes, revoked.start, revoked.end);
    if (serial.tag !== INTEGER) throw malformed('a revoked certificate without a serial number');
    serials.add(normalSerial(Buffer.from(bytes.subarray(serial.start, serial.end)).toString('hex')));
    at = revoked.end;
  }
}

function expect(value: Der, tag: number): Der {
  if (value.tag !== tag) throw malformed(`tag ${value.tag} where ${tag} belongs`);
  return value;
}

function readDer(bytes: Uint8Array, at: number, end: number): Der {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined || at + 2 > end) throw malformed('it ends too early');
  if ((tag & 0x1f) === 0x1f) throw malformed('a long tag');
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first - 0x80;
    if (count < 1 || count > 4) throw malformed('a length of a form that is not used');
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[start + i] ?? Number.NaN);
    start += count;
  }
  if (!(length <= end - start)) throw malformed('a length beyond the end');
  return { tag, start, end: start + length };
}

function malformed(what: string): RaftError {
  return new RaftError('ERR_RAFT_TLS', `a revocation list cannot be read: ${what}`, { reason: 'crl' });
}
