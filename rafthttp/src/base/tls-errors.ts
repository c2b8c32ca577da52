/**
 * What the usual mistakes mean. OpenSSL's own words say what it was doing at that moment, and name memory and lines of
 * C; a reader of the log wants to know which file or URL is wrong.
 */
const meanings: ReadonlyMap<string, string> = new Map([
  ['http request', 'plain HTTP was spoken to a port with TLS: its URL must begin with https://'],
  ['wrong version number', 'no TLS was spoken: a URL that begins with https:// may have to begin with http://'],
  ['peer did not return a certificate', 'no certificate was shown'],
  ['tlsv13 alert certificate required', 'the other side wants a certificate, and was shown none'],
  ['tlsv1 alert unknown ca', 'the other side does not trust the CA of the certificate that it was shown'],
  ['sslv3 alert bad certificate', 'the other side does not accept the certificate that it was shown'],
  ['sslv3 alert certificate expired', 'the other side says that the certificate that it was shown has expired'],
  ['no shared cipher', 'the two sides have no cipher in common'],
  ['unsupported protocol', 'the two sides have no version of TLS in common'],
  ['tlsv1 alert protocol version', 'the two sides have no version of TLS in common'],
]);

/** Returns what an error of OpenSSL means, from the text that Node.js gives it; undefined for other texts. */
export function describeTlsError(text: string): string | undefined {
  // Memory, `error`, code, library, function, reason, file, line.
  const [, reason] = /:error:[0-9A-F]{8}:[^:]*:[^:]*:([^:]*):/u.exec(text) ?? [];
  return reason === undefined ? undefined : (meanings.get(reason) ?? `TLS: ${reason}`);
}
