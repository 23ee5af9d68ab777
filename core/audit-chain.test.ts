import { describe, expect, it } from "vitest";
import { type AuditRow, ChainCheck, firstHash, hashOf } from "./audit-chain.ts";

const ORGANISATION = "org_chain";

/** Six records, each behind the one before. */
function aChain(): AuditRow[] {
  const rows: AuditRow[] = [];
  for (let sequence = 1; sequence <= 6; sequence++) {
    const row = {
      organisation_id: ORGANISATION,
      sequence,
      at: `2026-11-20T10:00:0${sequence}.000Z`,
      actor: `user:usr_${sequence}`,
      action: "PATCH /api/v1/environments/:id",
      subject: "/api/v1/environments/env_prod",
      before: sequence === 3 ? null : '{"a":1}',
      after: '{"a":2}',
      request_id: `req_${sequence}`,
      ip: "203.0.113.7",
      previous: rows.at(-1)?.hash ?? firstHash(ORGANISATION),
    };
    rows.push({ ...row, hash: hashOf(row) });
  }
  return rows;
}

const HEAD = { sequence: 6, hash: aChain().at(-1)!.hash };

function problemsOf(rows: AuditRow[]) {
  const check = new ChainCheck(ORGANISATION);
  for (const row of rows) check.add(row);
  return check.end(HEAD);
}

it("finds nothing in a chain that is whole", () => expect(problemsOf(aChain())).toEqual([]));

describe("names the row", () => {
  it.each<[keyof AuditRow, string | null]>([
    ["organisation_id", "org_other"],
    ["at", "2026-11-20T10:00:04.001Z"],
    ["actor", "user:usr_9"],
    ["action", "DELETE /api/v1/environments/:id"],
    ["subject", "/api/v1/environments/env_dev"],
    ["before", null],
    ["after", '{"a":3}'],
    ["request_id", "req_9"],
    ["ip", "203.0.113.8"],
    ["previous", "0".repeat(64)],
    ["hash", "0".repeat(64)],
  ])("whose %s was changed", (column, value) => {
    const rows = aChain();
    rows[3] = { ...rows[3]!, [column]: value } as AuditRow;
    expect(problemsOf(rows)).toEqual([{ sequence: 4, problem: "changed" }]);
  });

  it("whose number was changed, as one that is missing and one that is not what it was", () => {
    const rows = aChain();
    rows[5] = { ...rows[5]!, sequence: 9 };
    expect(problemsOf(rows)).toContainEqual({ sequence: 6, problem: "missing", until: 8 });
    expect(problemsOf(rows)).toContainEqual({ sequence: 9, problem: "changed" });
  });

  it.each([0, 2, 5])("at place %i that was deleted, be it the first or the last", (at) => {
    const sequence = at + 1;
    expect(problemsOf(aChain().toSpliced(at, 1))).toEqual([{ sequence, problem: "missing", until: sequence }]);
  });

  it("that were swapped", () => {
    const rows = aChain();
    const [third, fourth] = [rows[2]!, rows[3]!];
    const swapped = rows.with(2, { ...fourth, sequence: 3 }).with(3, { ...third, sequence: 4 });
    expect(problemsOf(swapped)).toEqual([
      { sequence: 3, problem: "changed" },
      { sequence: 4, problem: "changed" },
    ]);
  });

  it("that was written anew with a hash that fits, by the row behind it", () => {
    const rows = aChain();
    const forged = { ...rows[2]!, actor: "user:usr_9" };
    expect(problemsOf(rows.with(2, { ...forged, hash: hashOf(forged) }))).toEqual([
      { sequence: 4, problem: "out_of_place" },
    ]);
  });

  it("that was added behind the end, and the last one written anew, since the object knows the head", () => {
    const rows = aChain();
    const { hash: _, ...more } = { ...rows[5]!, sequence: 7, previous: rows[5]!.hash };
    expect(problemsOf([...rows, { ...more, hash: hashOf(more) }])).toEqual([{ sequence: 7, problem: "added" }]);
    const forged = { ...rows[5]!, after: null };
    expect(problemsOf(rows.with(5, { ...forged, hash: hashOf(forged) }))).toEqual([
      { sequence: 6, problem: "changed" },
    ]);
  });
});
