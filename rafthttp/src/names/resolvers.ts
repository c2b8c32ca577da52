import dns, { type LookupAddress } from 'node:dns';
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FALLBACK_TIMEOUT_MS, FALLBACK_TRIES, MAX_HOSTS_BYTES, SECOND_FAMILY_MS } from '../base/limits.js';
import { NameService } from './name-service.js';

/** Asks the system, which looks wherever it was told to: files, name servers, its search list, the local network. */
function askSystem(name: string): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    dns.lookup(name, { all: true }, (error, addresses) => {
      if (error === null) resolve(addresses);
      else reject(error);
    });
  });
}

/** Asks what needs none of the process's threads: the file of hosts, then the name servers, by sockets of our own. */
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
  // Servers that keep silent about one family are common.
  await Promise.race([Promise.allSettled(both), first.then(() => sleep(SECOND_FAMILY_MS, undefined, { ref: false }))]);
  // Says why, if neither has any.
  await first;
  return found.sort((a, b) => a.family - b.family);
}

/**
 * The machine's file of hosts. It is read in place: reading it by a thread would wait for the threads that are stuck.
 */
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

/** The addresses that a file of hosts gives this name, in its order. */
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

/** All transports of a process share one, because they share its threads. */
export const nameService: NameService = new NameService({ system: askSystem, fallback: askWithoutThreads });
