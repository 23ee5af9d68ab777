import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** Two runtimes: what is deployed is tested inside workerd, on real bindings; what runs on a person's machine, in Node. */
export default defineConfig({
  test: {
    projects: [
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              // Not in wrangler.toml: an account without Worker Loader could not be deployed to.
              workerLoaders: { LOADER: {} },
              bindings: {
                MIGRATIONS: await readD1Migrations("db/migrations"),
                ADMIN_TOKEN: "test-admin-token",
                AUTH_SECRET: "auth-secret-of-the-tests-32-bytes",
                CREDENTIALS_KEY: btoa("0123456789abcdef0123456789abcdef"),
                PII_KEY: btoa("00112233445566778899aabbccddeeff"),
                DOOR_KEY: btoa("fedcba9876543210fedcba9876543210"),
                RECEIPT_KEY: btoa("receipt-key-of-the-tests-32bytes"),
              },
            },
          })),
        ],
        test: {
          name: "workerd",
          // One isolate for all files: starting one for each costs more than all the tests. Tests use names of their own.
          isolate: false,
          include: ["{core,workers,durable-objects,db}/**/*.test.ts"],
          setupFiles: ["test/workerd-setup.ts"],
          // None needs as long, but a busy machine does.
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "node",
          include: ["{sdk,test,scripts,bench,demo}/**/*.test.ts"],
          // A local stack takes half a minute to start where others run beside it.
          testTimeout: 120_000,
          hookTimeout: 240_000,
        },
      },
    ],
  },
});
