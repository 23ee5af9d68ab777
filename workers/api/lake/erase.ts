/** Takes one person's events out of a day of the lake, and with them every older object that still holds them. */
import { type LakePlace, openFile, placesOfDay, readManifest } from "../../../durable-objects/lake-manifest.ts";
import { type Day, deleteRetired, type IsErased, rewrite } from "./rewrite.ts";

/** By what the events of a person are known. */
export interface Erased {
  anonymous_ids: string[];
  user_ids: string[];
}

export interface ErasedDay {
  files: string[];
  rows_before: number;
  rows_after: number;
}

const MOST_ATTEMPTS = 5;

/**
 * Looks at every file of the day: what a visitor's record names are the newest 64 files only. What was retired before, by this or by
 * compaction, is deleted at once: a reader who was in the middle of it begins anew. May be repeated; throws where storage fails.
 */
export async function eraseOnce(lake: R2Bucket, day: Day, now: number, person: Erased): Promise<ErasedDay> {
  const anonymous = new Set(person.anonymous_ids);
  const users = new Set(person.user_ids);
  const isTheirs: IsErased = ({ anonymous_id, user_id }) =>
    anonymous.has(anonymous_id) || (user_id !== null && users.has(user_id));
  const total: ErasedDay = { files: [], rows_before: 0, rows_after: 0 };
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const before = await readManifest(lake, ...day);
    const places = await placesOfDay(lake, ...day);
    const holding: LakePlace[] = [];
    total.files = [];
    total.rows_before = 0;
    for (const place of places) {
      const file = await openFile(lake, place);
      if (!file) throw new Error(`${place.object} is not in the lake`);
      const rows = await file.read(["anonymous_id", "user_id"]);
      total.rows_before += rows.length;
      if (rows.some(({ row }) => isTheirs(row as never))) holding.push(place);
    }
    total.rows_after = total.rows_before;
    if (holding.length > 0) {
      // Objects are rewritten whole.
      const objects = new Set(holding.map(({ object }) => object));
      const whole = places.filter(({ object }) => objects.has(object));
      const { outcome, rows_before, rows_after } = await rewrite(lake, day, before, whole, now, isTheirs);
      if (outcome === "overtaken") continue;
      total.rows_after -= rows_before - rows_after;
      total.files = holding.map(({ key }) => key);
    }
    await deleteRetired(lake, day, Number.POSITIVE_INFINITY);
    return total;
  }
  throw new Error(`others keep changing ${day.join(" ")}`);
}
