import type { Env } from "../env.ts";
import type { Principal } from "../policy/credentials.ts";
import { endOf } from "../policy/keys.ts";
import { findKey } from "../store/key-records.ts";
import type { Due } from "../store/schedules.ts";

type Owned = Pick<Due, "principal">;

/** Who a schedule draws for; undefined where the key is good no longer: what it began must end with it. */
export async function ownerOf({ principal }: Owned, { KV }: Pick<Env, "KV">): Promise<Principal | undefined> {
  if (principal === "admin") return { id: principal, kind: "admin" };
  const now = Date.now();
  const key = await findKey(KV, principal, now);
  return key === null || endOf(key, now) !== undefined ? undefined : { id: principal, kind: key.kind, key };
}

/** Whether it draws nothing because its key is good no longer. While keys cannot be looked up, nobody knows: it is taken for good. */
export async function isStopped(owned: Owned, env: Pick<Env, "KV">): Promise<boolean> {
  return (await ownerOf(owned, env).catch(() => owned)) === undefined;
}
