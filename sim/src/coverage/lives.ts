import type { World } from '../cluster/world.js';
import type { Member } from '../member/member.js';
import type { Coverage } from './coverage.js';
import type { Sight } from './sight.js';

/** Marks of a member that has ended at once. */
export function crashes(c: Coverage, world: World, member: Member, before: Sight): void {
  c.hit('a member crashes');
  c.when(before.role === 'StateLeader', 'a leader crashes');
  c.when(before.role === 'StateCandidate', 'a candidate crashes');
  const { durable } = member.disk;
  c.when(durable.lastIndex < before.last, 'a member crashes with writes that are lost');
  c.when(
    durable.lastIndex < before.last && durable.lastIndex >= before.offset,
    'a member crashes with some unsynced writes kept and some lost',
  );
  c.when(
    before.vote !== 0n && durable.hardState?.term !== before.term,
    'a member crashes and loses a vote that nobody had heard of',
  );
  c.when(before.hasSnapshot, 'a member crashes while it stores a snapshot');
  c.when(before.isJoint, 'a member crashes in a joint configuration');
  c.when(
    member.log.changes.some((index) => index > before.applied && index <= before.commit),
    'a member crashes with a membership change that it has not applied',
  );
  c.when(world.now - c.crashOf(member) < 5000, 'a member crashes twice within five seconds');
  c.crashed(member, { at: world.now, last: before.last });
  const voters = world.rules.history.configurations.at(-1)?.confState.voters ?? [];
  const up = voters.filter((id) => world.members[Number(id) - 1]?.isUp === true).length;
  c.when(voters.length > 1 && 2 * up <= voters.length, 'a majority is down at the same time');
  c.when(!world.members.some(({ isUp }) => isUp), 'all members are down at the same time');
}

/** Marks of a member that has started. */
export function starts(c: Coverage, member: Member, after: Sight): void {
  if (member.life === 0) return;
  const { durable } = member.disk;
  c.when(after.commit > after.applied, 'a member starts with committed entries to apply again');
  c.when(
    durable.snapshot.metadata.index > 1 && durable.lastIndex === durable.snapshot.metadata.index,
    'a member starts from a snapshot and nothing after it',
  );
  c.when(
    (durable.term(durable.lastIndex) ?? 0) > (durable.hardState?.term ?? 0),
    'a member starts with entries of a later term than it has stored',
  );
  c.when(after.isJoint, 'a member starts in a joint configuration');
  c.when(after.isLearner, 'a member starts as a learner');
  c.when(after.last < c.lastOf(member), 'a member starts with a shorter log than it crashed with');
}
