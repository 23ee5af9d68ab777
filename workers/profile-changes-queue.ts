/** Changes of profiles, onto their queue. */
import type { ProfileChange } from "../core/profile-change.ts";
import { MESSAGE_BYTES } from "../core/queue-messages.ts";
import { sendInTime } from "./send.ts";

/** In messages of at most 60 KB. Throws where the queue does not take them. */
export async function queueProfileChanges(
  env: { PROFILE_EVENTS: Queue },
  environmentId: string,
  changes: ProfileChange[],
): Promise<void> {
  let part: string[] = [];
  let bytes = 0;
  const send = async () => {
    const body = `{"v":1,"environment_id":${JSON.stringify(environmentId)},"changes":[${part.join(",")}]}`;
    await sendInTime(() => env.PROFILE_EVENTS.send(body, { contentType: "text" }));
    part = [];
    bytes = 0;
  };
  for (const change of changes) {
    const json = JSON.stringify(change);
    if (part.length && bytes + json.length * 3 > MESSAGE_BYTES) await send();
    part.push(json);
    bytes += Buffer.byteLength(json, "utf8") + 1;
  }
  if (part.length) await send();
}
