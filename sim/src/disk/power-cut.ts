import { SECTOR_SIZE } from '@raft-ts/raftwal/internal';
import {
  applyNameChange,
  type DirectoryImage,
  DirectoryNode,
  type Disk,
  FileImage,
  FileNode,
  type NameChange,
  type Node,
  type NodeImage,
} from './disk.js';
import { Hash, type Sector, tear, ZERO_SECTOR } from './sector.js';

/**
 * The possible states of a disk after a power cut. Everything pending is a unit with some options, of which the cut
 * takes one:
 *
 * - a sector: lost, kept, torn, or one of the versions between the first and the last;
 * - the size of a file: lost, kept, or one between;
 * - a change of a name: lost or kept.
 */
export type Choice = readonly number[];

/** The choice for a change that the power cut loses. */
export const LOST = 0;
/** The choice for a change that the power cut keeps. */
export const KEPT = 1;
const TORN = 2;

interface SectorUnit {
  readonly file: FileNode;
  readonly index: number;
  /** By option; torn is omitted if old and new differ in fewer than two bytes. */
  readonly options: readonly (Sector | undefined)[];
}

interface SizeUnit {
  readonly file: FileNode;
  readonly options: readonly number[];
}

interface NameUnit {
  readonly directory: DirectoryNode;
  readonly change: NameChange;
}

/** The state of a disk at one instant, from which images are made. The disk must not change while it is used. */
export class PowerCut {
  readonly #root: DirectoryNode;
  readonly #names: NameUnit[] = [];
  readonly #sizes: SizeUnit[] = [];
  readonly #sectors: SectorUnit[] = [];
  readonly #untouched: Map<FileNode, FileImage> = new Map();

  /** `random` decides at which byte torn sectors are torn. */
  constructor(disk: Disk, random: (n: number) => number) {
    this.#root = disk.root;
    const files: FileNode[] = [];
    this.#collect(disk.root, files, new Set());
    const sectors: { order: number; unit: SectorUnit }[] = [];
    for (const file of files) {
      for (const [index, pending] of file.pending) {
        const previous = file.durable[index] ?? ZERO_SECTOR;
        const versions = pending.versions.map((version) => version.value);
        const next = versions.at(-1) as Sector;
        const options = [previous, next, tear(previous, next, random), ...versions.slice(0, -1)];
        sectors.push({ order: pending.versions[0]?.order ?? 0, unit: { file, index, options } });
      }
      const sizes = file.pendingSizes.map((size) => size.value);
      if (sizes.length > 0) {
        this.#sizes.push({ file, options: [file.durableSize, sizes.at(-1) as number, ...sizes.slice(0, -1)] });
      }
      if (file.pending.size === 0 && sizes.length === 0)
        this.#untouched.set(file, cutToSize(file.durableSize, file.durable));
    }
    sectors.sort((a, b) => a.order - b.order);
    this.#sectors.push(...sectors.map((sector) => sector.unit));
  }

