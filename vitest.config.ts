import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** Two runtimes: what is deployed is tested inside workerd, on real bindings; what runs on a person's machine, in Node. */
export default defineConfig({
  test: {
    projects: [
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" } })],
        test: {
          name: "workerd",
          include: ["{core,workers,durable-objects,db}/**/*.test.ts"],
          setupFiles: ["test/workerd-setup.ts"],
        },
      },
      {
        test: {
          name: "node",
          include: ["{sdk,test,scripts,bench,demo}/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
