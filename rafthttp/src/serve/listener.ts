/** Where to listen: an address of the network, or a file. It need not be what `urls` tells the other members. */
export type ListenOptions = NetworkListenOptions | SocketListenOptions;

export interface NetworkListenOptions {
  /** A name or an IP address of this machine; `0.0.0.0` or `::` for all of its addresses. */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Speak TLS. Default: where the transport has certificates. */
  readonly tls?: boolean;
}

export interface SocketListenOptions {
  /** The file of a Unix socket. One that a process left that lives no more is removed. */
  readonly path: string;
}

/** A server that the transport runs. */
export interface Listener {
  /** Where it listens; `port` is the real one where 0 was asked for. Of a Unix socket `host` is the file, `port` 0. */
  readonly address: { readonly host: string; readonly port: number };
  /** `http://host:port`, `https://host:port` or `unix://path` */
  readonly url: string;
  /** Stop to listen and cut every connection. */
  close(): Promise<void>;
}
