/** Good keys in the wrong hands: foreign pages, and servers elsewhere. */
import { ask, base64, basic, GIVEN, get, HUGE_HEADER, long, rows, track } from "./asking.ts";
import { changed, one } from "./keys.ts";

const from = (origin: string, referer?: string) =>
  one({ "x-write-key": GIVEN.listedKey, ...(origin ? { origin } : { origin: "" }), ...(referer && { referer }) });
const fromPicture = (referer: string) =>
  get(`/v1/pixel/t?data=${base64(JSON.stringify({ ...track, write_key: GIVEN.listedKey }))}`, { referer });
const at = (address: string) =>
  ask(
    "POST",
    "/v1/track",
    { ...basic(GIVEN.listedServerKey), ...(address && { "cf-connecting-ip": address }) },
    JSON.stringify(track),
  );
const FOREIGN = [403, "origin_not_allowed", /other pages/] as const;
const ELSEWHERE = [403, "address_not_allowed", /other addresses/] as const;

export const places = [
  ...rows("a page", [
    ["of another site", () => from("https://evil.example"), ...FOREIGN],
    ["whose host begins alike", () => from("https://shop.example.evil.example"), ...FOREIGN],
    ["whose host ends alike", () => from("https://evilshop.example"), ...FOREIGN],
    ["of another scheme", () => from("http://shop.example"), ...FOREIGN],
    ["of another port", () => from("https://shop.example:8443"), ...FOREIGN],
    ["below the one that is listed", () => from("https://blog.shop.example"), ...FOREIGN],
    ["with a dot behind its host", () => from("https://shop.example."), ...FOREIGN],
    ["that is null", () => from("null"), ...FOREIGN],
    ["that names two origins", () => from("https://evil.example, https://shop.example"), ...FOREIGN],
    ["of 100 KB", () => from(`https://${long(HUGE_HEADER)}.shop.example`), ...FOREIGN],
    ["that fits a star by a path", () => from("https://evil.example/.wild.example"), ...FOREIGN],
    ["that fits a star by a user name", () => from("https://evil@.wild.example"), ...FOREIGN],
    ["that is the star's own domain", () => from("https://wild.example"), ...FOREIGN],
    ["that names no origin", () => from(""), ...FOREIGN],
    ["with a picture on a foreign page", () => fromPicture("https://evil.example/"), ...FOREIGN],
    [
      "with a picture whose address mentions us",
      () => fromPicture("https://evil.example/?https://shop.example"),
      ...FOREIGN,
    ],
    ["with a picture whose user name is ours", () => fromPicture("https://shop.example@evil.example/"), ...FOREIGN],
    ["with a picture on no page", () => fromPicture("about:blank"), ...FOREIGN],
    [
      "that reads another's settings",
      () => get(`/v1/projects/${GIVEN.listedKey}/settings`, { origin: "https://evil.example" }),
      ...FOREIGN,
    ],
    [
      "that reads another's configuration",
      () => get(`/sourceConfig?writeKey=${GIVEN.listedKey}`, { origin: "https://evil.example" }),
      ...FOREIGN,
    ],
    [
      "that sends a foreign beacon",
      () =>
        ask(
          "POST",
          `/beacon/v1/batch?writeKey=${GIVEN.listedKey}`,
          { origin: "https://evil.example" },
          JSON.stringify({ batch: [track] }),
        ),
      ...FOREIGN,
    ],
  ]),
  ...rows("a server", [
    ["elsewhere", () => at("203.0.113.9"), ...ELSEWHERE],
    ["elsewhere, written as IPv6", () => at("::ffff:203.0.113.9"), ...ELSEWHERE],
    ["in another network of IPv6", () => at("2001:db8:2::1"), ...ELSEWHERE],
    ["nowhere", () => at(""), ...ELSEWHERE],
    ["at no address", () => at("localhost"), ...ELSEWHERE],
    ["at two addresses", () => at("203.0.113.9, 198.51.100.9"), ...ELSEWHERE],
    ["at an address in three parts", () => at("198.51.100"), ...ELSEWHERE],
    [
      "that says it was forwarded",
      () => changed(at("203.0.113.9"), (h) => h.set("x-forwarded-for", "198.51.100.9")),
      ...ELSEWHERE,
    ],
  ]),
];
