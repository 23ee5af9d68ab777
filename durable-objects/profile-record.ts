/** What a ProfileShard keeps of one identifier. */
import { Cluster, type ClusterJson } from "../core/identity-cluster.ts";
import { Profile, type ProfileJson } from "../core/profile.ts";

export interface StoredRecord {
  key: string;
  root?: string;
  cluster?: ClusterJson;
  part?: ProfileJson;
  /** What search finds it by. */
  found_by?: string[];
  /** What was said until then is forgotten, and does not come back. Epoch milliseconds. */
  deleted_at?: number;
}

/** A record as it is worked on: parsed when it is needed. */
export class ProfileRecord {
  readonly key: string;
  root: string | undefined;
  foundBy: string[];
  deletedAt: number | undefined;
  #cluster: Cluster | ClusterJson | undefined;
  #part: Profile | ProfileJson | undefined;

  constructor({ key, root, cluster, part, found_by = [], deleted_at }: StoredRecord) {
    this.key = key;
    this.root = root;
    this.foundBy = found_by;
    this.deletedAt = deleted_at;
    this.#cluster = cluster;
    this.#part = part;
  }

  get cluster(): Cluster | undefined {
    if (this.#cluster && !(this.#cluster instanceof Cluster))
      this.#cluster = Cluster.fromJSON(this.#cluster as ClusterJson);
    return this.#cluster;
  }

  set cluster(cluster: Cluster | undefined) {
    this.#cluster = cluster;
  }

  get part(): Profile | undefined {
    if (this.#part && !(this.#part instanceof Profile)) this.#part = Profile.fromJSON(this.#part);
    return this.#part as Profile | undefined;
  }

  set part(part: Profile | undefined) {
    this.#part = part;
  }

  get hasPart(): boolean {
    return this.#part !== undefined;
  }

  toJSON(): StoredRecord {
    return {
      key: this.key,
      ...(this.root !== undefined && { root: this.root }),
      ...(this.#cluster && { cluster: this.#cluster instanceof Cluster ? this.#cluster.toJSON() : this.#cluster }),
      ...(this.#part && { part: this.#part instanceof Profile ? this.#part.toJSON() : this.#part }),
      ...(this.foundBy.length && { found_by: this.foundBy }),
      ...(this.deletedAt !== undefined && { deleted_at: this.deletedAt }),
    };
  }
}
