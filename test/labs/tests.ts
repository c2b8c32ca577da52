import * as agreement from './agreement.js';
import * as elections from './elections.js';
import type { Lab, LabOptions } from './lab.js';
import * as persistence from './persistence.js';
import * as snapshots from './snapshots.js';
import type { Steps } from './steps.js';

/** One of the labs' tests: its name there, its cluster, and what it does. */
export interface LabTest extends LabOptions {
  readonly name: string;
  readonly course: '2018' | '2024–2026';
  readonly scenario: (lab: Lab) => Steps;
}

type Row = readonly [name: string, members: number, scenario: (lab: Lab) => Steps, net?: 'unreliable'];

const of2018: readonly Row[] = [
  ['TestInitialElection2A', 3, elections.initialElection],
  ['TestReElection2A', 3, elections.reElection],
  ['TestBasicAgree2B', 5, agreement.basicAgree],
  ['TestFailAgree2B', 3, agreement.failAgree],
  ['TestFailNoAgree2B', 5, agreement.failNoAgree],
  ['TestConcurrentStarts2B', 3, agreement.concurrentStarts],
  ['TestRejoin2B', 3, agreement.rejoin],
  ['TestBackup2B', 5, agreement.backup],
  ['TestCount2B', 3, agreement.count],
  ['TestPersist12C', 3, persistence.persistOne],
  ['TestPersist22C', 5, persistence.persistTwo],
  ['TestPersist32C', 3, persistence.persistThree],
  ['TestFigure82C', 5, persistence.figureEight],
  ['TestUnreliableAgree2C', 5, persistence.unreliableAgree, 'unreliable'],
  ['TestFigure8Unreliable2C', 5, persistence.figureEightUnreliable, 'unreliable'],
  ['TestReliableChurn2C', 5, persistence.churn],
  ['TestUnreliableChurn2C', 5, persistence.churn, 'unreliable'],
];

const of2024: readonly Row[] = [
  ['TestInitialElection3A', 3, elections.initialElection],
  ['TestReElection3A', 3, elections.reElection],
  ['TestManyElections3A', 7, elections.manyElections],
  ['TestBasicAgree3B', 3, agreement.basicAgree],
  ['TestRPCBytes3B', 3, agreement.rpcBytes],
  ['TestFollowerFailure3B', 3, agreement.followerFailure],
  ['TestLeaderFailure3B', 3, agreement.leaderFailure],
  ['TestFailAgree3B', 3, agreement.failAgree],
  ['TestFailNoAgree3B', 5, agreement.failNoAgree],
  ['TestConcurrentStarts3B', 3, agreement.concurrentStarts],
  ['TestRejoin3B', 3, agreement.rejoin],
  ['TestBackup3B', 5, agreement.backup],
  ['TestCount3B', 3, agreement.count],
  ['TestPersist13C', 3, persistence.persistOne],
  ['TestPersist23C', 5, persistence.persistTwo],
  ['TestPersist33C', 3, persistence.persistThree],
  ['TestFigure83C', 5, persistence.figureEight],
  ['TestUnreliableAgree3C', 5, persistence.unreliableAgree, 'unreliable'],
  ['TestFigure8Unreliable3C', 5, persistence.figureEightUnreliable, 'unreliable'],
  ['TestReliableChurn3C', 5, persistence.churn],
  ['TestUnreliableChurn3C', 5, persistence.churn, 'unreliable'],
];

const withSnapshots: readonly Row[] = [
  ['TestSnapshotBasic3D', 3, snapshots.install('none')],
  ['TestSnapshotInstall3D', 3, snapshots.install('disconnect')],
  ['TestSnapshotInstallUnreliable3D', 3, snapshots.install('disconnect'), 'unreliable'],
  ['TestSnapshotInstallCrash3D', 3, snapshots.install('crash')],
  ['TestSnapshotInstallUnCrash3D', 3, snapshots.install('crash'), 'unreliable'],
  ['TestSnapshotAllCrash3D', 3, snapshots.allCrash],
  // In 2025 and 2026 a flag changed its sense, and these two came to run on the unreliable network.
  ['TestSnapshotAllCrash3D (unreliable)', 3, snapshots.allCrash, 'unreliable'],
  ['TestSnapshotInit3D', 3, snapshots.init],
  ['TestSnapshotInit3D (unreliable)', 3, snapshots.init, 'unreliable'],
];

function tests(course: LabTest['course'], rows: readonly Row[], makeSnapshots = false): LabTest[] {
  return rows.map(([name, members, scenario, net]) => ({
    name,
    course,
    members,
    reliable: net === undefined,
    snapshots: makeSnapshots,
    scenario,
  }));
}

export const LAB_TESTS: readonly LabTest[] = [
  ...tests('2018', of2018),
  ...tests('2024–2026', of2024),
  ...tests('2024–2026', withSnapshots, true),
];
