/** The live stream as a page: every event as it passes, and on a click its whole path. Text only, never HTML from an event. */

const MOST_SHOWN = 200;
const list = document.querySelector("#events");
const state = document.querySelector("#state");
const pause = document.querySelector("#pause");
const signIn = document.querySelector("#sign-in");
/** Shown events by message_id. */
const shown = new Map();
let paused = false;
let waiting = [];

// The fragment never leaves the browser: it is no part of any request.
const token = () => location.hash.slice(1);

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

async function connect() {
  signIn.hidden = Boolean(token());
  if (!token()) return;
  // A token in an address would stand in logs: a ticket opens the stream for a minute.
  const headers = { authorization: `Bearer ${token()}` };
  const asked = await fetch("/api/v1/live/tickets", { method: "POST", headers }).catch(() => undefined);
  const { ticket = "", environment_id = "" } = asked?.ok ? await asked.json() : {};
  const url = new URL(`/api/v1/live?${new URLSearchParams({ ticket, environment_id })}`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  let opened = false;
  socket.onmessage = ({ data }) => {
    socket.send('{"ack":1}');
    for (const item of JSON.parse(data)) {
      if (item.kind === "hello") {
        opened = true;
        state.textContent = "live";
        pause.hidden = false;
      } else if (paused) waiting.push(item);
      else show(item);
    }
    if (paused) state.textContent = `paused, ${waiting.length} waiting`;
  };
  socket.onclose = () => {
    state.textContent = opened ? "connection lost, trying again" : "the token was not accepted, or the server is away";
    if (!opened) signIn.hidden = false;
    else setTimeout(connect, 2_000);
  };
}

function show(item) {
  if (item.kind === "processed") addEvent(item);
  if (item.kind === "delivered") for (const event of item.events) addDelivery(event, item);
  if (item.kind === "sampled") state.textContent = `live, a sample: ${item.left_out} not shown`;
}

function addEvent({ received, event, receipt }) {
  document.querySelector("#empty").hidden = true;
  const vendors = element("span", { className: "vendors" });
  const path = element("div", { className: "path" });
  const entry = { vendors, path, pills: new Map() };
  for (const { integration, outcome, reason, detail } of receipt.integrations) {
    const pill = element("span", {
      className: "vendor",
      textContent: integration,
      title: detail ? `${reason}: ${detail}` : (reason ?? outcome),
    });
    entry.pills.set(integration, pill);
    vendors.append(pill);
  }
  const time = new Date(event.timestamp).toLocaleTimeString([], { timeStyle: "medium" });
  path.append(
    heading("Received"),
    element("pre", { textContent: JSON.stringify(received, null, 2) }),
    heading(`Processed · shard ${receipt.shard} · configuration ${receipt.configuration}`),
    steps(receipt.steps),
    ...receipt.integrations
      .filter(({ outcome }) => outcome === "filtered")
      .flatMap(({ integration, reason, detail }) => [
        heading(`${integration}: not sent`),
        detail ? `${reason}: ${detail}` : reason,
      ]),
  );
  const row = element(
    "li",
    {},
    element(
      "details",
      {},
      element(
        "summary",
        {},
        element("span", { className: "quiet", textContent: time }),
        element("span", { className: "name", textContent: event.event }),
        element("span", {
          className: "quiet page",
          textContent: event.context.page?.url ?? event.user_id ?? event.anonymous_id,
        }),
        vendors,
      ),
      path,
    ),
  );
  list.prepend(row);
  shown.set(event.message_id, { ...entry, row });
  if (shown.size > MOST_SHOWN) {
    const [oldest, { row: last }] = shown.entries().next().value;
    last.remove();
    shown.delete(oldest);
  }
}

function addDelivery({ message_id, outcome, reason }, { integration, request, response, attempt }) {
  const entry = shown.get(message_id);
  if (!entry) return;
  const pill = entry.pills.get(integration);
  if (pill) {
    pill.className = `vendor ${outcome}`;
    pill.title = reason ?? outcome;
  }
  const answer = response.error ?? `HTTP ${response.status} ${response.body}`;
  entry.path.append(
    heading(`${integration}: ${outcome}${attempt > 1 ? `, attempt ${attempt}` : ""} in ${response.ms} ms`),
    element("pre", { textContent: `${request.method} ${request.url}\n\n${pretty(request.body)}` }),
    element("pre", { textContent: reason ? `${answer}\n${reason}` : answer }),
  );
}

const heading = (text) => element("h2", { textContent: text });

function steps(records) {
  return element(
    "dl",
    {},
    ...records.flatMap(({ step, verdict, changed, reason, detail }) => [
      element("dt", { textContent: step }),
      element("dd", {
        className: verdict === "kept" && changed.length === 0 ? "quiet" : "",
        textContent:
          verdict === "kept" ? changed.join(", ") || "nothing to do" : `${verdict}: ${reason} ${detail ?? ""}`,
      }),
    ]),
  );
}

function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

pause.addEventListener("click", () => {
  paused = !paused;
  pause.textContent = paused ? "Resume" : "Pause";
  if (paused) return;
  for (const item of waiting) show(item);
  waiting = [];
  state.textContent = "live";
});
signIn.addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  location.hash = document.querySelector("#token").value;
  connect();
});
connect();
