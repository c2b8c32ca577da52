import { createRequire } from 'node:module';
import { RaftError } from '@raft-ts/proto';
import { ERR_OPTIONAL_PEER } from './errors.js';

const require = createRequire(import.meta.url);

/**
 * A package that only some need and that they install themselves.
 *
 * @throws RaftError `ERR_RAFT_OPTIONAL_PEER` where it is not there
 */
export function loadOptionalPeer(name: 'prom-client' | 'selfsigned', what: string): unknown {
  try {
    return require(name);
  } catch (cause) {
    throw new RaftError(ERR_OPTIONAL_PEER, `${what} needs the package ${name}: npm install ${name}`, {
      reason: name,
      cause,
    });
  }
}
