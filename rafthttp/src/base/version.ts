/** The version that we announce: etcd's, because both sides compare it. */
export const SERVER_VERSION = '3.7.1';

/** The oldest version that we talk to. */
export const MIN_CLUSTER_VERSION = '3.0.0';

/** What a missing header means: etcd sent none before this version. */
const versionOfSilence = '2.0.0';

/** The oldest version whose members serve the two streams. */
const firstWithStreams = '2.1.0';

/** Major and minor of a semantic version; two versions with the same ones are compatible. */
type Release = readonly [major: number, minor: number];

const semantic = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/u;

/** Most digits in each number of a version. */
const MAX_DIGITS = 9;

function parseRelease(version: string | undefined): Release | undefined {
  const [, major, minor, patch] = semantic.exec(version ?? versionOfSilence) ?? [];
  if (major === undefined || minor === undefined || patch === undefined) return undefined;
  if (Math.max(major.length, minor.length, patch.length) > MAX_DIGITS) return undefined;
  return [Number(major), Number(minor)];
}

function isBefore(a: Release, b: Release): boolean {
  return a[0] !== b[0] ? a[0] < b[0] : a[1] < b[1];
}

const ownRelease = parseRelease(SERVER_VERSION) as Release;
const minRelease = parseRelease(MIN_CLUSTER_VERSION) as Release;
const streamsRelease = parseRelease(firstWithStreams) as Release;

/**
 * May a member with these headers talk to us? Not if it is older than we accept, or if it accepts only newer ones than
 * we are. A malformed version is not compatible.
 */
export function isCompatible(serverVersion: string | undefined, minClusterVersion: string | undefined): boolean {
  const server = parseRelease(serverVersion);
  const min = parseRelease(minClusterVersion);
  return server !== undefined && min !== undefined && !isBefore(server, minRelease) && !isBefore(ownRelease, min);
}

/** Does a member that answers with this version write streams that we can read? */
export function supportsStreams(serverVersion: string | undefined): boolean {
  const server = parseRelease(serverVersion);
  return server !== undefined && !isBefore(server, streamsRelease);
}
