// The project's own lint rules: what each layer may import, and what the core may touch. .oxlintrc.json says where
// they apply. They are lists of what is allowed, because a list of what is forbidden always forgets something.

import { dirname, relative, resolve, sep } from 'node:path';

/** What the language itself gives, and what neither reads a clock, draws a number nor reaches outside. */
const pureGlobals = new Set([
  'Array',
  'ArrayBuffer',
  'BigInt',
  'BigInt64Array',
  'BigUint64Array',
  'Boolean',
  'DataView',
  'Error',
  'Float64Array',
  'Infinity',
  'Int32Array',
  'Iterator',
  'JSON',
  'Map',
  'Math',
  'NaN',
  'Number',
  'Object',
  'RangeError',
  'RegExp',
  'Set',
  'String',
  'Symbol',
  'TextDecoder',
  'TextEncoder',
  'TypeError',
  'Uint16Array',
  'Uint32Array',
  'Uint8Array',
  'WeakMap',
  'WeakSet',
  'undefined',
]);

/** `Math.max`, but neither `Math.random` nor an alias through which it could be reached. */
function isPureMath(identifier) {
  const { parent } = identifier;
  if (parent.type !== 'MemberExpression' || parent.object !== identifier) return false;
  return !parent.computed && parent.property.name !== 'random';
}

const globals = {
  meta: { type: 'problem', schema: [{ type: 'object' }] },
  create(context) {
    const also = new Set(context.options[0]?.also ?? []);
    const check = ({ identifier, isValueReference }) => {
      const { name } = identifier;
      if (!isValueReference || also.has(name)) return;
      if (!pureGlobals.has(name)) {
        context.report({ node: identifier, message: `${name} reaches outside the core, which does no I/O.` });
      } else if (name === 'Math' && !isPureMath(identifier)) {
        context.report({
          node: identifier,
          message: 'Randomness comes from Config.random: no Math.random, no alias of Math.',
        });
      }
    };
    return {
      MetaProperty(node) {
        if (node.meta.name === 'import')
          context.report({ node, message: 'import.meta depends on who loads the core.' });
      },
      'Program:exit'() {
        const { globalScope } = context.sourceCode.scopeManager;
        for (const reference of globalScope.through) check(reference);
        for (const variable of globalScope.variables) {
          if (variable.defs.length === 0) for (const reference of variable.references) check(reference);
        }
      },
    };
  },
};

const synchronous = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const report = (node) =>
      context.report({ node, message: 'The core answers at once: only node.ts and the in-memory transport wait.' });
    const reportAsync = (node) => {
      if (node.async) report(node);
    };
    return {
      FunctionDeclaration: reportAsync,
      FunctionExpression: reportAsync,
      ArrowFunctionExpression: reportAsync,
      AwaitExpression: report,
      ImportExpression: report,
      ForOfStatement(node) {
        if (node.await) report(node);
      },
    };
  },
};

/**
 * Does `specifier` match an entry of the list: itself, or everything that begins with what stands before a final `*`?
 */
function listed(list, specifier) {
  return list.some((entry) => (entry.endsWith('*') ? specifier.startsWith(entry.slice(0, -1)) : specifier === entry));
}

