import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { channelOf } from "../core/acquisition/channels.ts";
import { trafficSourceOf } from "../core/acquisition/traffic-source.ts";
import { anEvent } from "./an-event.ts";

/** 10,000 lines of a real server, of the public elastic/examples repository; too large to keep in this one. */
const LOG = join(import.meta.dirname, "../../shared/data/access-2015-05.log.gz");
const isAbsent = !existsSync(LOG);
if (isAbsent) console.warn(`\nNOT TESTED: the referrers of a real log, because there is no ${LOG}\n`);

it.skipIf(isAbsent)("knows every search engine and social network among a real log's 10,000 referrers", () => {
  const referrers = gunzipSync(readFileSync(LOG))
    .toString("latin1")
    .split("\n")
    .flatMap((line) => line.split('"')[3] ?? []);
  const counts: Record<string, number> = {};
  const sources: Record<string, Set<string>> = {};
  for (const referrer of referrers) {
    const page = { url: "http://www.semicomplete.com/", ...(referrer !== "-" && { referrer }) };
    const from = trafficSourceOf(anEvent({ type: "page", context: { page } }));
    const channel = from ? channelOf(from) : "within the site";
    counts[channel] = (counts[channel] ?? 0) + 1;
    sources[channel] ??= new Set();
    sources[channel].add(from?.referrer_host ?? "");
  }
  expect(counts).toEqual(COUNTS);
  expect(
    [...sources.Referral!].filter((host) => /google|bing|yahoo|yandex|baidu|duckduck|facebook|twitter/.test(host)),
  ).toEqual(["translate.googleusercontent.com", "translate.google.com"].filter((host) => sources.Referral!.has(host)));
});

const COUNTS = {
  "within the site": 5_039,
  Direct: 4_073,
  "Organic Search": 602,
  Referral: 207,
  "Organic Social": 79,
};
