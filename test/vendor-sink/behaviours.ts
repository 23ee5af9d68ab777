import type { Fault } from "./vendor.ts";

export type Mode = "ok" | "hang" | "close" | "partial" | Fault;
export const MODES: readonly Mode[] = ["ok", "429", "500", "hang", "close", "partial", "error-in-200"];

/** The longest that a timer can be set for. */
export const MAX_FOR_MS = 2 ** 31 - 1;

export interface Behaviour {
  integration: string;
  mode: Mode;
  /** When it ends by itself; null when it holds until changed. */
  until: string | null;
}

/** How each integration's vendor behaves at the moment; `ok` unless told otherwise. */
export class Behaviours {
  readonly #inForce = new Map<string, { mode: Mode; timer: NodeJS.Timeout | undefined }>();
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #offered = new Map<string, number>();

  set(integration: string, mode: Mode, forMs?: number): Behaviour {
    clearTimeout(this.#inForce.get(integration)?.timer);
    const timer = forMs === undefined ? undefined : setTimeout(() => this.set(integration, "ok"), forMs).unref();
    this.#inForce.set(integration, { mode, timer });
    this.#offered.delete(integration);
    for (const wake of this.#waiting.get(integration) ?? []) wake();
    this.#waiting.delete(integration);
    return { integration, mode, until: forMs === undefined ? null : new Date(Date.now() + forMs).toISOString() };
  }

  mode(integration: string): Mode {
    return this.#inForce.get(integration)?.mode ?? "ok";
  }

  /** Settles when the integration is next told to behave, or when `gone` does. */
  async changed(integration: string, gone: Promise<unknown>): Promise<void> {
    const waiting = this.#waiting.get(integration) ?? new Set();
    this.#waiting.set(integration, waiting);
    let wake = () => {};
    const told = new Promise<void>((resolve) => {
      wake = resolve;
    });
    waiting.add(wake);
    await Promise.race([told, gone]);
    waiting.delete(wake);
  }

  /** Yes every other time, for `partial`; across requests, so that requests of one event meet it too. */
  keeps(integration: string): boolean {
    const offered = this.#offered.get(integration) ?? 0;
    this.#offered.set(integration, offered + 1);
    return offered % 2 === 0;
  }

  end(): void {
    for (const { timer } of this.#inForce.values()) clearTimeout(timer);
    this.#inForce.clear();
  }
}
