import process from 'node:process';
import { RaftError } from '@raft-ts/proto';
import { ERR_OPTIONAL_PEER } from './errors.js';

/** Where this file is. In a bundle in CommonJS `import.meta` is empty. */
const here = (import.meta as Partial<ImportMeta>).url ?? __filename;

/**
 * Loads a package that only some applications need, and install themselves.
 *
 * @throws RaftError `ERR_RAFT_OPTIONAL_PEER` if it is not installed
 */
export function loadOptionalPeer(name: 'prom-client' | 'selfsigned', what: string): unknown {
  try {
    // An import of node:module would let webpack replace the call by one that finds nothing.
    return process.getBuiltinModule('node:module').createRequire(here)(name);
  } catch (cause) {
    throw new RaftError(ERR_OPTIONAL_PEER, `${what} needs the package ${name}: npm install ${name}`, {
      reason: name,
      cause,
    });
  }
}
