/** An answer that refuses a request. */
export interface Refusal {
  readonly status: number;
  readonly text: string;
}

/** Body of the 410 that tells a member that its id was seen with another log. */
export const OTHER_INCARNATION = 'this id was seen with another incarnation';

/** Body of the 409 that tells a process that another one with the same log is at the member's address. */
export const OTHER_PROCESS = "another process with this incarnation is at this member's address";

/** Body of the 412 that tells a member that it lacks features which the cluster uses. */
export const FEATURES_MISSING = 'features mismatch';

/** Body of the 412 that tells a member that its cluster has other founders. */
export const OTHER_FOUNDERS = 'founders mismatch';
