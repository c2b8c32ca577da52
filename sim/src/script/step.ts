import type { NodeId, Snapshot } from '@raft-ts/proto';
import type { AnyConfChange, Config } from '@raft-ts/raft';

/** How members of a script are built; the rest is the same for all. */
export type Build = Omit<Config, 'id' | 'storage' | 'applied' | 'logger' | 'random'>;

/** What an application still has when its member starts again. */
export type Kept = 'nothing' | 'state' | 'state and membership';

/** One call on a core, or one thing that becomes of a disk or of a message. */
export type Step =
  /** So many new members with these ids and the ones after, each with a disk that holds the snapshot or nothing. */
  | {
      readonly kind: 'add';
      readonly id: NodeId;
      readonly build: Build;
      readonly founding: Snapshot | undefined;
      readonly count: number;
    }
  | { readonly kind: 'restart'; readonly id: NodeId; readonly kept: Kept }
  | { readonly kind: 'bootstrap'; readonly id: NodeId; readonly voters: readonly NodeId[] }
  /** @param timeout the election timeout that the member has drawn */
  | { readonly kind: 'tick'; readonly id: NodeId; readonly timeout: number; readonly count: number }
  /** @param key says which message; see `keyOf` */
  | { readonly kind: 'deliver'; readonly id: NodeId; readonly key: string; readonly keeps: boolean }
  /** @param key of a message that is handed to the network, or that does not arrive */
  | { readonly kind: 'sent' | 'lost'; readonly id: NodeId; readonly key: string }
  /** A Ready is taken, and it is done with. With synchronous storage `process-ready` does both, the others a part. */
  | { readonly kind: 'ready' | 'advance' | 'process-ready' | 'begin-ready' | 'finish-ready'; readonly id: NodeId }
  /** The append thread takes so many messages in hand, and has written them. */
  | {
      readonly kind: 'writes' | 'wrote' | 'process-append' | 'begin-append' | 'finish-append';
      readonly id: NodeId;
      readonly count: number;
    }
  | { readonly kind: 'applies' | 'campaign' | 'forget-leader'; readonly id: NodeId }
  | { readonly kind: 'propose'; readonly id: NodeId; readonly payloads: readonly Uint8Array[] }
  | { readonly kind: 'change'; readonly id: NodeId; readonly change: AnyConfChange }
  | { readonly kind: 'read'; readonly id: NodeId; readonly context: Uint8Array }
  | { readonly kind: 'transfer' | 'unreachable'; readonly id: NodeId; readonly about: NodeId }
  | { readonly kind: 'snapshot-status'; readonly id: NodeId; readonly about: NodeId; readonly isGood: boolean }
  | { readonly kind: 'snapshot'; readonly id: NodeId; readonly compacted: number }
  /** @param kept so many unsynced writes, the oldest ones, are on the disk */
  | { readonly kind: 'crash'; readonly id: NodeId; readonly kept: number };
