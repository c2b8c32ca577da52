import { BlockList, isIP, type LookupFunction } from 'node:net';
import { parsePeerUrls } from '../peer/url-picker.js';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addSubnet('::1', 128, 'ipv6');
loopback.addSubnet('::ffff:127.0.0.0', 104, 'ipv6');

const linkLocal = new BlockList();
linkLocal.addSubnet('169.254.0.0', 16, 'ipv4');
linkLocal.addSubnet('fe80::', 10, 'ipv6');
linkLocal.addSubnet('::ffff:169.254.0.0', 112, 'ipv6');

/** Addresses that do not belong to a single machine: unspecified, multicast, broadcast. */
const nobody = new BlockList();
nobody.addSubnet('0.0.0.0', 8, 'ipv4');
nobody.addSubnet('224.0.0.0', 3, 'ipv4');
nobody.addSubnet('::', 128, 'ipv6');
nobody.addSubnet('ff00::', 8, 'ipv6');
nobody.addSubnet('::ffff:0.0.0.0', 104, 'ipv6');
nobody.addSubnet('::ffff:224.0.0.0', 99, 'ipv6');

/**
 * The addresses that a claim may name. Only a neighbour may name an address that means something different further
 * away: one on this machine, or on this link, where clouds serve their metadata.
 */
export class Reach {
  private readonly onMachine: boolean;
  private readonly onLink: boolean;

  /** @param source the address that the claim came from; undefined if it has none */
  constructor(source: string | undefined) {
    this.onMachine = isIn(loopback, source);
    this.onLink = isIn(linkLocal, source);
  }

  allows(address: string): boolean {
    if (isIP(address) === 0 || isIn(nobody, address)) return false;
    return (this.onMachine || !isIn(loopback, address)) && (this.onLink || !isIn(linkLocal, address));
  }

  /** Returns the claimed URLs that may be dialled: never a Unix socket. Names are checked when they are looked up. */
  urlsAmong(claimed: readonly string[], tls: boolean): string[] {
    return claimed.flatMap((text) => {
      try {
        const [url = ''] = parsePeerUrls([text], tls);
        const { protocol, hostname } = new URL(url);
        if (protocol === 'unix:') return [];
        const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
        return isIP(host) > 0 && !this.allows(host) ? [] : [url];
      } catch {
        return [];
      }
    });
  }

  /** Limits a look-up to allowed addresses: whoever claims a name decides what it resolves to. */
  limit(lookup: LookupFunction): LookupFunction {
    return (name, options, callback) => {
      lookup(name, { ...options, all: true }, (error, found) => {
        if (error !== null || typeof found === 'string') return callback(error, found);
        const allowed = found.filter(({ address }) => this.allows(address));
        const [first] = allowed;
        if (first === undefined) return callback(new Error(`no address of ${name} may be dialled`), []);
        if (options.all === true) callback(null, allowed);
        else callback(null, first.address, first.family);
      });
    };
  }
}

function isIn(list: BlockList, address: string | undefined): boolean {
  if (address === undefined) return false;
  // The zone of a link-local address is not part of it.
  const [bare = ''] = address.split('%', 1);
  const family = isIP(bare);
  return family > 0 && list.check(bare, family === 6 ? 'ipv6' : 'ipv4');
}
