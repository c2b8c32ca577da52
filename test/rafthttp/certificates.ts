import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';

/** Certificates and revocation lists for tests, written in DER by hand, so that the machine needs no tool for them. */

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length =
    body.length < 0x80
      ? Buffer.of(body.length)
      : body.length < 0x100
        ? Buffer.of(0x81, body.length)
        : Buffer.of(0x82, body.length >> 8, body.length & 0xff);
  return Buffer.concat([Buffer.of(tag), length, body]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const set = (...parts: readonly Uint8Array[]): Buffer => der(0x31, ...parts);
const octets = (bytes: Uint8Array): Buffer => der(0x04, bytes);
const bits = (bytes: Uint8Array): Buffer => der(0x03, Buffer.of(0), bytes);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const integer = (hex: string): Buffer => der(0x02, Buffer.from(hex, 'hex'));
const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text));
const time = (date: Date): Buffer =>
  der(0x18, Buffer.from(date.toISOString().replace(/[-:T]/gu, '').replace(/\..*/u, 'Z')));

const oids = {
  commonName: '550403',
  ecdsaWithSha256: '2a8648ce3d040302',
  basicConstraints: '551d13',
  keyUsage: '551d0f',
  altName: '551d11',
  extendedKeyUsage: '551d25',
  serverAuth: '2b06010505070301',
  clientAuth: '2b06010505070302',
  certificateIssuer: '551d1d',
};

const algorithm = sequence(oid(oids.ecdsaWithSha256));
const nameOf = (cn: string, string = utf8): Buffer => sequence(set(sequence(oid(oids.commonName), string(cn))));
/** The same text as another kind of string. */
export const printable = (text: string): Buffer => der(0x13, Buffer.from(text));
const extension = (id: string, value: Uint8Array): Buffer => sequence(oid(id), octets(value));
const DAY = 86_400_000;

function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/gu) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

export interface CertificateOptions {
  readonly cn: string;
  /** Names and addresses that it is for. */
  readonly hosts?: readonly string[];
  /** Hex digits, the first below 8. */
  readonly serial?: string;
  /** Days from now. */
  readonly from?: number;
  readonly to?: number;
  readonly isCa?: boolean;
}

/** An entry of an indirect list: of whose certificates it and those after it are. */
const otherIssuer = (cn: string): Buffer =>
  sequence(oid(oids.certificateIssuer), der(0x01, Buffer.of(0xff)), octets(sequence(der(0xa4, nameOf(cn)))));

export interface ListOptions {
  /** The issuer of the certificates; that of the list if not given. */
  readonly of?: Authority;
  /** The kind of string in the name of the list's issuer. */
  readonly string?: (text: string) => Buffer;
  /** From now until the next list is due. */
  readonly days?: number;
}

/** Signs certificates, in a folder where it writes what it makes. */
export class Authority {
  readonly folder: string;
  readonly caFile: string;
  /** Of its own certificate. */
  readonly serial: string;
  readonly cn: string;
  private readonly keys: { publicKey: KeyObject; privateKey: KeyObject };
  /** Its own certificate and those above it, without the root's, as PEM. */
  private readonly chain: string;

  /** A root, or one that `parent` has signed. */
  constructor(folder: string, cn: string = 'test-ca', parent?: Authority) {
    this.folder = folder;
    this.cn = cn;
    this.keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.caFile = join(folder, `${cn}.pem`);
    const { cert, serial } = (parent ?? this).certify(this.keys.publicKey, { cn, isCa: true });
    this.serial = serial;
    this.chain = parent === undefined ? '' : cert + parent.chain;
    writeFileSync(this.caFile, cert);
  }

  /**
   * Writes `<name>.crt` and `<name>.key`, and gives their paths as the options of a transport.
   *
   * @param shown what the file holds beside the certificate; the CAs between it and the root if not given
   */
  issue(
    name: string,
    options: CertificateOptions,
    shown: string = this.chain,
  ): { certFile: string; keyFile: string; serial: string } {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { cert, serial } = this.certify(publicKey, options);
    const [certFile, keyFile] = [join(this.folder, `${name}.crt`), join(this.folder, `${name}.key`)];
    writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    writeFileSync(certFile, cert + shown);
    return { certFile, keyFile, serial };
  }

  /**
   * A list of revoked serial numbers, as DER. Those that follow `of` are of certificates that this other one issued.
   */
  revoke(serials: readonly string[], { of, string = utf8, days = 1 }: ListOptions = {}): Buffer {
    const now = new Date();
    const revoked = serials.map((serial, i) => {
      const issuer = of === undefined || i > 0 ? [] : [sequence(otherIssuer(of.cn))];
      return sequence(integer(serial), time(now), ...issuer);
    });
    const body = sequence(
      integer('01'),
      algorithm,
      nameOf(this.cn, string),
      time(new Date(now.getTime() - 9 * DAY)),
      time(new Date(now.getTime() + days * DAY)),
      ...(revoked.length > 0 ? [sequence(...revoked)] : []),
    );
    return this.signed(body);
  }

  private certify(publicKey: KeyObject, options: CertificateOptions): { cert: string; serial: string } {
    const { cn, hosts = [], from = -1, to = 30, isCa = false } = options;
    const serial = options.serial ?? `4${randomBytes(8).toString('hex').slice(1)}`;
    const alternatives = hosts.map((host) =>
      isIP(host) > 0 ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host)),
    );
    const extensions = [
      extension(oids.basicConstraints, sequence(...(isCa ? [der(0x01, Buffer.of(0xff))] : []))),
      extension(oids.keyUsage, der(0x03, isCa ? Buffer.of(1, 0x06) : Buffer.of(7, 0x80))),
      ...(isCa ? [] : [extension(oids.extendedKeyUsage, sequence(oid(oids.serverAuth), oid(oids.clientAuth)))]),
      ...(alternatives.length > 0 ? [extension(oids.altName, sequence(...alternatives))] : []),
    ];
    const now = Date.now();
    const body = sequence(
      der(0xa0, integer('02')),
      integer(serial),
      algorithm,
      nameOf(this.cn),
      sequence(time(new Date(now + from * DAY)), time(new Date(now + to * DAY))),
      nameOf(cn),
      publicKey.export({ type: 'spki', format: 'der' }),
      der(0xa3, sequence(...extensions)),
    );
    return { cert: pem('CERTIFICATE', this.signed(body)), serial };
  }

  private signed(body: Buffer): Buffer {
    return sequence(body, algorithm, bits(sign('sha256', body, this.keys.privateKey)));
  }
}

export function crlPem(list: Uint8Array): string {
  return pem('X509 CRL', list);
}
