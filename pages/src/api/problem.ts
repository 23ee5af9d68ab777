/** What the API refused, in words for a person. `request_id` finds it in the logs. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly request_id: string | undefined;
  /** Of a form: which field, and what is wrong with it. */
  readonly problems: { path: string; message: string }[];

  constructor(status: number, body: unknown, request_id: string | null) {
    const told = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
    const inner = (typeof told.error === "object" && told.error !== null ? told.error : told) as Record<
      string,
      unknown
    >;
    const words = [inner.detail, inner.message, inner.title].find((one) => typeof one === "string" && one !== "");
    super((words as string | undefined) ?? plainWords(status));
    this.status = status;
    this.code = typeof inner.code === "string" ? inner.code : `http_${status}`;
    this.request_id = request_id ?? (typeof told.request_id === "string" ? told.request_id : undefined);
    this.problems = Array.isArray(told.problems) ? told.problems : [];
  }
}

/** The server could not be reached at all. */
export class Unreachable extends Error {
  constructor() {
    super("The server cannot be reached. What you see may be old; nothing you typed is lost.");
  }
}

export function plainWords(status: number): string {
  if (status === 401) return "You are signed out.";
  if (status === 403) return "Your role does not allow this.";
  if (status === 404) return "This is not here any more.";
  if (status === 409 || status === 412) return "Somebody else changed this meanwhile. Load it again to see what.";
  if (status === 429) return "Too many requests. Wait a moment and try again.";
  if (status >= 500) return "Something went wrong on the server. Nothing was changed.";
  return "This could not be done.";
}
