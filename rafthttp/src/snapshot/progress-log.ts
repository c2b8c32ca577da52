import { SNAPSHOT_LOG_MS } from '../base/limits.js';
import type { LogFields, TransportLogger } from '../base/logger.js';
import type { SnapshotProgress } from './store.js';

/** Logs now and then how far a streamed snapshot is, so that a long one shows that it moves. */
export class ProgressLog {
  private readonly logger: TransportLogger;
  private readonly direction: 'sent' | 'received';
  private readonly fields: LogFields;
  private readonly now: () => number;
  private toldAt: number;
  private toldBytes: number;

  /**
   * @param start how far it is at the beginning
   * @param now milliseconds of a clock that never goes back
   */
  constructor(
    logger: TransportLogger,
    start: Pick<SnapshotProgress, 'direction' | 'bytes'>,
    fields: LogFields,
    now: () => number = () => performance.now(),
  ) {
    this.logger = logger;
    this.direction = start.direction;
    this.fields = fields;
    this.toldBytes = start.bytes;
    this.now = now;
    this.toldAt = now();
  }

  /** @param size length of the whole body, if it is known */
  tell(bytes: number, size: number | undefined): void {
    const ms = this.now() - this.toldAt;
    if (ms < SNAPSHOT_LOG_MS) return;
    const rate = Math.round(((bytes - this.toldBytes) / ms) * 1000);
    const percent = size === undefined || size === 0 ? {} : { percent: Math.floor((bytes / size) * 100) };
    const fields = { ...this.fields, 'bytes-so-far': bytes, ...percent, 'bytes-per-second': rate };
    if (this.direction === 'sent') this.logger.info('the database snapshot is being sent', fields);
    else this.logger.info('the database snapshot is arriving', fields);
    this.toldAt += ms;
    this.toldBytes = bytes;
  }
}
