import { LOG_BUDGET, LOG_WINDOW_MS } from './limits.js';
import type { LogFields, TransportLogger } from './logger.js';
import { byTimer, type Schedule } from './schedule.js';

type Level = 'info' | 'warn' | 'error';

/** Lines of one cause since its window began. */
interface Account {
  /** The lines that were printed. */
  readonly printed: Set<string>;
  lines: number;
  left: number;
  /** Ends the window, and logs how many lines were left out. */
  end: () => void;
}

/** Lines that agree in this many characters count as the same. */
const COMPARED_LENGTH = 1024;

/**
 * Passes on a limited number of log lines per cause and minute, and then says how many were left out: whoever reaches
 * the port can provoke most of them at will. A cause is the text of the line, which is fixed in the code, together with
 * the configured peer that it is about, if any. So a flood of one cause hides no other, and lines about strangers hide
 * none about a peer.
 */
export class LogBudget implements TransportLogger {
  private readonly logger: TransportLogger;
  private readonly isPeer: (id: string) => boolean;
  private readonly schedule: Schedule;
  private readonly accounts = new Map<string, Account>();
  private closed = false;

  /** @param isPeer whether this id, as written in log fields, is that of a configured peer */
  constructor(logger: TransportLogger, isPeer: (id: string) => boolean, schedule: Schedule = byTimer) {
    this.logger = logger;
    this.isPeer = isPeer;
    this.schedule = schedule;
  }

  debug(message: string, fields: LogFields): void {
    this.logger.debug(message, fields);
  }

  info(message: string, fields: LogFields): void {
    this.line('info', message, fields, false);
  }

  warn(message: string, fields: LogFields): void {
    this.line('warn', message, fields, false);
  }

  error(message: string, fields: LogFields): void {
    this.line('error', message, fields, false);
  }

  /** As `warn`, for what a peer does wrong repeatedly: the same line is printed only once per window. */
  warnOnce(message: string, fields: LogFields): void {
    this.line('warn', message, fields, true);
  }

  /** As `warnOnce`, one level below. */
  infoOnce(message: string, fields: LogFields): void {
    this.line('info', message, fields, true);
  }

  /** Ends all windows. Later lines are passed on. */
  close(): void {
    this.closed = true;
    for (const { end } of [...this.accounts.values()]) end();
  }

  private line(level: Level, message: string, fields: LogFields, once: boolean): void {
    const peer = this.peerIn(fields);
    const key = `${level} ${peer} ${message}`;
    const account = this.accounts.get(key) ?? this.open(key, level, message, peer);
    const text = once ? JSON.stringify(fields).slice(0, COMPARED_LENGTH) : '';
    if (account.lines >= LOG_BUDGET || (once && account.printed.has(text))) {
      account.left++;
      return;
    }
    account.lines++;
    if (once) account.printed.add(text);
    this.logger[level](message, fields);
  }

  private open(key: string, level: Level, message: string, peer: string): Account {
    const account: Account = { printed: new Set(), lines: 0, left: 0, end: () => undefined };
    // Nobody can provoke lines any more, and no timer may outlive the transport.
    if (this.closed) return account;
    this.accounts.set(key, account);
    const cancel = this.schedule(() => account.end(), LOG_WINDOW_MS);
    account.end = () => {
      cancel();
      this.accounts.delete(key);
      if (account.left === 0) return;
      const about = peer === '' ? {} : { 'remote-peer-id': peer };
      this.logger[level](`${message} (repeated)`, { ...about, 'lines-left-out': account.left });
    };
    return account;
  }

  private peerIn(fields: LogFields): string {
    const id = fields['remote-peer-id'] ?? fields['peer-id'];
    return typeof id === 'string' && this.isPeer(id) ? id : '';
  }
}
