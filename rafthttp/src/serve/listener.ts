/** Where to listen: a network address, or the file of a Unix socket. It may differ from the transport's `urls`. */
export type ListenOptions = NetworkListenOptions | SocketListenOptions;

/** Where to listen on a network. */
export interface NetworkListenOptions {
  /** A name or IP address of this machine; `0.0.0.0` or `::` for all of its addresses. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Use TLS. Default: true if the transport has certificates. */
  readonly tls?: boolean;
}

/** Where to listen on a Unix socket. */
export interface SocketListenOptions {
  /** The file of a Unix socket. A file left behind by a process that is no longer alive is removed. */
  readonly path: string;
}

/** A server that the transport runs. */
export interface Listener {
  /**
   * Where it listens; `port` is the actual one if 0 was requested. For a Unix socket, `host` is the file and `port` is
   * 0.
   */
  readonly address: { readonly host: string; readonly port: number };
  /** `http://host:port`, `https://host:port` or `unix://path` */
  readonly url: string;
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}
