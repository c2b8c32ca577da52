// The names that a program writes which talks over HTTP. Compiled as it is by each compiler that is tried.
import type { Transport } from '@raft-ts/raft/transport';
import { HttpTransport, type HttpTransportOptions, type Listener, type TlsOptions } from '@raft-ts/rafthttp';

export const connect = (options: HttpTransportOptions, tls: TlsOptions): Transport =>
  new HttpTransport({ ...options, tls });
export const serve = (transport: HttpTransport): Promise<Listener> => transport.serve({ host: '127.0.0.1', port: 0 });
