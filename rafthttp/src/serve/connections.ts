import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Warnings } from '../base/warnings.js';

/** TLS wraps the socket that was accepted: what both have in common is the addresses of the two ends. */
type Key = string | Socket;

interface Connection {
  readonly socket: Socket;
  /** Number of answers under way that must not be cut. */
  held: number;
}

/**
 * The connections to a transport's servers, bounded in number. When all places are taken, a new connection replaces the
 * one whose latest request is the oldest, unless that one carries a stream or a snapshot. So whoever opens many
 * connections and hardly uses them loses his own, not those of peers.
 */
export class Connections {
  private readonly limit: number;
  private readonly warnings: Warnings;
  /** In the order of their latest requests. */
  private readonly open = new Map<Key, Connection>();

  constructor(limit: number, warnings: Warnings) {
    this.limit = limit;
    this.warnings = warnings;
  }

  /** Counts the connections of this server too. */
  watch(server: Server): void {
    this.watchOpened(server);
    server.on('request', (req: IncomingMessage) => this.used(req.socket));
  }

  /** As `watch`, for a server that says itself, by `used`, when a request comes. */
  watchOpened(server: Server): void {
    server.on('connection', (socket: Socket) => this.opened(socket));
  }

  /**
   * Keeps the request's connection from being replaced until this answer is over, or the returned function is called.
   */
  hold({ socket }: IncomingMessage, res: ServerResponse): () => void {
    const connection = this.open.get(keyOf(socket));
    if (connection === undefined) return () => undefined;
    connection.held++;
    let holds = true;
    const release = (): void => {
      if (holds) connection.held--;
      holds = false;
    };
    res.once('close', release);
    return release;
  }

  private opened(socket: Socket): void {
    const key = keyOf(socket);
    if (this.open.size >= this.limit) this.makeRoom();
    if (this.open.size >= this.limit) {
      socket.destroy();
      return;
    }
    this.open.set(key, { socket, held: 0 });
    socket.once('close', () => {
      if (this.open.get(key)?.socket === socket) this.open.delete(key);
    });
  }

  /** A request has come on this connection. */
  used(socket: Socket): void {
    const key = keyOf(socket);
    const connection = this.open.get(key);
    if (connection === undefined) return;
    this.open.delete(key);
    this.open.set(key, connection);
  }

  private makeRoom(): void {
    for (const [key, { socket, held }] of this.open) {
      if (held > 0) continue;
      this.open.delete(key);
      socket.destroy();
      this.warnings.warn('too many connections, cut one that was not in use', { limit: this.limit });
      return;
    }
  }
}

/** Both ends count: a host may use one port for connections to several of this transport's servers. */
function keyOf(socket: Socket): Key {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  return remotePort === undefined ? socket : `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}
