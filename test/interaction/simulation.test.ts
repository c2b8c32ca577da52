import { expect } from 'chai';
import { detectKind } from './kinds.js';
import { abortOf, lastOutput } from './play.js';

/** Three voters with disks that hold what the cluster was founded with. */
const THREE = ['simulation', 'add-nodes 3 voters=(1,2,3)'];

/** As `THREE`, and 1 leads in term 2, by the vote of 2; its first append to 2 is under way, that to 3 is lost. */
const LED = [
  ...THREE,
  'campaign 1',
  'process-ready 1',
  'deliver-msgs drop=3',
  'deliver-msgs 2',
  'process-ready 2',
  'deliver-msgs 1',
  'process-ready 1',
  'deliver-msgs drop=3',
];

function last(...commands: string[]): string {
  return lastOutput(commands, 'simulation');
}

describe('scripts of the simulator', () => {
  it('are known by their first command', () => {
    expect(detectKind('x.txt', 'simulation\n----\nok\n')).to.equal('simulation');
  });

  it('lose in a crash what was begun, and not what was finished', () => {
    const begun = [...THREE, 'campaign 1', 'begin-ready 1'];
    expect(last(...begun, 'positions')).to.contain(
      '1: Term:2 Vote:1 Commit:1 Last:1/1 Applied:1 Synced: Term:1 Vote:0',
    );
    expect(last(...begun, 'deliver-msgs 2')).to.equal('no messages\n');
    expect(last(...begun, 'crash 1')).to.equal('lost: 1 of 1 unsynced writes\n');
    expect(last(...begun, 'crash 1', 'positions')).to.match(/^1: down Applied:1 Synced: Term:1 Vote:0/);
    expect(last(...begun, 'crash 1', 'restart 1', 'positions')).to.match(/^1: Term:1 Vote:0 /);
    expect(last(...begun, 'crash 1 kept=1', 'restart 1', 'positions')).to.match(/^1: Term:2 Vote:1 /);
    expect(last(...begun, 'finish-ready 1', 'crash 1')).to.equal('ok\n');
    expect(last(...begun, 'finish-ready 1', 'deliver-msgs 2')).to.contain('1->2 MsgVote Term:2');
    expect(last(...begun, 'process-ready 1')).to.equal('a Ready is being written\n');
    expect(last(...begun, 'crash 1', 'tick 1')).to.equal('1 is down\n');
  });

  it('send the appends of a leader while it writes', () => {
    const begun = [...LED, 'propose 1 x', 'begin-ready 1'];
    expect(last(...LED, 'deliver-msgs 2'))
      .to.contain('1->2 MsgApp Term:2')
      .and.contain('Entries:[2/2 EntryNormal ""]');
    expect(last(...begun, 'raft-log 1')).to.equal('2/2 EntryNormal ""\n2/3 EntryNormal "x"\n');
    expect(last(...begun, 'positions')).to.match(/^1: Term:2 Vote:1 Commit:1 Last:2\/3 .* Last:2\/2\n/);
    // 2 is still probed: what it was sent has to come first.
    expect(last(...begun, 'deliver-msgs 2 type=MsgApp nth=2')).to.equal('no messages\n');
  });

  it('deliver one message of several, keep it for another time, and lose one', () => {
    const two = [...LED, 'tick-heartbeat 1', 'process-ready 1', 'tick-heartbeat 1', 'process-ready 1'];
    const beat = '1->2 MsgHeartbeat Term:2 Log:0/0\n';
    expect(last(...two, 'deliver-msgs 2 type=MsgHeartbeat')).to.equal(beat + beat);
    expect(last(...two, 'deliver-msgs 2 type=MsgHeartbeat nth=2', 'deliver-msgs 2 type=MsgHeartbeat')).to.equal(beat);
    expect(last(...two, 'deliver-msgs 2 nth=2 keep=true', 'deliver-msgs 2 from=1 type=MsgHeartbeat')).to.equal(
      beat + beat,
    );
    expect(last(...two, 'deliver-msgs drop=2 nth=2', 'deliver-msgs 2 type=MsgHeartbeat')).to.equal(beat);
    expect(last(...two, 'deliver-msgs drop=2 nth=1')).to.match(/^dropped: 1->2 MsgApp/);
    expect(last(...two, 'deliver-msgs 2 from=3')).to.equal('no messages\n');
  });

  it('write asynchronously, several messages with one sync', () => {
    const elected = ['simulation', 'add-nodes 1 voters=(1) async-storage-writes=true', 'campaign 1', 'process-ready 1'];
    expect(last(...elected, 'process-append-thread 1')).to.equal(
      'Processing:\n' +
        '1->AppendThread MsgStorageAppend Term:2 Log:0/0 Commit:1 Vote:1\n' +
        'Responses:\n1->1 MsgVoteResp Term:2 Log:0/0\n',
    );
    const led = [
      ...elected,
      'process-append-thread 1',
      'deliver-msgs 1',
      'process-ready 1',
      'propose 1 x',
      'process-ready 1',
    ];
    const begun = [...led, 'begin-append-thread 1 count=2'];
    expect(last(...begun).match(/MsgStorageAppend /g)).to.have.lengthOf(2);
    expect(last(...begun, 'crash 1')).to.match(/^lost: \d of \d unsynced writes\n$/);
    expect(last(...begun, 'crash 1', 'restart 1', 'raft-log 1')).to.equal(
      'log is empty: first index=2, last index=1\n',
    );
    expect(last(...begun, 'finish-append-thread 1').match(/MsgStorageAppendResp/g)).to.have.lengthOf(2);
    expect(last(...begun, 'finish-append-thread 1', 'crash 1', 'restart 1', 'raft-log 1')).to.equal(
      '2/2 EntryNormal ""\n2/3 EntryNormal "x"\n',
    );
    // What a thread has answered is lost with the member that was to hear it.
    expect(last(...begun, 'finish-append-thread 1', 'crash 1', 'restart 1', 'deliver-msgs 1')).to.equal(
      'no messages\n',
    );
    expect(last(...led, 'process-apply-thread 1')).to.equal('no apply work to perform\n');
  });

  it('start again with the state of the application, or from its snapshot', () => {
    const applied = [
      'simulation',
      'add-nodes 1 voters=(1)',
      'campaign 1',
      'process-ready 1',
      'process-ready 1',
      'propose 1 #7',
      'process-ready 1',
      'process-ready 1',
    ];
    expect(last(...applied, 'crash 1 kept=9', 'restart 1', 'positions')).to.contain(' Applied:1 ');
    expect(last(...applied, 'crash 1 kept=9', 'restart 1 state=kept', 'positions')).to.contain(' Applied:3 ');
    const made = [...applied, 'make-snapshot 1'];
    expect(last(...made)).to.match(/^Index:3 Term:2 ConfState:Voters:\[1\]/);
    expect(last(...made, 'compact 1 2')).to.equal('2/3 EntryNormal #7\n');
    expect(last(...made, 'crash 1 kept=9', 'restart 1', 'positions')).to.contain(' Applied:3 ');
  });

  it('show payloads by their number', () => {
    expect(last(...LED, 'propose 1 #7 size=300 count=2', 'process-ready 1')).to.contain(
      '2/3 EntryNormal #7(300)\n2/4 EntryNormal #8(300)\n',
    );
  });

  it('say what a member fails by, and go on with the others', () => {
    const failed = [...LED, 'compact 1 9'];
    expect(last(...failed)).to.match(/^1 fails: /);
    expect(last(...failed, 'tick 1')).to.equal('1 has failed\n');
    expect(last(...failed, 'raft-state')).to.match(/^1: StateLeader \(Voter\) Term:2 Lead:1 failed\n2: StateFollower /);
  });

  it('end at what makes no sense', () => {
    expect(abortOf([...THREE, 'tick 4'], 'simulation')).to.equal('there is no member 4 among the 3 members');
    expect(abortOf([...THREE, 'deliver-msgs 1 type=MsgNone'], 'simulation')).to.equal('unknown message type MsgNone');
    expect(last(...THREE, 'stabilise')).to.equal('unknown command\n');
  });
});
