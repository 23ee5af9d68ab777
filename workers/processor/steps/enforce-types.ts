import { coerce } from "../../../core/coerce.ts";
import { compiledOnce } from "../../../core/compiled-once.ts";
import type { TypeRule, Types } from "../../../core/org-data-layer/types.ts";
import { orgDataLayerOf } from "../../../core/org-data-layer.ts";
import { changeAt, GONE, pathTree } from "../../../core/path-tree.ts";
import { drop, keep, quarantine, type Step } from "../step.ts";

const treeOf = compiledOnce((types: Types) => {
  const all = Object.entries(types);
  return { tree: all.length ? pathTree(all) : undefined };
});

const MOST_NAMED = 10;

/** Values of the declared types: converted where that leaves no doubt, else treated as the rule says. */
export const enforceTypes: Step = {
  name: "enforce_types",
  run(event, { environment }) {
    const { tree } = treeOf(orgDataLayerOf(environment).types);
    if (!tree) return keep(event);
    const changed: string[] = [];
    const conversions: string[] = [];
    const failed: { path: string; rule: TypeRule }[] = [];
    const typed = changeAt(event, tree, (value, rule, path) => {
      const coerced = coerce(value, rule.type);
      if (coerced.ok) {
        if (coerced.as === undefined) return value;
        changed.push(path);
        conversions.push(`${coerced.as}: ${path}`);
        return coerced.value;
      }
      failed.push({ path, rule });
      if (rule.on_failure !== "remove") return value;
      changed.push(path);
      return GONE;
    });
    const worst =
      failed.find(({ rule }) => rule.on_failure === "quarantine") ??
      failed.find(({ rule }) => rule.on_failure === "block");
    if (worst) {
      const detail = `${worst.path}: not a value of type ${worst.rule.type}`;
      return worst.rule.on_failure === "block" ? drop("wrong_type", detail) : quarantine("wrong_type", detail);
    }
    const detail = [...conversions, ...failed.map(({ path, rule }) => `not_${rule.type}: ${path}`)].slice(
      0,
      MOST_NAMED,
    );
    return detail.length ? keep(typed, changed, detail.join("; ")) : keep(event);
  },
};
