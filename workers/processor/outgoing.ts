/**
 * What of an event goes on to Layer 2: the event itself and what it is made into (core/fan-out.ts), without the fields that no
 * integration may have.
 */
import type { Event } from "../../core/event.ts";
import { fanOut } from "../../core/fan-out.ts";
import { orgDataLayerOf } from "../../core/org-data-layer.ts";
import type { StepRecord } from "../../core/receipt.ts";
import { run } from "./pipeline.ts";
import type { StepContext } from "./step.ts";
import { removeFields } from "./steps/remove-fields.ts";

export interface Outgoing {
  event: Event;
  /** What was done to it here. */
  records: StepRecord[];
  /** Another event's part. */
  isChild: boolean;
  /** Its parts go on in its place. */
  stays: boolean;
}

/** The event comes first, its parts follow in their order. */
export function outgoingOf(event: Event, context: StepContext): Outgoing[] {
  const { children, parentGoesOn } = fanOut(event, orgDataLayerOf(context.environment).fan_out);
  return [
    { ...removed(event, context), isChild: false, stays: !parentGoesOn },
    ...children.map((child) => ({
      ...removed(child.event, { ...context, rule: child.rule }),
      isChild: true,
      stays: false,
    })),
  ];
}

/** For the receipt that is stored: what the event will be made into. */
export function fanOutRecord(event: Event, { environment }: StepContext): StepRecord[] {
  const { detail } = fanOut(event, orgDataLayerOf(environment).fan_out);
  return detail === undefined ? [] : [{ step: "fan_out", verdict: "kept", changed: [], detail }];
}

function removed(event: Event, context: Parameters<typeof removeFields.run>[1]) {
  const { verdict, records } = run([removeFields], event, context);
  return { event: verdict.verdict === "kept" ? verdict.event : event, records };
}
