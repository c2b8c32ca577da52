/** The rules that a simulation checks; the text says what must hold. */
export const RULES = {
  'election-safety': 'In each term at most one member leads.',
  'vote-once': 'A member grants one vote in a term, over all its lives.',
  'vote-up-to-date': 'A member votes only for a log that is at least as complete as its own.',
  'leader-completeness': 'A leader holds every entry that was committed in an earlier term.',
  'vote-owed':
    'A member gives its vote to whoever may have it, and tells its term to whoever asks for a pre-vote in an earlier one.',
  'pre-vote-harmless': 'A pre-vote changes nothing at whoever is asked.',
  'elected-by-quorum': 'A leader has the votes of a majority of each half of its configuration.',
  'campaign-allowed':
    'Only voters campaign, and only with every membership change applied that they know to be committed.',
  'stale-ignored': 'A message of an earlier term changes nothing at its receiver.',
  'term-adopted': 'A member that hears of a later term enters it, unless it keeps its vote for its leader.',
  'log-matching': 'Two logs that hold an entry of the same index and term are equal up to there.',
  'leader-append-only': 'A leader neither overwrites nor removes entries of its own log.',
  'committed-for-ever': 'What is committed at an index never changes.',
  'committed-on-quorum': 'A committed entry is on the stable storage of a majority of each half of the configuration.',
  'commits-own-term': 'A leader commits by counting only entries of its own term, and with them those before.',
  'electable-complete': 'When an entry is committed, nobody without it could win an election.',
  'commit-told': 'A member commits no more than the message of its leader says and covers.',
  'commit-passed-on': 'A leader tells whoever acknowledges something new what is committed.',
  'append-accepted': 'A member accepts an append that begins at its commit index or before.',
  'snapshot-taken': 'A member takes a snapshot that names it and is ahead of its commit index.',
  'applied-in-order': 'A member applies every index once, one after the other, and only committed entries.',
  'state-machine-safety': 'Whatever member applies an index applies the same entry there.',
  'entry-intact': 'An entry is applied with the bytes that were proposed.',
  'persisted-before-sent':
    'A message that promises a vote, an entry or a term leaves after the promise is on stable storage.',
  'stable-true': 'What a member takes for stable is on its stable storage.',
  'hard-state-monotone': 'On stable storage neither the term nor, within a term, the vote goes back.',
  'positions-ordered':
    'Terms, commit and applied indexes of a running member never decrease, and applied <= committed <= last.',
  'message-legal': 'Messages hold what their sender knows to be true.',
  'message-refused': 'No member sends a message that another one refuses.',
  'snapshot-true': 'A snapshot holds the state and the membership of its index.',
  'configuration-agreed': 'Members that have applied the same index have the same configuration.',
  'configuration-right': 'A membership change leads to the configuration that a second implementation works out.',
  'configuration-overlap': 'Quorums of two successive configurations have a member in common.',
  'configuration-valid': 'No member is voter and learner at once, and there is at least one voter.',
  'one-change-at-a-time': 'A log holds at most one membership change that is not committed.',
  'progress-sane': 'What a leader believes of a member is possible, and what is in flight stays within its limits.',
  'uncommitted-size': 'What a leader counts as uncommitted is the payload of its own entries that it has not applied.',
  'read-linearizable': 'A read is answered with an index at which everything committed before it is visible.',
  'read-own-term': 'A leader gives reads an index only after it has committed an entry of its own term.',
  'read-confirmed': 'Between a read and its answer a majority of each half hears the leader.',
  'leader-in-touch':
    'A leader that checks its quorum leads on for two election timeouts at most without hearing from a majority of each half.',
  'transfer-bounded': 'A leader gives up handing over leadership after an election timeout.',
  'joint-left':
    'A leader that has nothing else to do leaves a joint configuration that is left by itself within an election timeout.',
  'results-equal':
    'A command has the same result on every member that applies it, and for the client that asked for it.',
  'states-equal': 'Members that have applied the same index have the same state.',
  'apply-deterministic': 'What a state machine does follows from the command and the state alone.',
  'acknowledged-kept': 'What a client was told to be applied is applied at that index everywhere.',
  'applied-once': 'A command is applied as often as its clients were told, and not at all if it was dropped.',
  linearizable: 'One order explains everything that clients asked for and were told.',
  'log-kept': 'A log that is opened again holds everything that was on stable storage.',
  'fences-grow': 'Each run of a task that leads has a higher fence than all before it.',
  'one-task': 'No two members run a task of leaders at the same time.',
  'no-false-alarm': 'No member says that members differ while they are the same.',
  'no-rejection': 'No promise is rejected that nobody handles.',
  'nothing-left': 'A member that was stopped leaves no file open, no timer set and no promise waiting.',
  check: 'What whoever simulates demands holds.',
  'no-failure': 'No member fails.',
  'comes-to-rest': 'One event leads to a bounded number of Readys.',
  'live-leader': 'When faults end, one leader is elected within a bounded number of election timeouts.',
  'live-logs': 'When faults end, all logs become equal within a bounded number of election timeouts.',
  'live-writes': 'When faults end, a write is committed everywhere within a bounded number of election timeouts.',
  'live-reads': 'When faults end, every member answers a read within a bounded number of election timeouts.',
  'live-membership': 'When faults end, a joint configuration is left within a bounded number of election timeouts.',
  'quiet-term': 'In a healthy cluster terms do not rise.',
  'quiet-messages': 'A healthy cluster with nothing to do sends heartbeats and their answers only.',
} as const;

/** The name of a rule that is checked: a key of `RULES`. */
export type RuleName = keyof typeof RULES;

/** A rule was broken: what a simulation looks for. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly rule: RuleName;

  /** @param message one sentence with the facts: which member, which index, which term */
  constructor(rule: RuleName, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.rule = rule;
  }
}
