import type { D1Migration } from "@cloudflare/vitest-plugin";
import type { Env as WorkerEnv } from "../workers/env.ts";

declare global {
  namespace Cloudflare {
    interface Env extends WorkerEnv {
      /** Only in tests. */
      MIGRATIONS: D1Migration[];
    }
    /** What `exports` of cloudflare:workers holds. */
    interface GlobalProps {
      mainModule: typeof import("../workers/index.ts");
    }
  }
}
