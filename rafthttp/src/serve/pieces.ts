import { IncomingMessage } from 'node:http';
import { FREE_PIECES, MIN_PIECE_BYTES } from '../base/limits.js';

/**
 * Cuts the request's connection if its body comes in too many short pieces: each costs a call, an object and sometimes
 * a system call, so HTTP chunks of one byte cost a thousand times as much as the same bytes in one piece.
 *
 * @param minBytes how long pieces must be on average, beyond `FREE_PIECES` of them
 */
export function limitPieces(req: IncomingMessage, minBytes: number = MIN_PIECE_BYTES): void {
  let pieces = 0;
  let bytes = 0;
  // node's parser hands each piece to this method, whether or not anybody reads the body.
  req.push = (piece: Buffer | null): boolean => {
    if (piece !== null) {
      pieces++;
      bytes += piece.length;
      if (pieces > FREE_PIECES + bytes / minBytes) {
        req.destroy();
        return false;
      }
    }
    return IncomingMessage.prototype.push.call(req, piece);
  };
}
