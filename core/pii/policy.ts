/** A policy for personal data, compiled. */
import { compiledOnce } from "../compiled-once.ts";
import {
  type Action,
  PERSONAL_CLASSES,
  PII_CLASSES,
  type Pii,
  type PiiClass,
  SECRET_CLASSES,
} from "../org-data-layer/pii.ts";
import { type PathTree, pathTree } from "../path-tree.ts";
import { needsKey } from "./treat-value.ts";

export interface Policy {
  actions: Record<PiiClass, Action>;
  /** Classes that are not simply allowed. */
  wanted: ReadonlySet<PiiClass>;
  /** The same without what is merely personal: for a field whose treatment is decided by its path. */
  secretsOnly: Pick<Policy, "actions" | "wanted">;
  /** `skip`: not looked at. */
  paths: PathTree<Action | "skip">;
}

export const policyOf = compiledOnce(
  (pii: Pii): Policy => ({
    actions: pii.classes,
    wanted: new Set(PII_CLASSES.filter((name) => pii.classes[name] !== "allow")),
    secretsOnly: {
      actions: { ...pii.classes, ...Object.fromEntries(PERSONAL_CLASSES.map((name) => [name, "allow"])) },
      wanted: new Set(SECRET_CLASSES),
    },
    paths: pathTree([
      ...Object.entries(pii.paths),
      ...pii.not_personal.map((path): [string, "skip"] => [path, "skip"]),
    ]),
  }),
);

export const policyNeedsKey = (pii: Pii) => [...Object.values(pii.classes), ...Object.values(pii.paths)].some(needsKey);
