// Finds the regular expressions in TypeScript sources and judges each: does it take linear time on every text?

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';

import { parse } from 'acorn';
import { simple } from 'acorn-walk';
import { transform } from 'esbuild';

const require = createRequire(import.meta.url);

/** Whether npm has installed recheck's binary for this platform, which takes a fifth of the time. */
function hasBinary() {
  const platform = { darwin: 'macos', win32: 'windows' }[process.platform] ?? process.platform;
  try {
    require.resolve(`recheck-${platform}-${process.arch}/package.json`);
    return true;
  } catch {
    return false;
  }
}

// Left to itself, recheck may start a Java machine.
process.env.RECHECK_BACKEND = hasBinary() ? 'native' : 'pure';
const { check } = await import('recheck');
const { version } = require('recheck/package.json');

/** Every TypeScript file of a folder, however deep. */
export async function sourceFiles(folder) {
  const entries = await readdir(folder, { recursive: true });
  return entries
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
    .sort();
}

/** What one judgement may take: the slowest takes a second where nothing else runs. */
const TIMEOUT_MS = 120_000;

/** Those of the methods of strings that compile a string into an expression. */
const compiling = new Set(['match', 'matchAll', 'search']);

/** The expressions of one source: `source` and `flags`, or `unreadable` for one that is put together at run time. */
export async function expressionsOf(text) {
  const { code } = await transform(text, { loader: 'ts', target: 'esnext', legalComments: 'none' });
  const found = [];
  const built = ({ callee, arguments: [first] }) => {
    if (callee.type !== 'Identifier' || callee.name !== 'RegExp') return;
    found.push({ unreadable: `RegExp(${first === undefined ? '' : code.slice(first.start, first.end)})` });
  };
  simple(parse(code, { ecmaVersion: 'latest', sourceType: 'module' }), {
    Literal({ regex }) {
      if (regex !== undefined) found.push({ source: regex.pattern, flags: regex.flags });
    },
    NewExpression: built,
    CallExpression(node) {
      built(node);
      const {
        callee,
        arguments: [first],
      } = node;
      if (callee.type !== 'MemberExpression' || callee.computed || !compiling.has(callee.property.name)) return;
      if (first?.type === 'Literal' && typeof first.value === 'string') {
        found.push({ unreadable: code.slice(node.start, node.end) });
      }
    },
  });
  return found;
}

/** Expressions that were found linear before: judging all of them takes many seconds where other work goes on. */
const remembered = new URL('../node_modules/.cache/raft-ts/linear-expressions.json', import.meta.url);

async function linearBefore() {
  try {
    return new Set(JSON.parse(await readFile(remembered, 'utf8')));
  } catch {
    return new Set();
  }
}

/** One sentence for each expression that is not known to be linear. */
export async function expressionProblems(expressions) {
  const problems = [];
  const linear = await linearBefore();
  for (const { file, source, flags, unreadable } of expressions) {
    if (unreadable !== undefined) {
      problems.push(`${file}: ${unreadable} is put together at run time: write it as a literal`);
      continue;
    }
    const key = `${version} /${source}/${flags}`;
    if (linear.has(key)) continue;
    const { status, complexity, attack, error } = await check(source, flags, { timeout: TIMEOUT_MS });
    if (status === 'safe') {
      linear.add(key);
      continue;
    }
    const what =
      status === 'vulnerable'
        ? `takes ${complexity.summary} time, for example on ${attack.pattern}`
        : `could not be judged (${error.kind})`;
    problems.push(`${file}: /${source}/${flags} ${what}`);
  }
  await mkdir(new URL('.', remembered), { recursive: true });
  await writeFile(remembered, JSON.stringify([...linear]));
  return problems;
}