  /** Finds what is pending below a directory, under all names that a cut may leave. */
  #collect(directory: DirectoryNode, files: FileNode[], seen: Set<Node>): void {
    const below = [...directory.durable.values(), ...directory.pending.map((pending) => pending.value.node)];
    for (const pending of directory.pending) this.#names.push({ directory, change: pending.value });
    for (const node of below) {
      if (seen.has(node)) continue;
      seen.add(node);
      if (node instanceof FileNode) files.push(node);
      else this.#collect(node, files, seen);
    }
  }

  /** Number of pending sectors, sizes and names. */
  get counts(): { readonly sectors: number; readonly sizes: number; readonly names: number } {
    return { sectors: this.#sectors.length, sizes: this.#sizes.length, names: this.#names.length };
  }

  /** Returns the choice by which everything pending is lost, or kept. */
  all(option: typeof LOST | typeof KEPT): Choice {
    return new Array<number>(this.#names.length + this.#sizes.length + this.#sectors.length).fill(option);
  }

  /**
   * Yields every choice that the rules require; one may come twice. For sectors and sizes each: all combinations of
   * lost, kept and torn if at most 3 are pending; else every prefix, every single one lost or torn (and alone kept),
   * every pair lost, and `samples` drawn ones. For names: every subset up to 6, else as above. Each of the one with
   * each of the other.
   */
  *choices(random: (n: number) => number, samples: number): Generator<Choice> {
    const names = [
      ...combinations(
        this.#names.map(() => 2),
        { full: 6, samples, random },
      ),
    ];
    const sizes = [
      ...combinations(
        this.#sizes.map((unit) => Math.min(3, unit.options.length)),
        { full: 3, samples, random },
      ),
    ];
    const sectorOptions = this.#sectors.map((unit) => (unit.options[TORN] === undefined ? 2 : 3));
    for (const sectors of combinations(sectorOptions, { full: 3, samples, random })) {
      for (const size of sizes) for (const name of names) yield [...name, ...size, ...sectors];
    }
    for (let i = 0; i < samples; i++) yield this.sample(random);
  }

  /** Draws one choice, versions between the first and the last included. */
  sample(random: (n: number) => number): Choice {
    return [
      ...this.#names.map(() => random(2)),
      ...this.#sizes.map((unit) => random(unit.options.length)),
      ...this.#sectors.map((unit) => {
        const option = random(unit.options.length);
        return unit.options[option] === undefined ? KEPT : option;
      }),
    ];
  }

  /** Tells whether a sector of this choice is torn. */
  tears(choice: Choice): boolean {
    const first = this.#names.length + this.#sizes.length;
    return choice.some((option, i) => i >= first && option === TORN);
  }

  /** Returns what is on the disk after a power cut with these choices. */
  image(choice: Choice): DirectoryImage {
    const changed = new Map<FileNode, { size: number; sectors: Sector[] }>();
    const change = (file: FileNode): { size: number; sectors: Sector[] } => {
      let state = changed.get(file);
      if (state === undefined) {
        state = { size: file.durableSize, sectors: [...file.durable] };
        changed.set(file, state);
      }
      return state;
    };
    let at = this.#names.length;
    for (const unit of this.#sizes) change(unit.file).size = unit.options[choice[at++] as number] as number;
    for (const unit of this.#sectors) {
      const { sectors } = change(unit.file);
      while (sectors.length < unit.index) sectors.push(ZERO_SECTOR);
      sectors[unit.index] = unit.options[choice[at++] as number] as Sector;
    }
    return this.#directoryImage(this.#root, { choice, changed });
  }

  #directoryImage(directory: DirectoryNode, state: ImageState): DirectoryImage {
    const names = new Map(directory.durable);
    this.#names.forEach((unit, i) => {
      if (unit.directory === directory && state.choice[i] === KEPT) applyNameChange(names, unit.change);
    });
    return new Map([...names].map(([name, node]) => [name, this.#nodeImage(node, state)]));
  }

  #nodeImage(node: Node, state: ImageState): NodeImage {
    if (node instanceof DirectoryNode) return this.#directoryImage(node, state);
    const changed = state.changed.get(node);
    return changed === undefined ? (this.#untouched.get(node) as FileImage) : cutToSize(changed.size, changed.sectors);
  }

  /** Describes a choice, to explain a failure: what was lost or torn; the rest was kept. */
  describe(choice: Choice): string {
    const words = ['lost', 'kept', 'torn'];
    const names = this.#names.map(
      ({ directory, change }, i) => `${change.kind} ${directory.id}/${change.name} ${words[choice[i] as number]}`,
    );
    let at = this.#names.length;
    const sizes = this.#sizes.map((unit) => `file ${unit.file.id} size ${unit.options[choice[at++] as number]}`);
    const sectors = this.#sectors.map((unit) => {
      const option = choice[at++] as number;
      return `file ${unit.file.id} sector ${unit.index} ${words[option] ?? `version ${option - 2}`}`;
    });
    return [...names, ...sizes, ...sectors].join(', ');
  }
}

interface ImageState {
  readonly choice: Choice;
  readonly changed: ReadonlyMap<FileNode, { size: number; sectors: Sector[] }>;
}

/** Returns the sectors of a file of this size: none beyond it, and zeros for missing ones. */
function cutToSize(size: number, sectors: readonly Sector[]): FileImage {
  const count = Math.ceil(size / SECTOR_SIZE);
  const shown = sectors.slice(0, count);
  while (shown.length < count) shown.push(ZERO_SECTOR);
  const last = shown.at(-1);
  if (last !== undefined && size % SECTOR_SIZE !== 0) shown[count - 1] = last.head(size % SECTOR_SIZE);
  return new FileImage(size, shown);
}

interface Rules {
  /** Up to how many units all combinations are made. */
  readonly full: number;
  readonly samples: number;
  readonly random: (n: number) => number;
}

/** Combinations of one option of each unit, given how many each has (2: lost, kept; 3: torn as well). */
function* combinations(options: readonly number[], { full, samples, random }: Rules): Generator<readonly number[]> {
  const count = options.length;
  if (count <= full) {
    yield* product(options);
    return;
  }
  const all = (option: number): number[] => new Array<number>(count).fill(option);
  for (let prefix = 0; prefix <= count; prefix++) yield [...all(KEPT).slice(0, prefix), ...all(LOST).slice(prefix)];
  for (let i = 0; i < count; i++) {
    yield all(KEPT).with(i, LOST);
    yield all(LOST).with(i, KEPT);
    if (options[i] === 3) yield all(KEPT).with(i, TORN);
    for (let j = i + 1; j < count; j++) yield all(KEPT).with(i, LOST).with(j, LOST);
  }
  for (let i = 0; i < samples; i++) yield options.map((n) => random(n));
}

function* product(options: readonly number[]): Generator<readonly number[]> {
  const [first, ...rest] = options;
  if (first === undefined) {
    yield [];
    return;
  }
  for (let option = 0; option < first; option++) for (const others of product(rest)) yield [option, ...others];
}

/**
 * Returns a hash of names, sizes and contents. Equal images have equal hashes; 53 bits keep different ones apart well
 * beyond 10^6 of them.
 */
export function hashImage(image: NodeImage): number {
  const hash = new Hash();
  if (image instanceof FileImage) {
    hash.add(image.size);
    for (const sector of image.sectors) hash.add(sector.hash);
  } else {
    for (const name of [...image.keys()].sort()) hash.addText(name).add(hashImage(image.get(name) as NodeImage));
  }
  return hash.digest();
}
