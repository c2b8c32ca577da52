// Reads from the sources what the packages log, and the codes and reasons of their errors.

import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

import { parse } from 'acorn';
import { ancestor, simple } from 'acorn-walk';
import { transform } from 'esbuild';

import { sourceFiles } from './expressions.mjs';
import { root } from './workspaces.mjs';

/** The methods, and the functions, by which a line is logged, with the level that it gets. */
const levels = new Map([
  ['info', 'info'],
  ['infoOnce', 'info'],
  ['warn', 'warn'],
  ['warnOnce', 'warn'],
  ['warnIfSettled', 'warn'],
  ['error', 'error'],
]);
/** What such a method belongs to; an `error` method of anything else is no line of a log. */
const loggers = /(?:^|\.)(?:logger|log|warnings|host|options|status|this)\??$/;
/** Stands for what varies. */
const VARIES = '…';
/** Texts that one line is put together from in more ways than these are told by what they share. */
const MOST_VARIANTS = 4;

const functionTypes = new Set(['ArrowFunctionExpression', 'FunctionExpression', 'FunctionDeclaration']);

const isScope = (type) => functionTypes.has(type) || type === 'Program';

/** One file: its syntax, and the names that its texts may be put together from. */
async function readSource(file) {
  const { code } = await transform(await readFile(file, 'utf8'), { loader: 'ts', target: 'esnext' });
  const tree = parse(code, { ecmaVersion: 'latest', sourceType: 'module' });
  const functions = new Map();
  const named = (name, node) => functions.set(name, node);
  simple(tree, {
    FunctionDeclaration: (node) => named(node.id.name, node),
    MethodDefinition: ({ key, value }) => named(key.name, value),
    VariableDeclarator({ id, init }) {
      if (functionTypes.has(init?.type)) named(id.name, init);
    },
    Property({ key, value }) {
      if (functionTypes.has(value.type) && !levels.has(key.name)) named(key.name, value);
    },
  });
  return { file: relative(root, file), code, tree, functions };
}

/** The names of a function's parameters, those of an object that is taken apart too. */
function parametersOf({ params }) {
  const names = [];
  for (const [place, param] of params.entries()) {
    const pattern = param.type === 'AssignmentPattern' ? param.left : param;
    if (pattern.type === 'Identifier') names.push({ name: pattern.name, place });
    else if (pattern.type === 'ObjectPattern') {
      for (const { value } of pattern.properties) if (value?.type === 'Identifier') names.push({ name: value.name });
    }
  }
  return names;
}

/** What a name stands for, looked up from the innermost function outwards. */
function lookUp(name, scopes, source) {
  for (const scope of [...scopes].reverse()) {
    if (functionTypes.has(scope.type)) {
      const parameter = parametersOf(scope).find((one) => one.name === name);
      if (parameter !== undefined) return { parameter, of: scope };
    }
    let init;
    simple(scope, {
      VariableDeclarator({ id, init: value }) {
        if (id.type === 'Identifier' && id.name === name) init = value;
      },
    });
    if (init !== undefined && init !== null) return { init };
    let list;
    simple(scope, {
      ForOfStatement({ left, right }) {
        if (left.declarations?.[0].id.name === name && right.type === 'MemberExpression') list = right.property.name;
      },
    });
    if (list !== undefined) return { list };
  }
  const called = source.functions.get(name);
  return called === undefined ? undefined : { init: called };
}

/** Calls back for each call in a file: the name of what is called, what it belongs to, and the functions around it. */
function visitCalls(source, match) {
  ancestor(source.tree, {
    CallExpression(node, _state, ancestors) {
      const { callee } = node;
      const isMember = callee.type === 'MemberExpression';
      const name = isMember ? callee.property.name : callee.name;
      const owner = isMember ? source.code.slice(callee.object.start, callee.object.end) : undefined;
      const scopes = ancestors.filter(({ type }) => isScope(type));
      match({ node, name, owner, scopes });
    },
  });
}

class Reader {
  constructor(sources) {
    this.sources = sources;
  }

  /** A function of this name: in this file, or in the only other one that has it. */
  functionNamed(name, source) {
    const own = source.functions.get(name);
    if (own !== undefined) return { node: own, source };
    const others = this.sources.filter(({ functions }) => functions.has(name));
    return others.length === 1 ? { node: others[0].functions.get(name), source: others[0] } : undefined;
  }

