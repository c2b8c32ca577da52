import { join, relative } from 'node:path';

import { type Node, SyntaxKind } from 'typescript/unstable/ast';
import { API, type Symbol as Named, type Project, SymbolFlags } from 'typescript/unstable/sync';

import { readManifest, root, workspaceFolders } from './repository.js';

/** A name that a package exports, or a method of one, with its docstring. */
export interface Documented {
  readonly name: string;
  readonly file: string;
  readonly text: string;
  /** A function or method is called, so its docstring says what that does. */
  readonly isCalled: boolean;
}

/** The parts of declarations that are looked at here. */
interface Declaration extends Node {
  readonly modifiers?: readonly Node[];
  readonly heritageClauses?: readonly { readonly types: readonly { readonly expression: Node }[] }[];
}

/** What one package exports by its doors, as TypeScript sees it. */
class Face {
  private readonly folder: string;
  private readonly project: Project;
  readonly all: Documented[] = [];

  constructor(folder: string, project: Project) {
    this.folder = folder;
    this.project = project;
  }

  /** Takes in whatever this module exports and this package declares. */
  take(source: string): void {
    const { checker, program } = this.project;
    const module = checker.getSymbolAtLocation(program.getSourceFile(join(root, this.folder, source)) as Node);
    for (const found of checker.getExportsOfModule(module as Named)) {
      const symbol = this.meant(found);
      const file = relative(root, symbol.declarations[0]?.path ?? '');
      // What it passes on from another package is that one's to document.
      if (!file.startsWith(`${this.folder}/src/`)) continue;
      this.note(symbol, symbol.name, file, (symbol.flags & SymbolFlags.Function) !== 0);
      this.takeMethods(symbol, file);
    }
  }

  private takeMethods(symbol: Named, file: string): void {
    const inherited = this.inherited(symbol);
    for (const [name, member] of symbol.getMembers()) {
      if ((member.flags & SymbolFlags.Method) === 0 || this.isPrivate(member) || inherited.has(name)) continue;
      this.note(member, `${symbol.name}.${String(name)}`, file, true);
    }
  }

  private note(symbol: Named, name: string, file: string, isCalled: boolean): void {
    this.all.push({ name, file, isCalled, text: symbol.getDocumentationComment(this.project.checker).trim() });
  }

  /** What a name stands for, if it was only passed on. */
  private meant(symbol: Named): Named {
    return (symbol.flags & SymbolFlags.Alias) === 0 ? symbol : this.project.checker.getAliasedSymbol(symbol);
  }

  private declarationOf(symbol: Named): Declaration | undefined {
    return symbol.declarations[0]?.resolve(this.project);
  }

  private isPrivate(symbol: Named): boolean {
    if (symbol.name.startsWith('#') || symbol.name.startsWith('__')) return true;
    const modifiers = this.declarationOf(symbol)?.modifiers ?? [];
    return modifiers.some(({ kind }) => kind === SyntaxKind.PrivateKeyword || kind === SyntaxKind.ProtectedKeyword);
  }

  /** The methods that a class has from what it extends or implements: their docstrings are there. */
  private inherited(symbol: Named): ReadonlySet<unknown> {
    const names = new Set<unknown>();
    for (const { types } of this.declarationOf(symbol)?.heritageClauses ?? []) {
      for (const { expression } of types) {
        const base = this.project.checker.getSymbolAtLocation(expression);
        if (base !== undefined) for (const name of this.meant(base).getMembers().keys()) names.add(name);
      }
    }
    return names;
  }
}

/** Whatever the published packages export by their doors, and the methods of that. */
export function publicFaces(): readonly Documented[] {
  const packages = workspaceFolders
    .map((folder) => ({ folder, manifest: readManifest(join(root, folder)) }))
    .filter(({ manifest }) => manifest.private !== true);
  const configs = packages.map(({ folder }) => join(root, folder, 'tsconfig.json'));
  const api = new API({ cwd: root });
  try {
    const snapshot = api.updateSnapshot({ openProjects: configs });
    return packages.flatMap(({ folder, manifest }, i) => {
      const face = new Face(folder, snapshot.getProject(configs[i] as string) as Project);
      for (const [door, target] of Object.entries(manifest.exports ?? {})) {
        if (door === './internal' || typeof target !== 'object') continue;
        face.take((target as Readonly<Record<string, string>>)['@raft-ts/source'] as string);
      }
      return face.all;
    });
  } finally {
    api.close();
  }
}
