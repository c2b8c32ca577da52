import { X509Certificate } from 'node:crypto';
import type { TlsOptions } from '@raft-ts/rafthttp';
import type { Clock } from '@raft-ts/replica';
import type { Alarms } from './alarms.js';

/** A file of certificates, and when it is of no use any more. */
export interface CertificateFile {
  readonly file: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

export interface CertificateWatchHost {
  readonly alarms: Alarms;
  readonly clock: Pick<Clock, 'wall'>;
  /** Of both ports; `undefined`: plain HTTP. */
  readonly tls: readonly (TlsOptions | undefined)[];
  readonly readFile: (path: string) => Promise<Buffer>;
  /** It warns so many days before one expires; 0: never. */
  readonly days: number;
}

const DAY_MS = 86_400_000;

/** Looks when certificates expire. Files that change are read again, so a renewed one ends the alarm. */
export class CertificateWatch {
  private readonly host: CertificateWatchHost;
  /** As of the last look. */
  files: readonly CertificateFile[] = [];

  constructor(host: CertificateWatchHost) {
    this.host = host;
  }

  async look(): Promise<void> {
    const { alarms, clock, tls, days } = this.host;
    const found = new Map<string, number>();
    for (const options of tls) {
      if (options === undefined) continue;
      const { certFile, clientCertFile, trustedCaFile } = options;
      // One of a chain is enough to break it; of CAs, the newest still lets somebody in.
      for (const file of [certFile, clientCertFile]) await this.note(found, file, Math.min);
      await this.note(found, trustedCaFile, Math.max);
    }
    this.files = [...found].map(([file, expires]) => ({ file, expires })).sort((a, b) => a.expires - b.expires);
    const [first] = this.files;
    const leftMs = (first?.expires ?? Number.POSITIVE_INFINITY) - clock.wall();
    if (first !== undefined && leftMs < days * DAY_MS) alarms.raise('certificate', describe(first, leftMs));
    else if (alarms.has('certificate')) alarms.clear('certificate', 'no certificate expires soon any more');
  }

  private async note(
    found: Map<string, number>,
    file: string | undefined,
    choose: (...times: readonly number[]) => number,
  ): Promise<void> {
    if (file === undefined) return;
    try {
      const times = certificatesIn(await this.host.readFile(file)).map(({ validTo }) => Date.parse(validTo));
      if (times.length > 0) found.set(file, choose(...times));
    } catch {
      // A file that cannot be used is told of when a connection wants it.
    }
  }
}

function certificatesIn(bytes: Buffer): readonly X509Certificate[] {
  const blocks = bytes.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/gu) ?? [];
  return blocks.map((pem) => new X509Certificate(pem));
}

function describe({ file, expires }: CertificateFile, leftMs: number): string {
  const at = new Date(expires).toISOString();
  const renew = `Put a new one in its place: it takes effect with the next connection`;
  if (leftMs <= 0)
    return `the certificate in ${file} has expired at ${at}: connections are refused because of it. ${renew}`;
  const days = Math.floor(leftMs / DAY_MS);
  const left = days < 1 ? 'in less than a day' : days === 1 ? 'in one day' : `in ${days} days`;
  return `the certificate in ${file} expires ${left}, at ${at}: from then on connections are refused because of it. ${renew}`;
}
