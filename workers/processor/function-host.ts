/**
 * Customers' functions: full JavaScript, each in a Worker of its own that Worker Loader starts, without a network and without any
 * binding (https://developers.cloudflare.com/workers/runtime-apis/bindings/worker-loader/). A call costs a third of a millisecond, so
 * the events of a batch travel to a function together.
 */

import { sha256 } from "../../core/hash.ts";
import type { FunctionHost } from "../../core/pipeline/step.ts";

/** For one call with all its events. Only production holds a Worker to it. */
const CPU_MS = 200;
const MOST_EVENTS = 200;

type Input = Parameters<FunctionHost["call"]>[1];
type Answer = Awaited<ReturnType<FunctionHost["call"]>>;

interface Caller {
  run(inputs: string): Promise<string>;
}

/** Around the customer's module. What it throws stays with its event; values cross as JSON, so that nothing else can. */
const WRAPPER = `
import { WorkerEntrypoint } from "cloudflare:workers";
import transform from "./function.js";
export default class extends WorkerEntrypoint {
  async run(inputs) {
    const answers = [];
    for (const { event, payload } of JSON.parse(inputs)) {
      try {
        if (typeof transform !== "function") throw new Error("the module's default export is no function");
        answers.push({ ok: true, value: (await transform(event, payload)) ?? null });
      } catch (error) {
        answers.push({ ok: false, detail: String(error).slice(0, 500) });
      }
    }
    return JSON.stringify(answers);
  }
}`;

/** Of one batch: what is asked for in one turn goes out together when nothing else is left to do. */
export function functionHost(loader: WorkerLoader, environmentId: string): FunctionHost {
  const waiting = new Map<string, { input: Input; answer: (answer: Answer) => void }[]>();
  let isDue = false;

  async function flush(): Promise<void> {
    isDue = false;
    const calls = [...waiting];
    waiting.clear();
    // One function after the other: a Worker may have four of these in flight.
    for (const [code, asked] of calls) {
      for (let at = 0; at < asked.length; at += MOST_EVENTS) {
        const some = asked.slice(at, at + MOST_EVENTS);
        const answers = await callFunction(
          loader,
          environmentId,
          code,
          some.map(({ input }) => input),
        );
        some.forEach(({ answer }, i) => {
          answer(answers[i]!);
        });
      }
    }
  }

  return {
    call: (code, input) =>
      new Promise((answer) => {
        const asked = waiting.get(code);
        if (asked) asked.push({ input, answer });
        else waiting.set(code, [{ input, answer }]);
        if (isDue) return;
        isDue = true;
        // After all microtasks: those of expressions in earlier stages too.
        setTimeout(() => void flush(), 0);
      }),
  };
}

/** One answer for each input. Never throws: a function that cannot be started or dies fails all of its events. */
export async function callFunction(
  loader: WorkerLoader,
  environmentId: string,
  code: string,
  inputs: Input[],
): Promise<Answer[]> {
  try {
    const worker = loader.get(`${environmentId}:${sha256(code)}`, () => ({
      compatibilityDate: "2026-10-01",
      mainModule: "wrapper.js",
      modules: { "wrapper.js": WRAPPER, "function.js": code },
      globalOutbound: null,
      env: {},
      limits: { cpuMs: CPU_MS, subRequests: 0 },
    }));
    const caller = worker.getEntrypoint() as unknown as Caller;
    const answers = JSON.parse(await caller.run(JSON.stringify(inputs))) as unknown;
    if (!Array.isArray(answers) || answers.length !== inputs.length)
      throw new Error("the function answered something else");
    return answers as Answer[];
  } catch (error) {
    const detail = `the function failed: ${String(error).slice(0, 500)}`;
    return inputs.map(() => ({ ok: false, detail }));
  }
}
