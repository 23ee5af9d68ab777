/**
 * A caller's mistake, or our refusal, as an HTTP answer. The code is public API and picks the status. Where events come in it is
 * `{"error":{"code","message"}}`; the management API says the same as problem details (RFC 9457) with `error` beside them.
 */

const STATUS = {
  invalid_json: 400,
  invalid_encoding: 400,
  invalid_request: 400,
  no_valid_events: 400,
  unauthenticated: 401,
  unknown_write_key: 401,
  wrong_secret_key: 401,
  invalid_signature: 401,
  stale_signature: 401,
  invalid_token: 401,
  token_expired: 401,
  token_used: 401,
  forbidden: 403,
  email_not_verified: 403,
  captcha_required: 403,
  origin_not_allowed: 403,
  address_not_allowed: 403,
  server_key_needed: 403,
  wrong_audience: 403,
  consent_required: 403,
  not_found: 404,
  method_not_allowed: 405,
  replayed_request: 409,
  conflict: 409,
  request_in_progress: 409,
  precondition_failed: 412,
  request_too_large: 413,
  uri_too_long: 414,
  unsupported_media_type: 415,
  idempotency_key_reused: 422,
  upgrade_required: 426,
  too_many_requests: 429,
  internal: 500,
  overloaded: 503,
} as const;
export type ApiErrorCode = keyof typeof STATUS;

export class ApiError extends Error {
  readonly code: ApiErrorCode;
  readonly details: Record<string, unknown>;
  readonly headers: Record<string, string>;

  /** `message` is a sentence for a human; `details` are merged into the body beside `error`. */
  constructor(
    code: ApiErrorCode,
    message: string,
    { details = {}, headers = {} }: { details?: Record<string, unknown>; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.code = code;
    this.details = details;
    this.headers = headers;
  }

  response(): Response {
    const body = { error: { code: this.code, message: this.message }, ...this.details };
    return Response.json(body, { status: STATUS[this.code], headers: this.headers });
  }

  /** As `application/problem+json`. `type` names the code, where docs/management-api.md lists it. */
  problem(request_id: string = crypto.randomUUID()): Response {
    const status = STATUS[this.code];
    const body = {
      type: `urn:millrace:problem:${this.code}`,
      title: this.code[0]!.toUpperCase() + this.code.slice(1).replaceAll("_", " "),
      status,
      detail: this.message,
      code: this.code,
      request_id,
      error: { code: this.code, message: this.message },
      ...this.details,
    };
    return Response.json(body, {
      status,
      headers: { ...this.headers, "content-type": "application/problem+json", "x-request-id": request_id },
    });
  }
}

/** For Hono's `onError`: anything that is not an ApiError is logged and answered saying nothing of itself. */
export function errorResponse(error: unknown): Response {
  return asApiError(error).response();
}

/** The same for the management API. */
export function problemResponse(error: unknown, requestId: string): Response {
  return asApiError(error, requestId).problem(requestId);
}

function asApiError(error: unknown, request_id?: string): ApiError {
  if (error instanceof ApiError) return error;
  const stack = error instanceof Error ? error.stack : undefined;
  console.error(JSON.stringify({ level: "error", message: String(error), stack, request_id }));
  return new ApiError("internal", "Something went wrong on our side. Nothing that was answered 200 is affected.");
}
