/** Every test of etcd's log and snapshot packages has one of that name here, or a reason. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const names = `
TestNew TestCreateNewWALFile TestCreateFailFromPollutedDir TestNewForInitedDir TestWalCleanup TestCreateFailFromNoSpaceLeft
TestOpenAtIndex TestVerify TestCut TestSaveWithCut TestRecover TestSearchIndex TestScanWalName TestRecoverAfterCut
TestOpenAtUncommittedIndex TestOpenForRead TestOpenWithMaxIndex TestSaveEmpty TestReleaseLockTo TestTailWriteNoSlackSpace
TestRestartCreateWal TestOpenOnTornWrite TestRenameFail TestReadAllFail TestValidSnapshotEntries
TestValidSnapshotEntriesAfterPurgeWal TestValidSnapshotEntriesRetryOnTransientNotExist TestLastRecordLengthExceedFileEnd
TestReadRecord TestWriteRecord TestRepairTruncate TestRepairWriteTearLast TestRepairWriteTearMiddle TestRepairFailDeleteDir
TestFilePipeline TestFilePipelineFailPreallocate TestEtcdVersionFromEntry TestEtcdVersionFromMessage
TestEtcdVersionFromFieldOptionsString TestMaxVersion TestSnapshotMetadataCompatibility TestValidateSnapshot
BenchmarkWrite100EntryWithoutBatch BenchmarkWrite100EntryBatch10 BenchmarkWrite100EntryBatch100 BenchmarkWrite100EntryBatch500
BenchmarkWrite100EntryBatch1000 BenchmarkWrite1000EntryWithoutBatch BenchmarkWrite1000EntryBatch10
BenchmarkWrite1000EntryBatch100 BenchmarkWrite1000EntryBatch500 BenchmarkWrite1000EntryBatch1000
TestSaveAndLoad TestBadCRC TestFailback TestSnapNames TestLoadNewestSnap TestNoSnapshot TestEmptySnapshot
TestAllSnapshotBroken TestReleaseSnapDBs`
  .trim()
  .split(/\s+/);

/** Why there is no test of this name. */
const reasons: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [
    /^(TestEtcdVersion|TestMaxVersion)/,
    "version annotations of etcd's own requests: the log does not look into entries",
  ],
  [/^BenchmarkWrite/, 'throughput by batch size is measured by `npm run bench -- wal`, beside Go'],
];

const sources = fileURLToPath(new URL('../../raftwal/', import.meta.url));

describe("the names of etcd's tests", () => {
  const titles = new Set<string>();
  for (const file of readdirSync(sources).filter((name) => name.startsWith('etcd-') && name.endsWith('.test.ts'))) {
    const text = readFileSync(`${sources}${file}`, 'utf8');
    for (const [, name] of text.matchAll(/it\(\s*["'`](Test\w+): /g)) titles.add(name as string);
  }

  it('each stand for a test here, or a reason', () => {
    const missing = names.filter((name) => !titles.has(name) && !reasons.some(([pattern]) => pattern.test(name)));
    expect(missing).to.deep.equal([]);
  });

  it('have no reason where there is a test, and no test without a name', () => {
    expect(names.filter((name) => titles.has(name) && reasons.some(([pattern]) => pattern.test(name)))).to.deep.equal(
      [],
    );
    expect([...titles].filter((title) => !names.includes(title))).to.deep.equal([]);
    for (const [pattern] of reasons)
      expect(
        names.some((name) => pattern.test(name)),
        String(pattern),
      ).to.equal(true);
  });
});
