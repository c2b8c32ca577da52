/** What hands something to a member and needs no more than a line. */
export type Call =
  | 'tick'
  | 'elapse'
  | 'propose'
  | 'change'
  | 'read'
  | 'transfer'
  | 'forget'
  | 'unreachable'
  | 'campaign'
  | 'quiesce'
  | 'status'
  | 'busy'
  | 'bootstrap';

/** What happens next in a session. */
export type Action =
  | Call
  | 'deliver'
  | 'ready'
  | 'work'
  | 'settle'
  | 'snapshot'
  | 'restart'
  | 'partition'
  | 'repeat'
  | 'forge'
  | 'misconfigure';

/** How often each happens in a usual session. */
export const usual: Readonly<Record<Action, number>> = {
  deliver: 400,
  ready: 340,
  work: 160,
  settle: 8,
  tick: 110,
  elapse: 12,
  propose: 80,
  change: 25,
  read: 30,
  transfer: 10,
  forget: 6,
  unreachable: 8,
  campaign: 8,
  quiesce: 6,
  snapshot: 45,
  restart: 7,
  status: 15,
  busy: 3,
  partition: 8,
  repeat: 20,
  forge: 0,
  bootstrap: 1,
  misconfigure: 1,
};