  /** The texts that an expression may have, with `…` for what varies; undefined if it is no text at all. */
  texts(node, scopes, source, depth = 0) {
    const inner = (one) => this.texts(one, scopes, source, depth + 1);
    if (node === undefined || node === null || depth > 8) return undefined;
    switch (node.type) {
      case 'Literal':
        return typeof node.value === 'string' ? [node.value] : undefined;
      case 'TemplateLiteral': {
        const parts = node.expressions.map((one) => {
          const texts = inner(one) ?? [VARIES];
          return one.type === 'CallExpression' ? whatIsShared(texts) : texts;
        });
        const ways = parts.reduce((product, { length }) => product * length, 1);
        const told = ways > MOST_VARIANTS ? parts.map(whatIsShared) : parts;
        return node.quasis.reduce(
          (before, { value }, i) =>
            before.flatMap((text) => (told[i] ?? ['']).map((after) => text + value.cooked + after)),
          [''],
        );
      }
      case 'BinaryExpression': {
        if (node.operator !== '+') return undefined;
        const [left, right] = [inner(node.left), inner(node.right)];
        if (left === undefined && right === undefined) return undefined;
        return (left ?? [VARIES]).flatMap((before) => (right ?? [VARIES]).map((after) => before + after));
      }
      case 'ConditionalExpression': {
        const both = [inner(node.consequent), inner(node.alternate)];
        return both.some((one) => one === undefined) ? undefined : [...new Set(both.flat())];
      }
      case 'Identifier': {
        const found = lookUp(node.name, scopes, source);
        if (found?.list !== undefined) return this.pushed(found.list);
        return found?.init === undefined || functionTypes.has(found.init.type) ? undefined : inner(found.init);
      }
      case 'MemberExpression': {
        if (!node.computed) return this.declared(node.property.name, depth);
        const found = node.object.type === 'Identifier' && lookUp(node.object.name, scopes, source);
        if (!found || found.init?.type !== 'ObjectExpression') return undefined;
        return found.init.properties.flatMap(({ value }) => inner(value) ?? [VARIES]);
      }
      // esbuild writes `undefined` so.
      case 'UnaryExpression':
        return node.operator === 'void' ? [] : undefined;
      case 'CallExpression':
        if (node.callee.object?.type === 'ArrayExpression' && node.callee.property.name === 'join') {
          // What may be there or not is something that varies.
          const parts = node.callee.object.elements.map((one) => inner(one)?.[0] ?? VARIES);
          return [parts.join(node.arguments[0].value)];
        }
        return this.returned(node.callee, source, depth);
      case 'ArrowFunctionExpression':
        return node.expression ? inner(node.body) : undefined;
      default:
        return undefined;
    }
  }

  /** The texts that are put into a list of this name, one by one. */
  pushed(list) {
    const texts = [];
    for (const source of this.sources) {
      visitCalls(source, ({ node, name, owner, scopes }) => {
        if (name === 'push' && owner === list) texts.push(...(this.texts(node.arguments[0], scopes, source) ?? []));
      });
    }
    return texts;
  }

  /** The texts of a field, if one place alone gives a name like that to a text. */
  declared(field, depth) {
    const places = [];
    for (const source of this.sources) {
      ancestor(source.tree, {
        VariableDeclarator({ id, init }, _state, ancestors) {
          if (id.name !== field || init === null) return;
          places.push({ init, source, scopes: ancestors.filter(({ type }) => isScope(type)) });
        },
      });
    }
    const [place, ...more] = places;
    return place === undefined || more.length > 0
      ? undefined
      : this.texts(place.init, place.scopes, place.source, depth + 1);
  }

  /** The texts that a function of ours returns. */
  returned(callee, source, depth) {
    const name = callee.type === 'Identifier' ? callee.name : undefined;
    const found = name === undefined ? undefined : this.functionNamed(name, source);
    if (found === undefined) return undefined;
    const { node } = found;
    const scopes = [found.source.tree, node];
    if (node.expression) return this.texts(node.body, scopes, found.source, depth + 1);
    const texts = [];
    simple(node.body, {
      ReturnStatement: ({ argument }) => texts.push(this.texts(argument, scopes, found.source, depth + 1)),
    });
    const known = texts.filter((one) => one !== undefined).flat();
    return known.length === 0 || known.includes(VARIES) ? undefined : [...new Set(known)];
  }
}

/** What several texts have in common at both ends, in whole words, as one text. */
function whatIsShared(texts) {
  const [first] = texts;
  if (texts.length < 2) return texts;
  let head = first;
  for (const text of texts) while (!text.startsWith(head)) head = head.slice(0, -1);
  let tail = first.slice(head.length);
  for (const text of texts) while (!text.slice(head.length).endsWith(tail)) tail = tail.slice(1);
  return [head.replace(/[\p{L}\d]+$/u, '') + VARIES + tail.replace(/^[\p{L}\d]+/u, '')];
}

/** The name under which the function that encloses a call can be called itself. */
function nameOf(scope, source) {
  for (const [name, node] of source.functions) if (node === scope) return name;
  return undefined;
}

/** The parameter of an enclosing function that an expression puts into a line, if there is one. */
function handedOn(expression, scopes, source) {
  let found;
  simple(expression, {
    Identifier({ name }) {
      const meant = lookUp(name, scopes, source);
      if (meant?.parameter !== undefined) found ??= meant;
    },
  });
  return found;
}

