import type { IncomingMessage, ServerResponse } from 'node:http';
import { isFields, isWhole } from '../machine/fields.js';
import type { KvCondition, KvOperation, KvTransaction } from '../machine/kv-machine.js';
import { sizeOf } from '../machine/transaction.js';
import { HttpError } from './answers.js';
import { onlyFields, readObject } from './body.js';
import { requireFeatures } from './features.js';
import { idempotencyKey, proposeOnce } from './idempotency.js';
import { toJson } from './json.js';
import type { KeysHost } from './keys.js';
import { answerInTurn } from './room.js';

/** Bytes of the body. */
const LARGEST_BODY = 2 * 2 ** 20;
/** Conditions, and operations. */
const MOST = 128;
/** Bytes of a key: percent-encoded, it must still fit into a path. */
const LONGEST_KEY = 4096;

const SHAPE =
  '{"if":[{"key","index"},…],"do":[{"op":"put","key","value"} or {"op":"delete","key"} or {"op":"get","key"},…]}';

/** Answers POST /kv: many operations, conditions first, all or nothing. */
export async function answerTransaction(
  host: KeysHost,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const once = idempotencyKey(request);
  const transaction = transactionOf(await readObject(request, SHAPE, LARGEST_BODY), host.maxValue);
  requireFeatures(host);
  const { index, result } = await (once === undefined
    ? host.replica.propose(transaction)
    : proposeOnce(host, once, transaction));
  if (result.done) {
    const { reads = [] } = result;
    const size = reads.reduce((sum, read) => sum + sizeOf(read), 0);
    return answerInTurn(response, size, () => toJson({ index, done: true, reads }));
  }
  if (result.tooLarge === true)
    throw new HttpError(
      'ERR_KV_TOO_LARGE',
      'reads',
      'it would read more than one answer may hold; nothing was changed',
    );
  const condition = result.failed ?? 0;
  const { current } = result;
  const key = transaction.if[condition]?.key ?? '';
  throw new HttpError(
    'ERR_KV_CONDITION',
    'index',
    `condition ${condition} failed: the index of its key is ${current}`,
    {
      index,
      condition,
      key,
      current,
    },
  );
}

function transactionOf(body: Readonly<Record<string, unknown>>, maxValue: number): KvTransaction {
  const { if: conditions = [], do: operations } = body;
  onlyFields('the body', body, ['if', 'do']);
  return {
    op: 'txn',
    if: listOf('if', conditions, 0).map((one, i) => conditionOf(`if[${i}]`, one)),
    do: listOf('do', operations, 1).map((one, i) => operationOf(`do[${i}]`, one, maxValue)),
  };
}

/** Objects, each with a key that no other one of them has. */
function listOf(what: string, list: unknown, least: number): readonly Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(list)) throw invalid(`"${what}" must be a list: the body must be ${SHAPE}`);
  if (list.length < least) throw invalid(`"${what}" must not be empty`);
  if (list.length > MOST) throw new HttpError('ERR_KV_TOO_LARGE', what, `"${what}" may have ${MOST} members at most`);
  const keys = new Set<string>();
  return list.map((one: unknown, i) => {
    const place = `${what}[${i}]`;
    if (!isFields(one)) throw invalid(`${place} must be an object`);
    const { key } = one;
    if (typeof key !== 'string' || key === '' || !key.isWellFormed() || Buffer.byteLength(key) > LONGEST_KEY)
      throw invalid(`${place}.key must be a text of 1 to ${LONGEST_KEY} bytes of UTF-8`);
    if (keys.has(key)) throw invalid(`${place}.key stands in "${what}" twice`);
    keys.add(key);
    return one;
  });
}

function conditionOf(place: string, one: Readonly<Record<string, unknown>>): KvCondition {
  onlyFields(place, one, ['key', 'index']);
  const { key, index } = one as { readonly key: string; readonly index: unknown };
  if (isWhole(index)) return { key, index };
  throw invalid(`${place}.index must be an index, or 0 for a key that must be absent`);
}

function operationOf(place: string, one: Readonly<Record<string, unknown>>, maxValue: number): KvOperation {
  const { op, key, value } = one as { readonly op: unknown; readonly key: string; readonly value: unknown };
  if (op === 'delete' || op === 'get') {
    onlyFields(place, one, ['op', 'key']);
    return { op, key };
  }
  if (op !== 'put') throw invalid(`${place}.op must be put, delete or get`);
  onlyFields(place, one, ['op', 'key', 'value']);
  if (typeof value !== 'string' || !value.isWellFormed()) throw invalid(`${place}.value must be a text`);
  if (Buffer.byteLength(value) > maxValue)
    throw new HttpError('ERR_KV_TOO_LARGE', 'value', `${place}.value is longer than ${maxValue} bytes`);
  return { op, key, value };
}

function invalid(message: string): HttpError {
  return new HttpError('ERR_KV_REQUEST', 'transaction', message);
}
