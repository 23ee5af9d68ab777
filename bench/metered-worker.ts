/**
 * The joined Worker, unchanged, with a meter at every binding: what Cloudflare would bill is counted where it happens. Handlers get
 * a wrapped `env`; objects are metered through the storage they use. GET /__operations answers the count since the last reset.
 */
import type { Env } from "../workers/env.ts";
import worker, * as joined from "../workers/index.ts";
import type { Operation } from "./prices.ts";

const counted: Partial<Record<Operation, number>> = {};
const count = (operation: Operation, by = 1) => {
  counted[operation] = (counted[operation] ?? 0) + by;
};

/** Queues bill a write, a read and a delete for each 64 KB of a message. */
const units = (body: unknown) => Math.ceil((typeof body === "string" ? body : JSON.stringify(body)).length / 65_536);

/** Calls `before` with the arguments of each call of one of `methods`, then the method itself. */
function metered<T extends object>(target: T, methods: Record<string, (...args: never[]) => void>): T {
  return new Proxy(target, {
    get(inner, name) {
      const value = Reflect.get(inner, name);
      if (typeof value !== "function") return value;
      const before = typeof name === "string" ? methods[name] : undefined;
      return (...args: unknown[]) => {
        before?.(...(args as never[]));
        return value.apply(inner, args);
      };
    },
  });
}

const queue = (inner: Queue) =>
  metered(inner, {
    send: (body: unknown) => count("queue_operations", units(body)),
    sendBatch: (messages: { body: unknown }[]) => {
      for (const { body } of messages) count("queue_operations", units(body));
    },
  });

/** Every method of a stub is a request to its object, but for the stub's own. */
function objects<T extends Rpc.DurableObjectBranded | undefined>(
  namespace: DurableObjectNamespace<T>,
): DurableObjectNamespace<T> {
  return new Proxy(namespace, {
    get(inner, name) {
      const value = Reflect.get(inner, name) as (...args: unknown[]) => object;
      if (name !== "getByName") return typeof value === "function" ? value.bind(inner) : value;
      return (...args: unknown[]) =>
        new Proxy(value.apply(inner, args), {
          get: (stub, method) => {
            const called = Reflect.get(stub, method);
            if (typeof called !== "function") return called;
            return async (...given: unknown[]) => {
              count("object_requests");
              const started = performance.now();
              try {
                return await Reflect.apply(called, stub, given);
              } finally {
                count("object_gb_seconds", ((performance.now() - started) / 1_000) * 0.128);
              }
            };
          },
        });
    },
  });
}

function meter(env: Env): Env {
  const {
    RAW_EVENTS,
    PROFILE_EVENTS,
    DELIVERY_0,
    DELIVERY_1,
    DELIVERY_2,
    DELIVERY_3,
    DELIVERY_RECOVERY,
    CONFIG,
    LAKE,
    METRICS,
  } = env;
  return {
    ...env,
    RAW_EVENTS: queue(RAW_EVENTS),
    PROFILE_EVENTS: queue(PROFILE_EVENTS),
    DELIVERY_0: queue(DELIVERY_0),
    DELIVERY_1: queue(DELIVERY_1),
    DELIVERY_2: queue(DELIVERY_2),
    DELIVERY_3: queue(DELIVERY_3),
    DELIVERY_RECOVERY: queue(DELIVERY_RECOVERY),
    CONFIG: metered(CONFIG, { get: () => count("kv_reads") }),
    LAKE: metered(LAKE, {
      put: () => count("r2_class_a"),
      list: () => count("r2_class_a"),
      get: () => count("r2_class_b"),
    }),
    METRICS: metered(METRICS, { writeDataPoint: () => count("analytics_points") }),
    VISITOR_SHARD: objects(env.VISITOR_SHARD),
    PROFILE_SHARD: objects(env.PROFILE_SHARD),
    INTEGRATION_GATE: objects(env.INTEGRATION_GATE),
    LIVE_FEED: objects(env.LIVE_FEED),
    CONSENT_REVOCATIONS: objects(env.CONSENT_REVOCATIONS),
    SCHEMA_WATCH: objects(env.SCHEMA_WATCH),
  };
}

/** Rows are counted where every object's SQL passes: the prototype that all of them in this isolate share. */
let storageIsMetered = false;
function meterStorage(storage: DurableObjectStorage): void {
  if (storageIsMetered) return;
  storageIsMetered = true;
  const prototype = Object.getPrototypeOf(storage.sql) as SqlStorage;
  const { exec } = prototype;
  prototype.exec = function (this: SqlStorage, ...args: Parameters<typeof exec>) {
    const cursor = exec.apply(this, args);
    count("rows_written", cursor.rowsWritten);
    return cursor;
  } as typeof exec;
  const storagePrototype = Object.getPrototypeOf(storage) as DurableObjectStorage;
  const { setAlarm } = storagePrototype;
  storagePrototype.setAlarm = function (this: DurableObjectStorage, ...args: Parameters<typeof setAlarm>) {
    count("rows_written");
    count("object_requests");
    return setAlarm.apply(this, args);
  };
}

export class VisitorShard extends joined.VisitorShard {
  constructor(ctx: DurableObjectState, env: Env) {
    meterStorage(ctx.storage);
    super(ctx, meter(env));
  }
}

export class ProfileShard extends joined.ProfileShard {
  constructor(ctx: DurableObjectState, env: Env) {
    meterStorage(ctx.storage);
    super(ctx, meter(env));
  }
}

export class SchemaWatch extends joined.SchemaWatch {
  constructor(ctx: DurableObjectState, env: Env) {
    meterStorage(ctx.storage);
    super(ctx, env);
  }
}

export class IntegrationGate extends joined.IntegrationGate {
  constructor(ctx: DurableObjectState, env: Env) {
    meterStorage(ctx.storage);
    super(ctx, env);
  }
}

export class ConsentRevocations extends joined.ConsentRevocations {
  constructor(ctx: DurableObjectState, env: Env) {
    meterStorage(ctx.storage);
    super(ctx, env);
  }
}

export class LiveFeed extends joined.LiveFeed {}

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/__operations") {
      const answer = Response.json(counted);
      for (const name of Object.keys(counted)) delete counted[name as Operation];
      return answer;
    }
    if (pathname.startsWith("/v1/")) count("worker_requests");
    return worker.fetch(request, meter(env), ctx);
  },

  async queue(batch, env) {
    count("worker_requests");
    for (const message of batch.messages) count("queue_operations", 2 * units(message.body));
    await worker.queue(batch, meter(env));
  },
} satisfies ExportedHandler<Env>;
