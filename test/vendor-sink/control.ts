import type { IncomingMessage } from "node:http";
import { type Behaviours, MAX_FOR_MS, MODES } from "./behaviours.ts";
import { isObject, parseJson } from "./json.ts";
import type { RequestLog } from "./request-log.ts";
import type { Answer } from "./vendor.ts";

/** What tests and scripts ask of the sink itself; undefined when the request is for a vendor. */
export function control(
  request: IncomingMessage,
  body: Buffer,
  log: RequestLog,
  behaviours: Behaviours,
): Answer | undefined {
  const url = URL.parse(request.url ?? "", "http://sink");
  switch (`${request.method} ${url?.pathname}`) {
    case "GET /requests":
      return { status: 200, body: log.requests(readSelection(url!.searchParams)) };
    case "DELETE /requests":
      log.clear();
      return { status: 204 };
    case "GET /summary":
      return { status: 200, body: log.summary() };
    case "POST /behaviour":
      return setBehaviour(parseJson(body.toString()), behaviours);
    default:
      return undefined;
  }
}

function readSelection(query: URLSearchParams) {
  const integration = query.get("integration");
  const since = Number.parseInt(query.get("since") ?? "", 10);
  const limit = Number.parseInt(query.get("limit") ?? "", 10);
  return {
    ...(integration !== null && { integration }),
    ...(since >= 0 && { since }),
    ...(limit >= 0 && { limit }),
  };
}

function setBehaviour(wanted: unknown, behaviours: Behaviours): Answer {
  if (!isObject(wanted)) return invalid("The body must be a JSON object.");
  const { integration, for_ms: forMs } = wanted;
  const mode = MODES.find((known) => known === wanted.mode);
  if (typeof integration !== "string" || integration === "") return invalid("integration must be a name.");
  if (mode === undefined) return invalid(`mode must be one of ${MODES.join(", ")}.`);
  if (forMs !== undefined && !(typeof forMs === "number" && forMs > 0 && forMs <= MAX_FOR_MS))
    return invalid("for_ms must be a number of milliseconds.");
  return { status: 200, body: behaviours.set(integration, mode, forMs) };
}

function invalid(message: string): Answer {
  return { status: 400, body: { error: { code: "invalid", message } } };
}
