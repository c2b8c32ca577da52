import { checkId, writeHalves } from '@raft-ts/proto/internal';
import { FieldReader } from './fields.js';

/** The owner of a log, as etcd writes it into the metadata. */
export interface Identity {
  /** 1 to 2^64 - 1. */
  readonly nodeId: bigint;
  /** 0 to 2^64 - 1. */
  readonly clusterId: bigint;
}

const NODE_ID = 0x08;
const CLUSTER_ID = 0x10;

/** @throws RaftError `ERR_RAFT_ARGUMENT` unless both are ids */
export function checkIdentity({ nodeId, clusterId }: Identity): void {
  checkId('nodeId', nodeId);
  checkId('clusterId', clusterId);
}

/** Two tags, and two ids of up to ten bytes. */
const LONGEST = 22;

/** Encodes the metadata that name this member. Both fields are always written, as etcd does it. */
export function encodeIdentity({ nodeId, clusterId }: Identity): Uint8Array {
  const bytes = new Uint8Array(LONGEST);
  const end = writeId(bytes, writeId(bytes, 0, NODE_ID, nodeId), CLUSTER_ID, clusterId);
  return bytes.slice(0, end);
}

/** Of a larger number, the lowest 64 bits are written. */
function writeId(bytes: Uint8Array, position: number, tag: number, id: bigint): number {
  bytes[position] = tag;
  return writeHalves(bytes, position + 1, Number(BigInt.asIntN(32, id)), Number(BigInt.asIntN(32, id >> 32n)));
}

/** Decodes an identity; returns undefined if the metadata are something else. */
export function decodeIdentity(metadata: Uint8Array | undefined): Identity | undefined {
  if (metadata === undefined) return undefined;
  let nodeId: bigint | undefined;
  let clusterId: bigint | undefined;
  const fields = new FieldReader(metadata);
  try {
    for (let tag = fields.next(); tag !== 0; tag = fields.next()) {
      if (tag === NODE_ID) nodeId = readId(fields);
      else if (tag === CLUSTER_ID) clusterId = readId(fields);
      else return undefined;
    }
  } catch {
    return undefined;
  }
  return nodeId === undefined || clusterId === undefined ? undefined : { nodeId, clusterId };
}

function readId(fields: FieldReader): bigint {
  fields.varint();
  return (BigInt(fields.high) << 32n) | BigInt(fields.low);
}

/** Returns member and cluster in hex, as etcd prints them. */
export function identityText({ nodeId, clusterId }: Identity): string {
  return `member ${nodeId.toString(16)} of cluster ${clusterId.toString(16)}`;
}
