import type { Message, NodeId } from '@raft-ts/proto';
import type { Node } from '../node.js';
import type { RawNode } from '../raw-node.js';
import type { Ready } from '../ready.js';
import type { Storage } from '../storage.js';
import type { Transport } from '../transport.js';
import { Watch } from './watch.js';

/** Options of `strict`. */
export interface StrictOptions {
  /** As in the member's `Config`. Default false. */
  readonly asyncStorageWrites?: boolean;
  /** A snapshot that was sent must be reported within so many ticks. Default 600: a minute, if a tick is 100 ms. */
  readonly snapshotTicks?: number;
}

/** What a program uses in the place of its own node and transport. */
export interface Strict<N, T> {
  readonly node: N;
  readonly transport: T & Pick<Transport, 'send'>;
}

/** Any method; which ones there are is known to the types of `strict`. */
type Method = (...args: never[]) => unknown;

/** Returns an object that is used like `target`, some of whose methods are these. */
function withMethods<T extends object>(target: T, methods: Readonly<Record<string, Method>>): T {
  return new Proxy(target, {
    get(_, name) {
      const own = typeof name === 'string' && Object.hasOwn(methods, name) ? methods[name] : undefined;
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Remembers payloads, and forgets them if they are refused, at once or later. */
function proposing<R>(watch: Watch, payloads: readonly unknown[], propose: () => R): R {
  const list = payloads.filter((data): data is Uint8Array => data instanceof Uint8Array);
  for (const data of list) watch.propose(data);
  const refused = (): void => {
    for (const data of list) watch.refused(data);
  };
  try {
    const done = propose();
    if (isThenable(done)) done.then(undefined, refused);
    return done;
  } catch (error) {
    refused();
    throw error;
  }
}

function isThenable(value: unknown): value is { then(done: undefined, failed: () => void): unknown } {
  return typeof value === 'object' && value !== null && 'then' in value;
}

/** The loop of a `Node`: each `next()` asks for a Ready. */
function watched(watch: Watch, readys: AsyncIterable<Ready>): AsyncIterable<Ready> {
  return {
    [Symbol.asyncIterator]: () => {
      const loop = readys[Symbol.asyncIterator]();
      return withMethods(loop, {
        next: () => {
          watch.asking();
          return loop.next().then((result) => {
            if (result.done !== true) watch.handedOut(result.value);
            return result;
          });
        },
      });
    },
  };
}

function strictNode<N extends RawNode | Node>(node: N, watch: Watch): N {
  const any = node as unknown as Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
  const call = (name: string, args: readonly unknown[]): unknown => any[name]?.apply(node, [...args]);
  const before =
    (name: string, check: (...args: never[]) => void): Method =>
    (...args) => {
      check(...args);
      return call(name, args);
    };
  return withMethods(node, {
    tick: before('tick', () => watch.tick()),
    tickQuiesced: before('tickQuiesced', () => watch.tick()),
    step: before('step', (m: Message) => watch.stepped(m)),
    stepChecked: before('stepChecked', (m: Message) => watch.stepped(m)),
    reportSnapshot: before('reportSnapshot', (id: NodeId) => watch.reported(id)),
    applyConfChange: before('applyConfChange', () => watch.changed()),
    applyConfChangeEntry: before('applyConfChangeEntry', () => watch.changed()),
    advance: before('advance', () => watch.advancing()),
    propose: (...args: never[]) => proposing(watch, [args[0]], () => call('propose', args)),
    proposeBatch: (...args: never[]) => proposing(watch, args[0] ?? [], () => call('proposeBatch', args)),
    ready: () => {
      if ('rawNode' in node) return watched(watch, node.ready());
      watch.asking();
      const rd = node.ready();
      watch.handedOut(rd);
      return rd;
    },
    acceptReady: (rd: Ready) => {
      watch.asking();
      call('acceptReady', [rd]);
      watch.handedOut(rd);
    },
  });
}

/**
 * Watches how a program carries out the duties of `Ready`, and throws a `StrictError` where it does not: messages that
 * leave before what they promise is saved, entries that storage lacks, a Ready that is skipped, `advance()` called
 * twice, membership changes that are not carried out, snapshots that are never reported, bytes that are changed after
 * they were proposed. Use the returned node and transport in the place of yours everywhere, also where the transport
 * reports to the node. It is meant for tests and development: it reads the storage at every step.
 *
 * It sees what storage returns, not what is on the disk: that a write was synced is the storage's to prove.
 * @param storage the one in the member's `Config`; its `initialState()` must return the hard state that was saved last
 * @param transport only its `send` is watched
 */
export function strict<N extends RawNode | Node, T extends Pick<Transport, 'send'>>(
  node: N,
  storage: Storage,
  transport: T,
  options: StrictOptions & { readonly asyncStorageWrites: true },
): Strict<Omit<N, 'advance'>, T>;
export function strict<N extends RawNode | Node, T extends Pick<Transport, 'send'>>(
  node: N,
  storage: Storage,
  transport: T,
  options?: StrictOptions & { readonly asyncStorageWrites?: false },
): Strict<N, T>;
export function strict<N extends RawNode | Node, T extends Pick<Transport, 'send'>>(
  node: N,
  storage: Storage,
  transport: T,
  { asyncStorageWrites = false, snapshotTicks = 600 }: StrictOptions = {},
): Strict<N, T> {
  const watch = new Watch(storage, { isAsync: asyncStorageWrites, snapshotTicks });
  const send = (messages: readonly Message[]): void => {
    watch.sending(messages);
    transport.send(messages);
  };
  return { node: strictNode(node, watch), transport: withMethods(transport, { send }) };
}
