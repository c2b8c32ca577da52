import { parser } from '@prometheus-io/lezer-promql';

type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];

/** What an expression asks for. */
export interface Asked {
  /** Names of metrics, with the labels by which their series are chosen. */
  readonly metrics: readonly { readonly name: string; readonly labels: readonly string[] }[];
  /** The labels of all `by`, `on` and `without`. */
  readonly groupings: readonly string[];
  /** Whether the result has the labels of a grouping only. */
  readonly grouped: boolean;
}

/** Parses PromQL as Prometheus' own editor does. @throws Error with the place of the first mistake */
export function parsePromql(text: string): Asked {
  const metrics: { name: string; labels: string[] }[] = [];
  const groupings: string[] = [];
  const { topNode } = parser.parse(text);
  const cursor = topNode.cursor();
  do {
    const { name, from, to } = cursor;
    const words = text.slice(from, to);
    if (cursor.type.isError) throw new Error(`at ${from}: ${text.slice(0, from)}<HERE>${text.slice(from)}`);
    if (name === 'Identifier') metrics.push({ name: words, labels: [] });
    else if (name === 'LabelName') {
      const of = cursor.node.parent?.name ?? '';
      if (of.endsWith('LabelMatcher')) metrics.at(-1)?.labels.push(words);
      else groupings.push(words);
    }
  } while (cursor.next());
  if (metrics.length === 0 && !/^[\d.]/u.test(text)) throw new Error(`it asks for no metric: ${text}`);
  return { metrics, groupings, grouped: isGrouped(topNode) };
}

/** The labels of a result are those of what stands first in it. */
function isGrouped(node: SyntaxNode): boolean {
  if (node.name === 'AggregateExpr') return node.getChild('AggregateModifier') !== null;
  if (node.name === 'VectorSelector') return false;
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (/Expr|Call|Selector/u.test(child.name)) return isGrouped(child);
  }
  return false;
}

/** The metrics of a `/metrics` page: their types, and the labels of their series, if there are any. */
export class Exposition {
  private readonly types = new Map<string, string>();
  private readonly labels = new Map<string, Set<string>>();

  constructor(pages: readonly string[]) {
    for (const line of pages.flatMap((page) => page.split('\n'))) {
      const [, typed, type] = /^# TYPE (\S+) (\S+)$/u.exec(line) ?? [];
      if (typed !== undefined && type !== undefined) this.types.set(typed, type);
      const [, name, list = ''] = /^([a-z]\w*)(?:\{(.*)\})? \S+$/u.exec(line) ?? [];
      if (name === undefined) continue;
      const known = this.labels.get(name) ?? new Set();
      for (const [, label] of list.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/gu)) known.add(label as string);
      this.labels.set(name, known);
    }
  }

  /** All metrics; a histogram is one. */
  get names(): readonly string[] {
    return [...this.types.keys()].sort();
  }

  /** Can this be asked for? Of a histogram its buckets, its count and its sum can. */
  has(name: string): boolean {
    const base = name.replace(/_(?:bucket|count|sum)$/u, '');
    const type = this.types.get(name) ?? this.types.get(base);
    return base === name || this.types.get(base) !== 'histogram'
      ? this.types.has(name) && type !== 'histogram'
      : type === 'histogram';
  }

  /** The labels of its series; `undefined` if it has none yet. */
  labelsOf(name: string): ReadonlySet<string> | undefined {
    return this.labels.get(name);
  }
}
