/**
 * Expressions that were compiled before, by language and text: the same condition stands in many steps and in every version of a
 * pipeline. What does not compile is remembered too.
 */
import { hash64 } from "../hash.ts";
import type { Compiled } from "./budget.ts";
import { type CelExpression, compileCel } from "./cel.ts";
import { compileJsonata, type JsonataExpression } from "./jsonata.ts";

const MOST_COMPILED = 1_000;

/** A condition: the result must be able to be true or false. */
export const celCondition = remembered((source) => compileCel(source, { is_condition: true }));
/** Any value. */
export const celValue = remembered<CelExpression>(compileCel);
export const jsonataExpression = remembered<JsonataExpression>(compileJsonata);

function remembered<T>(compile: (source: string) => Compiled<T>): (source: string) => Compiled<T> {
  const known = new Map<number, { source: string; compiled: Compiled<T> }>();
  return (source) => {
    const { high, low } = hash64(source);
    const key = high * 2 ** 21 + (low >>> 11);
    const found = known.get(key);
    // Hashes may agree where texts do not.
    if (found?.source === source) return found.compiled;
    const compiled = compile(source);
    if (known.size >= MOST_COMPILED) known.clear();
    known.set(key, { source, compiled });
    return compiled;
  };
}
