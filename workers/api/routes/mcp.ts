import { Hono } from "hono";
import { ApiError } from "../../../core/api-error.ts";
import type { ApiEnv } from "../../env.ts";

type Fetch = (request: Request, env: ApiEnv, ctx?: ExecutionContext) => Response | Promise<Response>;

/**
 * POST: the Model Context Protocol over Streamable HTTP, without sessions. Its tools (mcp/tools.ts) call the API's own routes with this
 * request's bearer token. Never with cookies: a page that somebody visits must not be able to use theirs.
 */
export const mcp = (callApi: Fetch) =>
  new Hono<{ Bindings: ApiEnv }>().all("/", async (c) => {
    const authorization = c.req.header("authorization");
    if (!authorization)
      throw new ApiError("unauthenticated", "Send a token of the management API as a bearer token", {
        headers: { "www-authenticate": "Bearer" },
      });
    const { origin } = new URL(c.req.url);
    // A name that was made to point here (DNS rebinding): the browser tells whose page it is.
    if ((c.req.header("origin") ?? origin) !== origin)
      throw new ApiError("origin_not_allowed", "Not from another site's page");
    // There is no session to listen to or to end.
    if (c.req.method !== "POST")
      throw new ApiError("method_not_allowed", "POST only: this server has no sessions", {
        headers: { allow: "POST" },
      });
    const asCaller = {
      authorization,
      "content-type": "application/json",
      ...("cf-connecting-ip" in c.req.header() && { "cf-connecting-ip": c.req.header("cf-connecting-ip")! }),
    };
    // Loaded by the first who asks: the other Workers of one deployment start without it.
    const { answerMcp } = await import("../mcp/server.ts");
    return answerMcp(c.req.raw, async (path, init) =>
      callApi(new Request(`${origin}${path}`, { ...init, headers: asCaller }), c.env),
    );
  });
