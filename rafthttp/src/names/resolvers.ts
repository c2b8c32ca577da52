import dns, { type LookupAddress } from 'node:dns';
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FALLBACK_TIMEOUT_MS, FALLBACK_TRIES, MAX_HOSTS_BYTES, SECOND_FAMILY_MS } from '../base/limits.js';
import { NameService } from './name-service.js';

/** Asks the system, which uses whatever it is configured to: files, name servers, a search list, the local network. */
function askSystem(name: string): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    dns.lookup(name, { all: true }, (error, addresses) => {
      // Deno passes undefined where Node passes null.
      if (error === null || error === undefined) resolve(addresses);
      else reject(error);
    });
  });
}

/** Looks up a name without the process's threads: in the hosts file, then at the name servers, on our own sockets. */
async function askWithoutThreads(name: string): Promise<readonly LookupAddress[]> {
  const inFile = addressesInHosts(hostsText(), name);
  if (inFile.length > 0) return inFile;
  const resolver = new dns.promises.Resolver({ timeout: FALLBACK_TIMEOUT_MS, tries: FALLBACK_TRIES });
  const found: LookupAddress[] = [];
  const take = (family: 4 | 6) => (addresses: readonly string[]) => {
    for (const address of addresses) found.push({ address, family });
  };
  const both = [resolver.resolve4(name).then(take(4)), resolver.resolve6(name).then(take(6))];
  const first = Promise.any(both);
  // Servers that never answer for one family are common.
  await Promise.race([Promise.allSettled(both), first.then(() => sleep(SECOND_FAMILY_MS, undefined, { ref: false }))]);
  // Rejects with the reason if neither family has any.
  await first;
  return found.sort((a, b) => a.family - b.family);
}

/** The contents of the hosts file. Reading is synchronous, because the thread pool may be stuck. */
function hostsText(): string {
  const path =
    process.platform === 'win32'
      ? join(process.env['SystemRoot'] ?? 'C:\\Windows', 'System32', 'drivers', 'etc', 'hosts')
      : '/etc/hosts';
  try {
    return statSync(path).size > MAX_HOSTS_BYTES ? '' : readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Returns the addresses of this name in a hosts file, in order. */
export function addressesInHosts(text: string, name: string): LookupAddress[] {
  const wanted = name.toLowerCase();
  const found: LookupAddress[] = [];
  for (const line of text.split('\n')) {
    const [address = '', ...names] = (line.split('#', 1)[0] as string).trim().split(/\s+/u);
    const family = isIP(address);
    if (family > 0 && names.some((one) => one.toLowerCase() === wanted)) found.push({ address, family });
  }
  return found;
}

/** Shared by all transports of a process, because they share its threads. */
export const nameService: NameService = new NameService({ system: askSystem, fallback: askWithoutThreads });
