/** A page view in combined format with everything a test does not care about filled in. */
export interface GivenLine {
  client: string;
  time: string;
  request: string;
  status: number | string;
  referrer: string;
  user_agent: string;
}

export function aLogLine(given: Partial<GivenLine> = {}): string {
  const line: GivenLine = {
    client: "203.0.113.9",
    time: "17/May/2015:10:05:03 +0000",
    request: "GET /about HTTP/1.1",
    status: 200,
    referrer: "-",
    user_agent: "Mozilla/5.0",
    ...given,
  };
  const { client, time, request, status, referrer, user_agent } = line;
  return `${client} - - [${time}] "${request}" ${status} 512 "${referrer}" "${user_agent}"`;
}

/** `count` page views of different visitors, with an asset after every tenth. */
export function aLog(count: number): string {
  let log = "";
  for (let n = 1; n <= count; n++) {
    log += `${aLogLine({ client: `198.51.100.${n % 250}`, request: `GET /page/${n} HTTP/1.1` })}\n`;
    if (n % 10 === 0) log += `${aLogLine({ request: "GET /style.css HTTP/1.1" })}\n`;
  }
  return log;
}