/** Finds the calls that log, and those of the functions of ours that hand a parameter on to such a call. */
function linesOf(sources) {
  const reader = new Reader(sources);
  const found = new Map();
  const sinks = [];
  const note = (level, text, { file }) => {
    // Whatever stands side by side and varies is one thing that varies.
    const line = text.replaceAll(/…(?:…)+/g, VARIES);
    const key = `${level} ${line}`;
    if (!found.has(key)) found.set(key, { level, line, file });
  };
  const take = (level, argument, scopes, source, where) => {
    const texts = reader.texts(argument, scopes, source);
    const told = texts?.filter((text) => /\p{L}{3}/u.test(text));
    if (told !== undefined && told.length > 0) {
      // A prefix of what others log is no line of its own.
      for (const text of told) if (!/^(?:raft|wal|http):[ …]*$/u.test(text)) note(level, text, source);
      return;
    }
    const handed = handedOn(argument, scopes, source);
    if (handed === undefined) throw new Error(`${source.file}: cannot tell what ${where} logs`);
    const name = nameOf(handed.of, source);
    const { place } = handed.parameter;
    // A function without a name of its own is what a caller calls `warn`, and found there.
    if (name === undefined || levels.has(name) || place === undefined) return;
    if (!sinks.some((sink) => sink.name === name && sink.source === source && sink.level === level)) {
      sinks.push({ name, place, level, source });
    }
  };
  for (const source of sources) {
    visitCalls(source, ({ node, name, owner, scopes }) => {
      const level = levels.get(name);
      if (level === undefined || (owner !== undefined && !loggers.test(owner))) return;
      if (owner === 'this' && name === 'error') return;
      if (node.arguments.length === 0) return;
      // A warning of the core has its cause first, and then the function that gives its text.
      const argument = node.arguments.find(({ type }) => type === 'ArrowFunctionExpression') ?? node.arguments[0];
      take(level, argument, scopes, source, source.code.slice(node.start, node.end));
    });
  }
  // More of them are found meanwhile.
  for (const sink of sinks) {
    for (const source of sources) {
      visitCalls(source, ({ node, name, owner, scopes }) => {
        const argument = name === sink.name ? node.arguments[sink.place] : undefined;
        if (argument === undefined) return;
        // Elsewhere something else may have this name.
        const isMeant =
          owner === undefined ? lookUp(name, scopes, source)?.parameter !== undefined : loggers.test(owner);
        if (source !== sink.source && (!isMeant || reader.texts(argument, scopes, source) === undefined)) return;
        take(sink.level, argument, scopes, source, source.code.slice(node.start, node.end));
      });
    }
  }
  return [...found.values()];
}

/** What a package logs: level, text and file of each line, in the order of the files. */
export async function logLinesOf(folder) {
  const files = await sourceFiles(join(root, folder, 'src'));
  return linesOf(await Promise.all(files.map(readSource)));
}

/** A docstring as one line. */
function proseOf(comment) {
  return comment
    .replaceAll(/^\s*\/\*\*|\*\/\s*$|^\s*\* ?/gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

const DOCSTRING = String.raw`\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*`;

/** What a package's sources say of the codes of its errors: `[code, docstring]`, in the order of the files. */
export async function codesOf(folder) {
  const codes = new Map();
  const used = new Set();
  for (const file of await sourceFiles(join(root, folder, 'src'))) {
    const text = await readFile(file, 'utf8');
    for (const [, code] of text.matchAll(/'(ERR_(?:RAFT|KV|CLIENT)_\w*[A-Z])'/g)) used.add(code);
    const declared = new RegExp(
      `${DOCSTRING}(?:export const \\w+ =|readonly code =|\\|)\\s*'(ERR_(?:RAFT|KV|CLIENT)_\\w*[A-Z])'`,
      'g',
    );
    for (const [, comment, code] of text.matchAll(declared)) codes.set(code, proseOf(comment));
  }
  return { codes, used };
}

/** The members of a union of strings, and what the list in its docstring says of each. */
export async function reasonsOf(file, type) {
  const text = await readFile(join(root, file), 'utf8');
  const found = new RegExp(`(?:${DOCSTRING})?export type ${type} =([^;]*);`).exec(text);
  if (found === null) throw new Error(`${file} has no type ${type}`);
  const [, comment = '', union] = found;
  const meanings = new Map();
  for (const [, names, meaning] of comment.matchAll(/\* - (`[^:]*`): ((?:(?!\* - |\* *\n)[\s\S])*)/g)) {
    for (const [, name] of names.matchAll(/`([^`]+)`/g)) meanings.set(name, proseOf(meaning));
  }
  const reasons = [...union.matchAll(/'([^']+)'/g)].map(([, reason]) => reason);
  return reasons.map((reason) => [reason, meanings.get(reason)]);
}

/** The keys and values of an object of the sources whose values are texts or lists of words. */
export async function entriesOf(file, name) {
  const { tree } = await readSource(join(root, file));
  const entries = [];
  simple(tree, {
    VariableDeclarator({ id, init }) {
      if (id.name !== name || init.type !== 'ObjectExpression') return;
      for (const { key, value } of init.properties) {
        const values = value.type === 'ArrayExpression' ? value.elements : [value];
        entries.push([key.name ?? key.value, ...values.map((one) => one.value)]);
      }
    },
  });
  if (entries.length === 0) throw new Error(`${file} has no object ${name}`);
  return entries;
}
