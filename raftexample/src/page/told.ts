/** What travels from members to the page of their cluster: `@raft-ts/view` draws it. */

/** Why a message does not arrive as others do: somebody asked for it in the page. */
export type Fate = 'lost' | 'late';

/** A message that a member has sent. */
export interface ToldMessage {
  readonly name: string;
  readonly type: number;
  readonly to: number;
  readonly term: number;
  readonly entries: number;
  readonly reject: boolean;
  readonly fate?: Fate;
}

/** What a member tells while somebody watches. */
export interface Told {
  readonly role: string;
  readonly term: number;
  readonly vote: number;
  readonly leader: number;
  /** Ticks since its election timer began, and the ticks at which it would campaign. */
  readonly elapsed: number;
  readonly timeout: number;
  /** Votes that were granted and refused in its last campaign. */
  readonly granted: number;
  readonly refused: number;
  readonly commit: number;
  readonly applied: number;
  /** The first index that is still in the log, and the last one. */
  readonly first: number;
  readonly last: number;
  /** The terms of the last entries. */
  readonly terms: readonly number[];
  readonly voters: readonly number[];
  readonly sent: readonly ToldMessage[];
}

/** What the launcher tells: its processes, and how it treats the links between them. */
export interface PageState {
  readonly kind: 'state';
  /** Which cluster it is, for people: `the store`. */
  readonly title: string;
  /** May somebody write and read in the page? */
  readonly asksClients: boolean;
  readonly processes: readonly ('running' | 'paused' | 'ended')[];
  /** Directions in which nothing passes. */
  readonly cut: readonly (readonly [from: number, to: number])[];
  /** Directions in which everything arrives so many milliseconds later. */
  readonly slow: readonly (readonly [from: number, to: number, ms: number])[];
}

/** What the page hears. */
export type PageEvent = PageState | { readonly kind: 'told'; readonly id: number; readonly told: Told };

/** What becomes of the next message of this kind, or of any kind, that a member sends to another. */
export interface Fault {
  readonly to: number;
  /** As `messageName` says. */
  readonly message?: string;
  /** It arrives so many milliseconds later; without this, it is lost. */
  readonly delayMs?: number;
}
