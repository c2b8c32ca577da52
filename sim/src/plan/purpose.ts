/** What each stream of random numbers is for; a part of its name, beside the seed. */
export const PURPOSE = {
  settings: 1,
  faults: 2,
  workload: 3,
  /** The order of events of the same moment. */
  ties: 4,
  /** What happens to a message between two members: one stream for each direction. */
  link: 5,
  /** A member's own draws: election timeouts. One stream for each life. */
  member: 6,
  disk: 7,
  /** Who stays when the liveness phase begins. */
  core: 8,
  reports: 9,
  clocks: 10,
  /** What clients ask for: one stream for each action. */
  commands: 11,
  /** How long calls of the file system take, and what a power cut leaves. */
  files: 12,
  /** How the members of layer 2 are built. */
  stack: 13,
  /** What follows at once on a fault of its kind. */
  bursts: 14,
  /** Who belongs to the cluster at the start. */
  founders: 15,
} as const;
