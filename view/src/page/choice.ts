import type { Message } from '@raft-ts/proto';

/** What somebody has chosen, or points at. */
export type Choice =
  | { readonly kind: 'member'; readonly slot: number }
  | { readonly kind: 'link'; readonly from: number; readonly to: number }
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'entry'; readonly slot: number; readonly index: number };

export function isSame(a: Choice | undefined, b: Choice | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  switch (a.kind) {
    case 'member':
      return b.kind === 'member' && a.slot === b.slot;
    case 'link':
      return b.kind === 'link' && a.from === b.from && a.to === b.to;
    case 'message':
      return b.kind === 'message' && a.message === b.message;
    case 'entry':
      return b.kind === 'entry' && a.slot === b.slot && a.index === b.index;
  }
}
