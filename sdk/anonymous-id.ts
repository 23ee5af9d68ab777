import { lasting } from "./storage.ts";
import { uuid } from "./uuid.ts";

/**
 * Who this browser is. The server decides, with its `_dfid` cookie, which the SDK never sets; where that is not there yet
 * or cannot be read, it is an id of our own in localStorage.
 */
export function anonymousId(): string {
  const cookie = cookieId();
  if (cookie && cookie !== lasting.get("forgotten_id")) return cookie;
  const known = lasting.get<string>("anonymous_id");
  if (known) return known;
  const id = uuid();
  lasting.set("anonymous_id", id);
  return id;
}

/** From now on this browser is somebody else, even while the server's cookie still carries the old id. */
export function forgetAnonymousId(): void {
  lasting.set("forgotten_id", cookieId());
  lasting.set("anonymous_id");
}

function cookieId(): string | undefined {
  try {
    return /(?:^|; )_dfid=([^;]+)/.exec(document.cookie)?.[1];
  } catch {
    return undefined; // a sandboxed frame may not read cookies
  }
}
