import { expect } from 'chai';
import { abortOf, LEADER_ONE, lastOutput, play, THREE_VOTERS } from './play.js';

describe('interaction: arguments', () => {
  const newNode = 'INFO 4 switched to configuration voters=()\nINFO 4 became follower at term 0\n';
  const fresh = `${newNode}INFO newRaft 4 [peers: [], term: 0, commit: 0, applied: 0, lastindex: 0, lastterm: 0]\n`;
  const at = (index: number): string =>
    `${newNode}INFO newRaft 4 [peers: [], term: 0, commit: ${index}, applied: ${index}, lastindex: ${index}, lastterm: 1]\n`;
  const dropped = 'INFO 1 no leader at term 0; dropping proposal\nraft proposal dropped\n';

  const outputs: [command: string, output: string][] = [
    ['foo', 'unknown command\n'],
    ['foo=bar', 'unknown command\n'],
    ['Campaign 1', 'unknown command\n'],
    ['_breakpoint', 'ok\n'],
    ['add-nodes 0', 'ok\n'],
    ['add-nodes -1', 'ok\n'],
    ['add-nodes +1', fresh],
    ['add-nodes 1=2', fresh],
    ['add-nodes 1 index', fresh],
    ['add-nodes 1 index=0', fresh],
    ['add-nodes 1 foo=bar', fresh],
    ['add-nodes 1 inflight=+3 prevote=T checkquorum=1', fresh],
    ['add-nodes 1 index=5', at(5)],
    ['add-nodes 1 index=(3,4)', at(4)],
    ['add-nodes 1 index=5 index=7', at(7)],
    ['add-nodes 1 index=1', 'index must be specified as > 1 due to bootstrap\n'],
    ['add-nodes 1 voters=(1)', 'index must be specified as > 1 due to bootstrap\n'],
    ['add-nodes 1 voters=(1) index=0', 'index must be specified as > 1 due to bootstrap\n'],
    ['add-nodes 1 read-only=foo', 'invalid read-only option "foo"\n'],
    ['add-nodes 1 read-only=', 'invalid read-only option ""\n'],
    ['compact 1 x', 'strconv.ParseUint: parsing "x": invalid syntax\n'],
    ['compact 4 x', 'strconv.ParseUint: parsing "x": invalid syntax\n'],
    ['compact 1 +10', 'strconv.ParseUint: parsing "+10": invalid syntax\n'],
    ['compact 1 99999999999999999999', 'strconv.ParseUint: parsing "99999999999999999999": value out of range\n'],
    ['compact 1 10', 'requested index is unavailable due to compaction\n'],
    ['deliver-msgs', 'no messages\n'],
    ['deliver-msgs 9', 'no messages\n'],
    ['deliver-msgs 0', 'no messages\n'],
    ['deliver-msgs 1 1', 'no messages\n'],
    ['deliver-msgs foo=bar', 'no messages\n'],
    ['deliver-msgs drop=(9) 9', 'no messages\n'],
    ['deliver-msgs 1 type=(MsgApp,MsgVote)', 'no messages\n'],
    ['log-level foo', 'log levels must be either of [DEBUG INFO WARN ERROR FATAL NONE]\n'],
    ['log-level InFo', 'ok\n'],
    ['log-level debug=3', 'ok\n'],
    ['process-ready', 'ok\n'],
    ['process-ready 1=2', 'ok\n'],
    ['process-append-thread', 'ok\n'],
    ['process-apply-thread', 'ok\n'],
    ['process-ready 1', '<empty Ready>\n'],
    ['process-ready 2 1=3 3', '> 2 handling Ready\n  <empty Ready>\n> 3 handling Ready\n  <empty Ready>\n'],
    ['process-append-thread 1', 'no append work to perform\n'],
    [
      'process-apply-thread 3 2',
      '> 3 processing apply thread\n  no apply work to perform\n> 2 processing apply thread\n  no apply work to perform\n',
    ],
    ['propose 1 x\ninput', dropped],
    ['propose 1=2 y', dropped],
    ['propose-conf-change 1', dropped],
    ['propose-conf-change 1=2\nv1', dropped],
    ['propose-conf-change 1 v1 foo transition\nv1', dropped],
    ['propose-conf-change 1 v1=T transition=auto\nr1', dropped],
    ['propose-conf-change 1 transition=(explicit,auto)\nv1', dropped],
    ['propose-conf-change 1\nv1  v2', 'unknown token \n'],
    ['propose-conf-change 1\nv', 'unknown token v\n'],
    ['propose-conf-change 1\nq1', 'unknown input: q1\n'],
    ['propose-conf-change 1\n\u00a0v1 é', 'unknown input: é\n'],
    ['propose-conf-change 1\nv-1', 'strconv.ParseUint: parsing "-1": invalid syntax\n'],
    ['propose-conf-change 1\nv2\nl3', 'strconv.ParseUint: parsing "2\\nl3": invalid syntax\n'],
    [
      'propose-conf-change 1\nv18446744073709551616',
      'strconv.ParseUint: parsing "18446744073709551616": value out of range\n',
    ],
    ['propose-conf-change 4\nq', 'unknown token q\n'],
    ['propose-conf-change 1 v1=true\nv1 v2', 'v1 conf change can only have one operation and no transition\n'],
    [
      'propose-conf-change 1 v1=true transition=explicit\nv1',
      'v1 conf change can only have one operation and no transition\n',
    ],
    ['propose-conf-change 1 v1=maybe\nv1', 'strconv.ParseBool: parsing "maybe": invalid syntax\n'],
    ['propose-conf-change 1 transition=\nv1', 'unknown transition \n'],
    ['propose-conf-change 1 transition=Auto\nv1', 'unknown transition Auto\n'],
    ['propose-conf-change 1 transition=bad\nq', 'unknown transition bad\n'],
    ['propose-conf-change 1 foo=(bar,baz)\nv1', 'unknown command foo\n'],
    ['propose-conf-change 1=2 3=4\nv1', 'unknown command 3\n'],
    ['raft-log 1 2', 'log is empty: first index=11, last index=10\n'],
    ['report-unreachable', 'must specify exactly two node indexes: node on which to report, and reported node\n'],
    ['report-unreachable 1 2 3', 'must specify exactly two node indexes: node on which to report, and reported node\n'],
    ['report-unreachable 1=2 2', 'must specify exactly two node indexes: node on which to report, and reported node\n'],
    ['report-unreachable 1 2 foo=3', 'ok\n'],
    ['set-randomized-election-timeout 1 foo=4 timeout=3', 'ok\n'],
    ['stabilize', 'ok\n'],
    ['stabilize 1 1', 'ok\n'],
    ['stabilize 1=2 foo=bar', 'ok\n'],
    ['stabilize log-level=', 'log levels must be either of [DEBUG INFO WARN ERROR FATAL NONE]\n'],
    ['stabilize 9 log-level=foo', 'log levels must be either of [DEBUG INFO WARN ERROR FATAL NONE]\n'],
    ['status 1', 'ok\n'],
    ['transfer-leadership to=2 from=1', 'INFO 1 no leader at term 0; dropping leader transfer msg\n'],
    ['transfer-leadership from=1 from=2 to=3', 'INFO 1 no leader at term 0; dropping leader transfer msg\n'],
  ];
  for (const [command, output] of outputs) {
    it(`answers ${JSON.stringify(command)} as etcd's harness does`, () => {
      expect(lastOutput([...THREE_VOTERS, command])).to.equal(output);
    });
  }

  const aborts: [command: string, reason: RegExp][] = [
    ['add-nodes', /index out of range/],
    ['add-nodes x', /strconv\.Atoi: parsing "x": invalid syntax/],
    ['add-nodes index=5 1', /strconv\.Atoi: parsing "index"/],
    ['add-nodes 1 index=x', /strconv\.ParseUint: parsing "x": invalid syntax/],
    ['add-nodes 1 index=()', /strconv\.ParseUint: parsing "": invalid syntax/],
    ['add-nodes 1 index=9007199254740992', /above 2\^53 - 1/],
    ['add-nodes 1 voters=(1,)', /strconv\.ParseUint: parsing ""/],
    ['add-nodes 1 voters=(18446744073709551616) index=4', /value out of range/],
    ['add-nodes 1 voters=(0) index=4', /removed all voters/],
    ['add-nodes 1 learners=(1) index=5', /removed all voters/],
    ['add-nodes 1 inflight=0', /max inflight messages must be greater than 0/],
    ['add-nodes 1 inflight=x', /strconv\.ParseInt: parsing "x"/],
    ['add-nodes 1 prevote=x', /strconv\.ParseBool: parsing "x"/],
    ['add-nodes 1 max-committed-size-per-ready=-1', /strconv\.ParseUint: parsing "-1"/],
    ['add-nodes 1 read-only=lease-based', /CheckQuorum must be enabled/],
    ['add-nodes 1 content=foo', /unsupported type/],
    ['campaign', /index out of range/],
    ['campaign 0', /there is no node 0/],
    ['campaign 4', /there is no node 4/],
    ['campaign -1', /there is no node -1/],
    ['campaign 99999999999999999999', /value out of range/],
    ['compact 1', /index out of range/],
    ['compact 1 11', /compact 11 is out of bound lastindex\(10\)/],
    ['compact x 10', /strconv\.Atoi/],
    ['deliver-msgs x', /strconv\.ParseUint: parsing "x"/],
    ['deliver-msgs drop', /strconv\.ParseUint: parsing "drop"/],
    ['deliver-msgs drop=', /strconv\.ParseUint: parsing ""/],
    ['deliver-msgs 9 drop=(9)', /can't both deliver and drop msgs to 9/],
    ['deliver-msgs drop=(9,9)', /can't both deliver and drop msgs to 9/],
    ['deliver-msgs type=MsgFoo', /unknown message type MsgFoo/],
    ['deliver-msgs type=3', /unknown message type 3/],
    ['deliver-msgs type=toString', /unknown message type toString/],
    ['log-level', /index out of range/],
    ['process-ready 4', /there is no node 4/],
    ['process-apply-thread 1 x', /strconv\.Atoi: parsing "x"/],
    ['propose 1', /expected exactly one key with no vals: \[\]/],
    ['propose 1 a b', /expected exactly one key with no vals: \[a b\]/],
    ['propose 1 a=b', /expected exactly one key with no vals: \[a=b\]/],
    ['propose-conf-change 1 v1=true', /index out of range/],
    ['report-unreachable 1 9', /there is no node 9/],
    ['send-snapshot 1', /exactly two/],
    ['send-snapshot 9 1', /there is no node 9/],
    ['set-randomized-election-timeout 1', /missing argument: timeout/],
    ['set-randomized-election-timeout 1 timeout', /got 1 destinations, but 0 values/],
    ['set-randomized-election-timeout 1 timeout=(3,4)', /got 1 destinations, but 2 values/],
    ['set-randomized-election-timeout 1 timeout=0', /must not be 0/],
    ['stabilize 9', /there is no node 9/],
    ['stabilize x log-level=foo', /strconv\.Atoi: parsing "x"/],
    ['stabilize log-level', /strconv\.Atoi: parsing "log-level"/],
    ['tick-election', /index out of range/],
    ['transfer-leadership 1 2', /missing argument: from/],
    ['transfer-leadership from=1', /missing argument: to/],
    ['transfer-leadership from=9 to=1', /expected valid "from" argument/],
    ['transfer-leadership from=1 to=0', /expected valid "to" argument/],
    ['transfer-leadership from=x to=1', /from: failed to scan argument 0: strconv\.ParseUint: parsing "x"/],
  ];
  for (const [command, reason] of aborts) {
    it(`ends the script at ${JSON.stringify(command)}`, () => {
      expect(abortOf([...THREE_VOTERS, command])).to.match(reason);
    });
  }
});

describe('interaction: levels and blocks', () => {
  it('prints nothing but errors at level NONE', () => {
    const none = [...THREE_VOTERS, 'log-level none'];
    for (const command of [
      'campaign 1',
      'raft-state',
      'deliver-msgs 1',
      'send-snapshot 1 2',
      'raft-log 1',
      'process-ready 2',
    ]) {
      expect(lastOutput([...none, command]), command).to.equal('ok\n');
    }
    expect(lastOutput([...none, 'foo'])).to.equal('unknown command\n');
    expect(lastOutput([...none, 'propose 1 x'])).to.equal('raft proposal dropped\n');
    expect(lastOutput([...none, 'stabilize log-level=foo'])).to.equal(
      'log levels must be either of [DEBUG INFO WARN ERROR FATAL NONE]\n',
    );
  });

  it('shows a level and what is above it', () => {
    const campaign = (level: string): string =>
      lastOutput([...THREE_VOTERS, 'add-nodes 1', `log-level ${level}`, 'campaign 4']);
    expect(campaign('debug')).to.equal('WARN 4 is unpromotable and can not campaign\n');
    expect(campaign('warn')).to.equal('WARN 4 is unpromotable and can not campaign\n');
    expect(campaign('error')).to.equal('ok\n');
  });

  it('gives the old level back after stabilize, and lets the inner one print at an outer NONE', () => {
    const commands = [...THREE_VOTERS, 'campaign 1', 'log-level none', 'stabilize log-level=debug'];
    expect(lastOutput(commands)).to.match(/^> 1 handling Ready\n {2}Ready MustSync=true:\n/);
    expect(lastOutput([...commands, 'raft-state'])).to.equal('ok\n');
    const silent = [...THREE_VOTERS, 'campaign 1', 'stabilize log-level=none'];
    expect(lastOutput(silent)).to.equal('ok\n');
    expect(lastOutput([...silent, 'raft-state'])).to.match(/^1: StateLeader \(Voter\) Term:1 Lead:1\n/);
  });

  it('ends an indented block silently at a line of 64 KiB', () => {
    const huge = 'x'.repeat(65_480);
    const leader = [...LEADER_ONE, `propose 1 ${huge}`];
    expect(lastOutput([...leader, 'process-ready 1'])).to.contain('1->2 MsgApp');
    expect(lastOutput([...leader, 'stabilize 1'])).to.match(
      /^> 1 handling Ready\n {2}Ready MustSync=true:\n {2}Entries:\n {2}1\/12 EntryNormal "x+"\n {2}Messages:\n$/,
    );
  });
});

describe('interaction: messages', () => {
  it('drops what crosses the network only', () => {
    const commands = [...THREE_VOTERS, 'send-snapshot 1 1', 'deliver-msgs drop=(1)'];
    expect(lastOutput(commands)).to.equal('no messages\n');
    expect(lastOutput([...commands, 'deliver-msgs 1'])).to.match(/^1->1 MsgSnap /);
  });

  it('drops messages to nodes that do not exist, and ends the script on their delivery', () => {
    const sent = [...THREE_VOTERS, 'send-snapshot 1 9'];
    expect(lastOutput([...sent, 'stabilize'])).to.equal('ok\n');
    expect(lastOutput([...sent, 'deliver-msgs drop=(9)'])).to.match(/^dropped: 1->9 MsgSnap /);
    expect(abortOf([...sent, 'deliver-msgs 9'])).to.match(/there is no node 9/);
  });

  it('delivers only the last of several types', () => {
    const commands = [...THREE_VOTERS, 'campaign 1', 'process-ready 1'];
    expect(lastOutput([...commands, 'deliver-msgs 2 type=(MsgVote,MsgApp)'])).to.equal('no messages\n');
    expect(lastOutput([...commands, 'deliver-msgs 2 type=(MsgApp,MsgVote)'])).to.match(/^1->2 MsgVote /);
  });

  it('names odd recipients of a snapshot as etcd does', () => {
    expect(lastOutput([...THREE_VOTERS, 'send-snapshot 1 0'])).to.match(/^1->None MsgSnap Term:0 Log:0\/0\n/);
    expect(lastOutput([...THREE_VOTERS, 'send-snapshot 1 -5'])).to.match(/^1->fffffffffffffffb MsgSnap /);
  });

  it('sends and takes the empty snapshot of a node that was never bootstrapped', () => {
    const commands = ['log-level none', 'add-nodes 2', 'log-level debug', 'send-snapshot 1 2'];
    expect(lastOutput(commands)).to.equal('1->2 MsgSnap Term:0 Log:0/0\n');
    expect(lastOutput([...commands, 'deliver-msgs 2'])).to.equal(
      '1->2 MsgSnap Term:0 Log:0/0\nINFO 2 [commit: 0] ignored snapshot [index: 0, term: 0]\n',
    );
    expect(lastOutput([...commands, 'deliver-msgs 2', 'raft-state'])).to.equal(
      '1: StateFollower (Non-Voter) Term:0 Lead:0\n2: StateFollower (Non-Voter) Term:0 Lead:1\n',
    );
  });

  it('prints the errors of RawNode.step and goes on', () => {
    const commands = [
      ...LEADER_ONE,
      'propose 1 x',
      'stabilize 1',
      'propose-conf-change 1 v1=true\nr3',
      'stabilize 1 2',
      'stabilize 1 2',
      'deliver-msgs 3',
      'process-ready 3',
      'deliver-msgs 1',
    ];
    expect(lastOutput(commands)).to.match(/^3->1 MsgAppResp Term:1 Log:0\/\d+\nraft: cannot step as peer not found\n/);
  });

  it('hands messages to the core that RawNode drops, where etcd panics', () => {
    // 3 takes 2 for the leader and forwards; 2 takes 1 for it and would have to forward once more.
    const commands = [
      ...LEADER_ONE,
      'send-snapshot 2 3',
      'deliver-msgs 3',
      'transfer-leadership from=3 to=3',
      'process-ready 3',
      'deliver-msgs 2',
    ];
    expect(abortOf(commands)).to.equal('term should not be set when sending MsgTransferLeader (was 1)');
  });

  it('reports a node unreachable on itself', () => {
    expect(lastOutput([...LEADER_ONE, 'report-unreachable 1 1', 'status 1'])).to.match(
      /^1: StateProbe match=11 next=12\n/,
    );
  });
});

describe('interaction: where etcd panics or never ends', () => {
  it('ends the script where etcd panics on a message', () => {
    const commands = [
      'log-level none',
      'add-nodes 2 voters=(1,2,3) index=10 prevote=true',
      'add-nodes 1 voters=(1,2,3) index=5 prevote=true',
      'campaign 3',
      'stabilize 3',
      'deliver-msgs 1',
    ];
    expect(abortOf(commands)).to.match(/term should be set when sending MsgPreVoteResp/);
  });

  it('ends the script where a committed change removes all voters', () => {
    const commands = [
      'add-nodes 1 voters=(1) index=3',
      'campaign 1',
      'stabilize',
      'propose-conf-change 1 v1=true\nr1',
      'stabilize',
    ];
    expect(abortOf(commands)).to.match(/removed all voters/);
  });

  it('ends a stabilize that never comes to rest', () => {
    // 2 and 3 each take the other for the leader, by snapshots that were never due, and pass a proposal to and fro.
    const commands = [
      'log-level none',
      'add-nodes 3 voters=(1,2,3) index=10',
      'send-snapshot 2 3',
      'send-snapshot 3 2',
      'deliver-msgs 2 3',
      'propose 2 x',
      'stabilize',
    ];
    expect(abortOf(commands)).to.match(/stabilize does not come to rest: gave up after \d+ rounds/);
  });

  it('names the line and keeps what was printed before', () => {
    const run = play([...THREE_VOTERS, 'campaign 7', 'raft-state']);
    expect(run.aborted?.line).to.equal(10);
    expect(run.produced).to.match(/log-level debug\n----\nok\n\ncampaign 7\n----\n$/);
  });
});

describe('interaction: nodes', () => {
  it('accepts zero ids in changes, logs them, and skips them when they are applied', () => {
    const commands = [...LEADER_ONE, 'propose-conf-change 1\nv0 v2', 'stabilize'];
    const output = lastOutput(commands);
    expect(output).to.contain('1/12 EntryConfChangeV2 v0 v2');
    expect(output).to.contain('INFO 1 switched to configuration voters=(1 2 3)&&(1 2 3) autoleave');
  });

  it('answers a read with a ReadState once a quorum has confirmed the leader', () => {
    const output = lastOutput([...LEADER_ONE, 'read-index 1 ctx', 'stabilize']);
    expect(output).to.contain('ReadStates [{11 [99 116 120]}]\n');
  });

  it('gives the newest state of the application as snapshot, which a received snapshot is not', () => {
    const commands = [...LEADER_ONE, 'propose 1 x', 'stabilize 1 2', 'deliver-msgs drop=(3)'];
    expect(lastOutput([...commands, 'send-snapshot 2 3'])).to.contain('Snapshot: Index:12 Term:1 ');
    const received = [...commands, 'send-snapshot 1 3', 'stabilize'];
    expect(lastOutput([...received, 'raft-log 3'])).to.equal('log is empty: first index=13, last index=12\n');
    expect(lastOutput([...received, 'send-snapshot 3 2'])).to.contain('Snapshot: Index:11 Term:1 ');
  });

  describe('with a Ready that has a snapshot and entries', () => {
    const commands = [
      ...LEADER_ONE,
      'log-level none',
      'propose 1 x',
      'stabilize 1 2',
      'deliver-msgs drop=(3)',
      'send-snapshot 1 3',
      'propose 1 y',
      'process-ready 1',
      'deliver-msgs 3',
    ];
    const complaint = "can't apply snapshot and entries at the same time\n";
    const ready = [
      'Ready MustSync=true:',
      'HardState Term:1 Vote:1 Commit:12',
      'Entries:',
      '1/13 EntryNormal "y"',
      'Snapshot Index:12 Term:1 ConfState:Voters:[1 2 3] VotersOutgoing:[] Learners:[] LearnersNext:[] AutoLeave:false',
      'Messages:',
      '3->1 MsgAppResp Term:1 Log:0/12',
      '3->1 MsgAppResp Term:1 Log:0/13',
    ];
    const indented = `> 3 handling Ready\n${ready.map((line) => `  ${line}\n`).join('')}`;

    it('complains behind what was printed before', () => {
      const debug = [...commands, 'log-level debug'];
      expect(lastOutput([...debug, 'process-ready 3'])).to.equal(`${ready.join('\n')}\n${complaint}`);
      expect(lastOutput([...debug, 'process-ready 3 2'])).to.equal(`${indented}${complaint}`);
      expect(lastOutput([...debug, 'stabilize'])).to.equal(`${indented}${complaint}`);
    });

    it('lets the outer level decide what else is shown', () => {
      expect(lastOutput([...commands, 'process-ready 3'])).to.equal(complaint);
      expect(lastOutput([...commands, 'stabilize log-level=debug'])).to.equal(complaint);
      expect(lastOutput([...commands, 'log-level debug', 'stabilize log-level=none'])).to.equal(complaint);
    });

    it('cannot go on with the node', () => {
      expect(abortOf([...commands, 'process-ready 3', 'process-ready 3'])).to.equal(
        'two accepted Ready structs without call to Advance',
      );
    });
  });
});
