import { isStorageOpen, lasting } from "./storage.ts";
import { uuid } from "./uuid.ts";

/** In place of an id, for events that have none. */
const NOBODY = "nobody";

/**
 * Who this browser is. The server decides, with its `_dfid` cookie, which the SDK never sets; where that is not there yet
 * or cannot be read, it is an id of our own in localStorage. Nobody while nothing may be stored.
 */
export function anonymousId(): string | undefined {
  if (!isStorageOpen()) return undefined;
  const cookie = cookieId();
  // Until the server has heard of a reset, its cookie is that of the visitor before, whenever it came.
  if (cookie && !unheard() && cookie !== lasting.get("forgotten_id")) return cookie;
  return lasting.get<string>("anonymous_id") || newId();
}

/** From now on this browser is somebody else, even while the server's cookie still carries the old id. */
export function forgetAnonymousId(): void {
  lasting.set("forgotten_id", isStorageOpen() ? cookieId() : undefined);
  tellOfReset(newId());
}

/** Also where there is no id: the server then takes its cookie back. */
export function tellOfReset(id: string = NOBODY): void {
  lasting.set("reset", unheard() + id);
}

/** Whether a request with events of this visitor is to say that the browser was reset before them. */
export function tellsOfReset(id: string = NOBODY): boolean {
  return unheard().includes(id);
}

/** The server has answered such a request. What came before it was sent before it. */
export function heardOfReset(id: string = NOBODY): void {
  const at = unheard().indexOf(id);
  if (at >= 0) lasting.set("reset", unheard().slice(at + id.length) || undefined);
}

/** The ids that resets made and the server has not heard of, in their order, without anything between. */
function unheard(): string {
  return lasting.get<string>("reset") || "";
}

function newId(): string {
  const id = uuid();
  lasting.set("anonymous_id", id);
  return id;
}

function cookieId(): string | undefined {
  try {
    return (/(?:^|; )_dfid=([^;]+)/.exec(document.cookie) || [])[1];
  } catch {
    return undefined; // a sandboxed frame may not read cookies
  }
}
