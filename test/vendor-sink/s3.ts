// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and …/API/ErrorResponses.html
import { createHash, createHmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import { type Answer, refuseAll, type Vendor, type VendorCall } from "./vendor.ts";

/** Access key id → secret. */
export const accounts = new Map<string, string>();
/** Buckets that are there: name → region and objects by key. */
export const buckets = new Map<string, { region: string; objects: Map<string, Buffer> }>();

const SKEW_MS = 15 * 60_000;

const failed = (status: number, code: string, message: string, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { "content-type": "application/xml", ...headers },
  body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`,
});

/** Checks every signature by computing it anew with AWS's own signer, from what arrived. */
export const s3: Vendor = {
  name: "s3",
  dedupWindowMs: 0,

  async authorise(call) {
    const { headers, body } = call;
    const [, accessKeyId, scope, signed, signature] =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
        headers.authorization ?? "",
      ) ?? [];
    if (!accessKeyId || !scope || !signed) return failed(403, "AccessDenied", "Access Denied");
    const secretAccessKey = accounts.get(accessKeyId);
    if (!secretAccessKey)
      return failed(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.");
    const at = Date.parse(
      (headers["x-amz-date"] ?? "").replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"),
    );
    if (!(Math.abs(call.now - at) <= SKEW_MS))
      return failed(
        403,
        "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
      );
    const hash = headers["x-amz-content-sha256"];
    if (hash !== createHash("sha256").update(body).digest("hex"))
      return failed(
        400,
        "XAmzContentSHA256Mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
      );
    const wanted = await signatureOf(call, { accessKeyId, secretAccessKey }, scope, signed.split(";"), new Date(at));
    if (wanted !== signature)
      return failed(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided.",
      );
    const { bucket } = placeOf(call.url);
    const region = buckets.get(bucket)?.region;
    if (region && region !== scope.split("/")[1])
      return failed(400, "AuthorizationHeaderMalformed", `The region is wrong; expecting '${region}'`, {
        "x-amz-bucket-region": region,
      });
    return undefined;
  },

  receive({ url, method, body }) {
    const { bucket, key } = placeOf(url);
    const objects = buckets.get(bucket)?.objects;
    if (!objects) return { answer: failed(404, "NoSuchBucket", "The specified bucket does not exist"), events: [] };
    if (method !== "PUT" || !key) return { answer: failed(405, "MethodNotAllowed", "Not played here"), events: [] };
    objects.set(key, body);
    const etag = `"${createHash("md5").update(body).digest("hex")}"`;
    return { answer: { status: 200, headers: { etag } }, events: [{ dedup_key: key, accepted: true }] };
  },

  partial: (verdict, keeps) =>
    keeps() ? verdict : refuseAll(verdict, failed(503, "SlowDown", "Please reduce your request rate.")),
  fault: (fault) => {
    if (fault === "error-in-200") return undefined;
    return fault === "429"
      ? failed(503, "SlowDown", "Please reduce your request rate.")
      : failed(500, "InternalError", "We encountered an internal error. Please try again.");
  },
};

/** `bucket.s3.region.amazonaws.com/key`, or the bucket as the path's beginning. */
function placeOf({ hostname, pathname }: URL): { bucket: string; key: string } {
  const virtual = /^(.+)\.s3[.-][a-z0-9-]+\.amazonaws\.com$/.exec(hostname)?.[1];
  const path = decodeURIComponent(pathname).slice(1);
  if (virtual) return { bucket: virtual, key: path };
  const slash = `${path}/`.indexOf("/");
  return { bucket: path.slice(0, slash), key: path.slice(slash + 1) };
}

async function signatureOf(
  { method, url, headers, body }: VendorCall,
  credentials: { accessKeyId: string; secretAccessKey: string },
  scope: string,
  signed: string[],
  signingDate: Date,
): Promise<string | undefined> {
  const [, region, service] = scope.split("/");
  const signer = new SignatureV4({
    credentials,
    region: region!,
    service: service!,
    sha256: Sha256,
    uriEscapePath: false,
  });
  const covered = Object.fromEntries(signed.map((name) => [name, name === "host" ? url.host : (headers[name] ?? "")]));
  const request = {
    method,
    protocol: url.protocol,
    hostname: url.hostname,
    path: canonicalPath(url.pathname),
    query: Object.fromEntries(url.searchParams),
    headers: covered,
    body,
  };
  const { headers: anew } = await signer.sign(request, { signingDate, signableHeaders: new Set(signed) });
  return /Signature=([0-9a-f]{64})/.exec(anew.authorization ?? "")?.[1];
}

/** Every byte but the unreserved ones encoded, once: `dt=` is signed as `dt%3D`, whatever a client puts on the wire. */
function canonicalPath(pathname: string): string {
  const encode = (part: string) =>
    encodeURIComponent(decodeURIComponent(part)).replace(
      /[!'()*]/g,
      (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  return pathname.split("/").map(encode).join("/");
}

/** In the form in which AWS's signer wants its hash. */
class Sha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", secret as string);
  }
  update(data: string | ArrayBuffer | ArrayBufferView) {
    this.#hash.update(data as string);
  }
  async digest(): Promise<Uint8Array> {
    return new Uint8Array(this.#hash.digest());
  }
  reset() {}
}
