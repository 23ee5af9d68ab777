/** Where a field's value comes from: a constant, a path, a template, a table of cases, or an expression. */
import * as z from "zod";
import { celCondition, celValue, jsonataExpression } from "../expressions/compiled.ts";
import { number, text } from "../values.ts";
import { path, read, segmentsOf } from "./path.ts";

const refusing = (compile: typeof celCondition | typeof celValue | typeof jsonataExpression) =>
  z.string().superRefine((source, issues) => {
    const compiled = compile(source);
    if (compiled.ok) return;
    const { at, message } = compiled.problem;
    issues.addIssue({ code: "custom", message: `at character ${at + 1}: ${message}` });
  });

/** CEL that is true or false, over `event`, `source_id` and, in the custom stage, `payload`. */
export const condition = refusing(celCondition);
/** CEL of any value. */
const celSource = refusing(celValue);
export const jsonataSource = refusing(jsonataExpression);

const json = z.json();
const conversion = z.enum(["text", "number", "boolean"]).optional();

export const value = z.union(
  [
    z.string(),
    z.number(),
    z.boolean(),
    z.null(),
    /** The first of the paths that holds something; a missing value sets nothing. */
    z.strictObject({ from: z.union([path, z.array(path).min(1).max(10)]), default: json.optional(), as: conversion }),
    z.strictObject({ constant: json }),
    /** `{{properties.brand}} {{properties.name}}`; where one of them is missing, nothing is set. */
    z.strictObject({ template: z.string().max(1_000) }),
    /** What the value of `case_of` stands for. Without an entry and `otherwise` nothing is set. */
    z.strictObject({ case_of: path, cases: z.record(z.string(), json), otherwise: json.optional() }),
    z.strictObject({ cel: celSource }),
  ],
  "a value is a text, number, true, false or null as it is, or one of {from}, {constant}, {template}, {case_of, cases}, {cel}",
);
export type Value = z.infer<typeof value>;

/** What a value is read from: the event, and the payload once there is one. */
export interface Scope {
  event: unknown;
  source_id: string;
  payload?: unknown;
}

export type Read = { ok: true; value: unknown } | { ok: false; detail: string };
/** `from`: what paths begin at. */
export type ReadValue = (from: unknown, scope: Scope) => Read;

const found = (value: unknown): Read => ({ ok: true, value });

/** Compiled once for each version of a pipeline. */
export function compileValue(written: Value): ReadValue {
  if (typeof written !== "object" || written === null) return () => found(written);
  if ("constant" in written) return () => found(written.constant);
  if ("template" in written) return compileTemplate(written.template);
  if ("cel" in written) return compileCelValue(written.cel);
  if ("cases" in written) {
    const of = compilePath(written.case_of);
    return (from, scope) => {
      const key = text(read(rootOf(from, scope, of), of.segments)) ?? "";
      return found(Object.hasOwn(written.cases, key) ? written.cases[key] : written.otherwise);
    };
  }
  const paths = [written.from].flat().map(compilePath);
  const { as, default: fallback } = written;
  return (from, scope) => {
    for (const one of paths) {
      const held = read(rootOf(from, scope, one), one.segments);
      if (held === undefined || held === null || held === "") continue;
      const value = convert(held, as);
      return value === undefined
        ? { ok: false, detail: `${JSON.stringify(held)?.slice(0, 100)} is no ${as}` }
        : found(value);
    }
    return found(fallback);
  };
}

interface CompiledPath {
  segments: readonly string[];
  /** `payload.…` and `event.…` are read from there, wherever they are written. */
  root?: "payload" | "event";
}

function compilePath(written: string): CompiledPath {
  const segments = segmentsOf(written);
  const [first] = segments;
  return segments.length > 1 && (first === "payload" || first === "event")
    ? { segments: segments.slice(1), root: first }
    : { segments };
}

const rootOf = (from: unknown, scope: Scope, { root }: CompiledPath) => (root ? scope[root] : from);

function compileTemplate(template: string): ReadValue {
  const parts = template.split(/\{\{\s*([^{}]+?)\s*\}\}/);
  const paths = parts.map((part, i) => (i % 2 ? compilePath(part) : undefined));
  return (from, scope) => {
    let written = "";
    for (let i = 0; i < parts.length; i++) {
      const at = paths[i];
      const piece = at ? text(read(rootOf(from, scope, at), at.segments)) : parts[i];
      if (piece === undefined) return found(undefined);
      written += piece;
    }
    return found(written);
  };
}

function compileCelValue(source: string): ReadValue {
  const compiled = celValue(source);
  if (!compiled.ok) return () => ({ ok: false, detail: compiled.problem.message });
  return (_, scope) => {
    const outcome = compiled.expression.evaluate(scope as never);
    if (outcome.ok) return outcome;
    return outcome.is_missing ? found(undefined) : { ok: false, detail: outcome.problem.message };
  };
}

/** A condition that asks for what an event does not have does not hold; any other trouble is told. */
export function compileCondition(source: string): (scope: Scope) => { holds: boolean; detail?: string } {
  const compiled = celCondition(source);
  if (!compiled.ok) return () => ({ holds: false, detail: compiled.problem.message });
  return (scope) => {
    const outcome = compiled.expression.evaluate(scope as never);
    if (outcome.ok) {
      return typeof outcome.value === "boolean"
        ? { holds: outcome.value }
        : { holds: false, detail: `the condition came out as ${JSON.stringify(outcome.value)?.slice(0, 100)}` };
    }
    return outcome.is_missing ? { holds: false } : { holds: false, detail: outcome.problem.message };
  };
}

function convert(held: unknown, as: z.infer<typeof conversion>): unknown {
  if (as === undefined) return held;
  if (as === "number") return number(held);
  if (as === "text") return typeof held === "boolean" ? String(held) : text(held);
  if (typeof held === "boolean") return held;
  const word = text(held)?.toLowerCase();
  return word === "true" || word === "1" || word === "yes"
    ? true
    : word === "false" || word === "0" || word === "no"
      ? false
      : undefined;
}
