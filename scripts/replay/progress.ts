/** Progress on stderr: one line that redraws itself on a terminal, a line every two seconds anywhere else. */
import type { Ledger } from "./ledger.ts";
import type { Done } from "./state.ts";
import { number, sentThisRun } from "./summary.ts";

const TERMINAL_MS = 100;
const PLAIN_MS = 2_000;
const BAR_CELLS = 24;
const ERASE_LINE = "\r\u001b[2K";

export interface Snapshot {
  /** Of the file's bytes, 0 to 1. */
  share: number;
  lines: number;
  sent: number;
  per_second: number;
  /** undefined until there is something to judge by. */
  seconds_left: number | undefined;
}

export interface Watched {
  ledger: Ledger;
  /** Bytes of the file. */
  size: number;
  resumed: Done | undefined;
}

export class Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #watched: Watched;
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt = performance.now();
  /** Where sending began: lines that an earlier run did go by too fast to judge the rest by. */
  #from: { bytes: number; at: number } | undefined;
  #lastNote = "";
  #lastLines = 0;

  constructor(watched: Watched, out: NodeJS.WriteStream = process.stderr) {
    this.#watched = watched;
    this.#out = out;
    this.#timer = setInterval(() => this.#tick(), out.isTTY ? TERMINAL_MS : PLAIN_MS);
  }

  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  /** A sentence between two states of the bar. Four requests that fail alike say so once. */
  note(text: string): void {
    if (text === this.#lastNote) return;
    this.#lastNote = text;
    this.#out.write(`${this.#out.isTTY ? ERASE_LINE : ""}${text}\n`);
  }

  end(): void {
    clearInterval(this.#timer);
    if (this.#out.isTTY) this.#out.write(ERASE_LINE);
  }

  #tick(): void {
    const snapshot = this.#snapshot();
    if (this.#out.isTTY) {
      // A line that wraps cannot be erased. A pseudo-terminal without a size says 0 columns.
      this.#out.write(ERASE_LINE + barLine(snapshot).slice(0, (this.#out.columns || 80) - 1));
    } else if (snapshot.lines > this.#lastLines) {
      this.#lastLines = snapshot.lines;
      this.#out.write(`${plainLine(snapshot)}\n`);
    }
  }

  #snapshot(): Snapshot {
    const { ledger, size, resumed } = this.#watched;
    const now = performance.now();
    if (!this.#from && ledger.done.lines >= (resumed?.lines ?? 0)) this.#from = { bytes: ledger.bytes, at: now };
    const bytes = ledger.bytes - (this.#from?.bytes ?? 0);
    const ms = now - (this.#from?.at ?? now);
    return {
      share: size > 0 ? Math.min(1, ledger.bytes / size) : 1,
      lines: ledger.done.lines,
      sent: ledger.done.sent,
      per_second: Math.round(sentThisRun(ledger.done, resumed) / Math.max(this.seconds, 0.001)),
      seconds_left: this.#from && bytes > 0 ? ((size - ledger.bytes) / bytes) * (ms / 1000) : undefined,
    };
  }
}

export function barLine(snapshot: Snapshot): string {
  const filled = Math.round(snapshot.share * BAR_CELLS);
  const bar = "█".repeat(filled) + "░".repeat(BAR_CELLS - filled);
  return `${bar} ${plainLine(snapshot)}`;
}

export function plainLine({ share, lines, sent, per_second, seconds_left }: Snapshot): string {
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const left = seconds_left === undefined ? "" : `  ${clock(seconds_left)} left`;
  return `${percent}  ${number(lines)} lines  ${number(sent)} sent  ${number(per_second)}/s${left}`;
}

/** 3,661 seconds to `1:01:01`. */
function clock(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
