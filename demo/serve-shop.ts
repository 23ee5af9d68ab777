import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";

const FOLDER = join(import.meta.dirname, "shop");
const CONTENT_TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };

/**
 * The demo shop on this machine. Port 0 takes a free one. `millraceHost` should be on localhost too: browsers then count
 * both as one site, and the shop's pages send the cookies that Millrace sets.
 */
export async function serveShop(options: {
  port: number;
  /** Without a slash at the end, e.g. `http://localhost:8787`. */
  millraceHost: string;
  writeKey: string;
}): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(async (request, response) => {
    const file = fileOf(new URL(request.url ?? "/", "http://shop").pathname);
    const content = file && (await readFile(join(FOLDER, file), "utf8").catch(() => undefined));
    if (!content) {
      response.writeHead(404, { "content-type": "text/plain" }).end("There is no such page.");
      return;
    }
    response.setHeader("content-type", `${CONTENT_TYPES[extname(file)]}; charset=utf-8`);
    response.end(
      content.replaceAll("{MILLRACE_HOST}", options.millraceHost).replaceAll("{WRITE_KEY}", options.writeKey),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "localhost", resolve);
  });
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** `/` and `/cart` are pages, `/style.css` is itself; anything that is not a plain name is nothing. */
function fileOf(path: string): string | undefined {
  const name = /^\/([a-z-]*)(\.js|\.css)?$/.exec(path);
  return name ? `${name[1] || "index"}${name[2] ?? ".html"}` : undefined;
}
