import { checkId } from '@raft-ts/proto/internal';
import { FieldReader } from './fields.js';

/** Whose log it is: what etcd puts into its metadata. */
export interface Identity {
  /** 1 to 2^64 - 1. */
  readonly nodeId: bigint;
  /** 0 to 2^64 - 1. */
  readonly clusterId: bigint;
}

const NODE_ID = 0x08;
const CLUSTER_ID = 0x10;

function writeId(bytes: number[], tag: number, id: bigint): void {
  bytes.push(tag);
  let rest = BigInt.asUintN(64, id);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
}

/** @throws RaftError `ERR_RAFT_ARGUMENT` unless both are ids */
export function checkIdentity({ nodeId, clusterId }: Identity): void {
  checkId('nodeId', nodeId);
  checkId('clusterId', clusterId);
}

/** The metadata that name this member; both fields are always written, as etcd does. */
export function encodeIdentity({ nodeId, clusterId }: Identity): Uint8Array {
  const bytes: number[] = [];
  writeId(bytes, NODE_ID, nodeId);
  writeId(bytes, CLUSTER_ID, clusterId);
  return Uint8Array.from(bytes);
}

/** Reads an identity; undefined where the metadata are something else. */
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

/** Member and cluster in hex, as etcd prints them. */
export function identityText({ nodeId, clusterId }: Identity): string {
  return `member ${nodeId.toString(16)} of cluster ${clusterId.toString(16)}`;
}