const imports = {
  meta: { type: 'problem', schema: [{ type: 'object' }] },
  create(context) {
    const { folder, allow = [], allowTypes = [] } = context.options[0];
    const inside = (specifier) => {
      const path = relative(context.cwd, resolve(dirname(context.filename), specifier));
      return path.split(sep).join('/').startsWith(`${folder}/`);
    };
    const check = (node, source, typeOnly) => {
      if (source === null) return;
      if (source.type !== 'Literal') {
        context.report({ node, message: 'An import that is computed cannot be checked: name the module.' });
        return;
      }
      const specifier = source.value;
      const relativePath = specifier.startsWith('./') || specifier.startsWith('../');
      if (relativePath ? inside(specifier) : listed(allow, specifier)) return;
      if (listed(allowTypes, specifier)) {
        if (typeOnly) return;
        context.report({ node, message: `${folder} may import types of '${specifier}', and nothing else.` });
        return;
      }
      const rule = relativePath
        ? 'Other packages are entered by their doors'
        : 'Imports go down the layers, by the doors';
      context.report({ node, message: `${folder} may not import '${specifier}'. ${rule}: see .oxlintrc.json.` });
    };
    const onlyTypes = (specifiers, kind) => specifiers.length > 0 && specifiers.every((one) => one[kind] === 'type');
    return {
      ImportDeclaration(node) {
        check(node, node.source, node.importKind === 'type' || onlyTypes(node.specifiers, 'importKind'));
      },
      ExportNamedDeclaration(node) {
        check(node, node.source, node.exportKind === 'type' || onlyTypes(node.specifiers, 'exportKind'));
      },
      ExportAllDeclaration(node) {
        check(node, node.source, node.exportKind === 'type');
      },
      ImportExpression(node) {
        check(node, node.source, false);
      },
      TSImportType(node) {
        check(node, node.source ?? node.argument, true);
      },
    };
  },
};

/**
 * Checks imports between the rooms of a package, which are the folders of its sources. `rooms` lists them from the
 * bottom to the top, each with those that it may use; '.' is the door, that is, the files beside the rooms. A room may
 * only name rooms listed before it, so imports go one way whatever the list says.
 */
const rooms = {
  meta: { type: 'problem', schema: [{ type: 'object' }] },
  create(context) {
    const { folder, rooms: list } = context.options[0];
    const names = Object.keys(list);
    for (const [name, uses] of Object.entries(list)) {
      const stranger = uses.find((used) => !names.slice(0, names.indexOf(name)).includes(used));
      if (stranger !== undefined)
        throw new Error(`${folder}: room '${name}' uses '${stranger}', which is not listed before it`);
    }
    const roomOf = (path) => {
      const inside = relative(resolve(context.cwd, folder), path).split(sep).slice(0, -1);
      // The innermost folder that is listed; a room may lie within another one.
      for (let depth = inside.length; depth > 0; depth--) {
        const name = inside.slice(0, depth).join('/');
        if (names.includes(name)) return name;
      }
      return inside[0] ?? '.';
    };
    const own = roomOf(context.filename);
    const check = (node, source) => {
      if (source?.type !== 'Literal' || !/^\.{1,2}\//.test(source.value)) return;
      const room = roomOf(resolve(dirname(context.filename), source.value));
      if (room === own || list[own]?.includes(room)) return;
      const message = Object.hasOwn(list, own)
        ? `Room '${own}' may not import from room '${room}'`
        : `Room '${own}' is not listed`;
      context.report({ node, message: `${message}: see .oxlintrc.json.` });
    };
    return {
      ImportDeclaration: (node) => check(node, node.source),
      ExportNamedDeclaration: (node) => check(node, node.source),
      ExportAllDeclaration: (node) => check(node, node.source),
      ImportExpression: (node) => check(node, node.source),
      TSImportType: (node) => check(node, node.source ?? node.argument),
    };
  },
};

/** The width to which the formatter lays out code; it leaves comments alone. */
const MAX_COLUMNS = 120;

const commentWidth = {
  meta: { type: 'layout', schema: [] },
  create(context) {
    return {
      'Program:exit'() {
        const { sourceCode } = context;
        for (const comment of sourceCode.getAllComments()) {
          for (let line = comment.loc.start.line; line <= comment.loc.end.line; line++) {
            const { length } = sourceCode.lines[line - 1];
            if (length <= MAX_COLUMNS) continue;
            const loc = { start: { line, column: MAX_COLUMNS }, end: { line, column: length } };
            context.report({ loc, message: `Comments keep to ${MAX_COLUMNS} columns; this line has ${length}.` });
          }
        }
      },
    };
  },
};

export default {
  meta: { name: 'raft-ts' },
  rules: { 'comment-width': commentWidth, globals, imports, rooms, synchronous },
};
