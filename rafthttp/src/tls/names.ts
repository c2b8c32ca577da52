import {
  contentOf,
  type Der,
  expectTag,
  INTEGER,
  integerOf,
  malformed,
  partsOf,
  readDer,
  SEQUENCE,
  SET,
} from './der.js';

/** The names in a certificate. Names are keys: equal for equal names. */
export interface CertificateNames {
  readonly issuer: string;
  readonly subject: string;
  /** Hexadecimal, without leading zeros. */
  readonly serial: string;
}

/** Reads the names in a certificate. Throws `ERR_RAFT_TLS` if it is not DER. */
export function namesOf(certificate: Uint8Array): CertificateNames {
  const whole = expectTag(readDer(certificate, 0, certificate.length), SEQUENCE);
  const parts = [...partsOf(certificate, readDer(certificate, whole.start, whole.end))];
  // The version comes first, unless it is 1.
  if (parts[0]?.tag !== INTEGER) parts.shift();
  const [serial, , issuer, , subject] = parts;
  if (serial === undefined || issuer === undefined || subject === undefined) throw malformed('it ends too early');
  return {
    issuer: nameKey(certificate, issuer),
    subject: nameKey(certificate, subject),
    serial: integerOf(certificate, serial),
  };
}

/**
 * Returns a key for a distinguished name. As in RFC 5280, section 7.1, neither the kind of string, nor case, nor
 * leading, trailing or repeated spaces make a difference, because a list and a certificate may come from different
 * tools.
 */
export function nameKey(bytes: Uint8Array, name: Der): string {
  const sets: string[] = [];
  for (const set of partsOf(bytes, expectTag(name, SEQUENCE))) {
    const attributes: string[] = [];
    for (const attribute of partsOf(bytes, expectTag(set, SET))) {
      const [type, value] = [...partsOf(bytes, expectTag(attribute, SEQUENCE))];
      if (type === undefined || value === undefined) throw malformed('a name without a value');
      attributes.push(`${contentOf(bytes, type).toString('hex')}=${valueKey(bytes, value)}`);
    }
    sets.push(attributes.sort().join('+'));
  }
  return sets.join(',');
}

/** How to decode each kind of string in a name. */
const encodings: Readonly<Record<number, (bytes: Buffer) => string>> = {
  12: (bytes) => bytes.toString('utf8'),
  19: (bytes) => bytes.toString('latin1'),
  20: (bytes) => bytes.toString('latin1'),
  22: (bytes) => bytes.toString('latin1'),
  26: (bytes) => bytes.toString('latin1'),
  30: (bytes) => (bytes.length % 2 === 0 ? Buffer.from(bytes).swap16().toString('utf16le') : bytes.toString('hex')),
};

function valueKey(bytes: Uint8Array, value: Der): string {
  const content = contentOf(bytes, value);
  const text = encodings[value.tag]?.(content).trim().replace(/\s+/gu, ' ').toLowerCase();
  // In hexadecimal, so that the text of one name cannot look like the parts of another.
  return text === undefined ? `${value.tag}:${content.toString('hex')}` : Buffer.from(text).toString('hex');
}
