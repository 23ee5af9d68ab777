/** `npm run dev`: the stack alone, seeded, without traffic. PORT (8787) and STATE_DIR (.wrangler) choose where. */
import { type Stack, startStack } from "./stack.ts";

const progress = (text: string) => process.stderr.write(`· ${text}\n`);

const stack: Stack = await startStack({
  port: Number(process.env.PORT ?? 8787),
  stateDir: process.env.STATE_DIR ?? ".wrangler",
  onProgress: progress,
  onLog: (text) => process.stderr.write(text),
}).catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
const { url, write_key, server_key, admin_token, owner, sink } = stack;
console.log(`ready ${JSON.stringify({ url, write_key, server_key, admin_token, owner, sink: sink.url })}`);

const stop = async () => {
  progress("stopping");
  await stack.close();
  process.exit(0);
};
process.once("SIGINT", stop);
process.once("SIGTERM", stop);

const code = await stack.ended;
await stack.close();
process.exit(code ?? 1);
