/** The one way to the API: who asks, what an error means, and what happens when a session ends in the middle of something. */
import { ApiProblem, Unreachable } from "./problem.ts";
import { adminToken, signInAgain } from "./session.ts";

export interface Ask {
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  /** The version that is being changed; the server refuses with 412 where it is not the latest. */
  if_match?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Fails with 401 at once, where asking whether somebody is signed in is the point. */
  without_sign_in?: boolean;
  /** Sent as it is, with this type, instead of JSON. */
  content_type?: string;
}

export interface Answer<T> {
  data: T;
  etag: string | undefined;
}

/** Throws `ApiProblem` and `Unreachable`. On 401 it waits until the person has signed in again, then asks once more. */
export async function ask<T>(method: string, path: string, asked: Ask = {}): Promise<Answer<T>> {
  let response = await send(method, path, asked);
  if (response.status === 401 && !asked.without_sign_in && (await signInAgain()))
    response = await send(method, path, asked);
  const text = await response.text();
  const body = parse(text, response.headers.get("content-type") ?? "");
  if (!response.ok) throw new ApiProblem(response.status, body, response.headers.get("x-request-id"));
  return { data: body as T, etag: response.headers.get("etag") ?? undefined };
}

const data = async <T>(method: string, path: string, asked?: Ask) => (await ask<T>(method, path, asked)).data;

export const get = <T>(path: string, query?: Ask["query"], signal?: AbortSignal) =>
  data<T>("GET", path, { ...(query && { query }), signal });
export const post = <T>(path: string, body: unknown = {}, query?: Ask["query"]) =>
  data<T>("POST", path, { body, ...(query && { query }) });
export const put = <T>(path: string, body: unknown, asked: Ask = {}) => data<T>("PUT", path, { ...asked, body });
export const patch = <T>(path: string, body: unknown, asked: Ask = {}) => data<T>("PATCH", path, { ...asked, body });
export const remove = <T>(path: string, asked: Ask = {}) => data<T>("DELETE", path, asked);

async function send(
  method: string,
  path: string,
  { query, body, if_match, signal, content_type }: Ask,
): Promise<Response> {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== undefined) url.searchParams.set(name, String(value));
  const token = adminToken();
  try {
    return await fetch(url, {
      method,
      credentials: "same-origin",
      headers: {
        accept: "application/json",
        ...(body !== undefined && { "content-type": content_type ?? "application/json" }),
        ...(token && { authorization: `Bearer ${token}` }),
        ...(if_match && { "if-match": if_match }),
      },
      ...(body !== undefined && { body: content_type ? (body as string) : JSON.stringify(body) }),
      ...(signal && { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable();
  }
}

function parse(text: string, type: string): unknown {
  if (text === "" || !/json/.test(type)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
