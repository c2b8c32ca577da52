import type { IncomingMessage } from 'node:http';
import type { NodeId } from '@raft-ts/proto';
import { featuresIn, formatId } from '../base/headers.js';
import { MAX_TOLD_MEMBERS } from '../base/limits.js';
import type { Warnings } from '../base/warnings.js';

/**
 * The level of features that others must show, in a header that only our members send. Above 0, nothing is exchanged
 * with a member that shows less: it would pass over entries that the others carry out, and differ from them in silence.
 */
export class Features {
  private readonly warnings: Warnings;
  private level = 0;
  /** Members that the log has named. */
  private readonly told = new Set<NodeId>();

  constructor(warnings: Warnings) {
    this.warnings = warnings;
  }

  /** What a member must show; 0: nothing. */
  get required(): number {
    return this.level;
  }

  /** Asks for this level from now on. It is never lowered. */
  require(level: number): void {
    this.level = Math.max(this.level, level);
  }

  /** Must this request or answer be refused? */
  lacks(message: IncomingMessage): boolean {
    return this.level > 0 && featuresIn(message) < this.level;
  }

  /** Logs that this member is refused, once for each. */
  tell(id: NodeId): void {
    if (this.told.has(id)) return;
    if (this.told.size < MAX_TOLD_MEMBERS) this.told.add(id);
    this.warnings.warn(
      'refused a member that does not show the features which this cluster uses: it runs another implementation or an ' +
        'older version; start this version in its place, or remove it from the cluster',
      { 'remote-peer-id': formatId(id), 'required-features': this.level },
    );
  }
}
