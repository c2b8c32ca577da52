import { readFile } from 'node:fs/promises';
import { type ClientOptions, type ClientTls, StoreError } from '../client/index.js';
import { parseDuration } from '../common/duration.js';
import { parseWhole, UsageError } from '../common/usage.js';
import { type CtlIo, textOf, type Values } from './command.js';

const flags = {
  endpoints: { type: 'string' },
  'token-file': { type: 'string' },
  cacert: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** The flags of every subcommand. */
export const commonFlags: typeof flags = flags;

export const commonHelp = `  --endpoints LIST    where members answer clients: http://HOST:PORT,… (default: $RAFTEXAMPLE_ENDPOINTS,
                      otherwise http://127.0.0.1:23791)
  --token-file FILE   the file with the clients' token (default: $RAFTEXAMPLE_TOKEN_FILE)
  --cacert FILE       PEM: the CA of the members' certificates, for https:// endpoints (default: those of Node.js)
  --cert FILE, --key FILE
                      PEM: the certificate that is shown to the members, and its private key
  --timeout DURATION  longest time that it takes, with all attempts (default 15s)
  --json              print JSON, for programs
  --help              print this text
`;

const DEFAULT_ENDPOINT = 'http://127.0.0.1:23791';

/** What the client is made with. @throws UsageError */
export async function clientOptionsOf(values: Values, env: CtlIo['env']): Promise<ClientOptions> {
  const given = (name: string): string | undefined => textOf(values, name);
  const endpoints = given('endpoints') ?? env['RAFTEXAMPLE_ENDPOINTS'] ?? DEFAULT_ENDPOINT;
  const tokenFile = given('token-file') ?? env['RAFTEXAMPLE_TOKEN_FILE'];
  const timeout = given('timeout');
  const tls = await tlsOf(given('cacert'), given('cert'), given('key'));
  return {
    endpoints: endpoints.split(',').map((one) => one.trim()),
    // It lasts for one call.
    learn: false,
    ...(tokenFile === undefined ? {} : { token: (await readGiven('--token-file', tokenFile)).trim() }),
    ...(timeout === undefined ? {} : { timeoutMs: parseDuration('--timeout', timeout) }),
    ...(tls === undefined ? {} : { tls }),
  };
}

async function tlsOf(
  ca: string | undefined,
  cert: string | undefined,
  key: string | undefined,
): Promise<ClientTls | undefined> {
  if (ca === undefined && cert === undefined && key === undefined) return undefined;
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--cert and --key need each other');
  return {
    ...(ca === undefined ? {} : { ca: await readGiven('--cacert', ca) }),
    ...(cert === undefined ? {} : { cert: await readGiven('--cert', cert) }),
    ...(key === undefined ? {} : { key: await readGiven('--key', key) }),
  };
}

async function readGiven(flag: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${flag}: ${(error as Error).message}`);
  }
}

/** An index; `undefined` if the flag was not given. @throws UsageError */
export function parseIndex(flag: string, value: string, min?: number): number;
export function parseIndex(flag: string, value: Values[string], min?: number): number | undefined;
export function parseIndex(flag: string, value: Values[string], min = 1): number | undefined {
  return value === undefined ? undefined : parseWhole(flag, String(value), min, Number.MAX_SAFE_INTEGER);
}

/** What the client refuses in its options or arguments came from the command line. */
export function asUsage(error: unknown): unknown {
  return error instanceof StoreError && error.code === 'ERR_CLIENT_ARGUMENT' ? new UsageError(error.message) : error;
}
