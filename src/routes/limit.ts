import { wrong } from "../errors.ts";
import type { AppContext } from "./context.ts";

/** How many rows `?limit=` asks for: `usual` unless told, `most` at most. Throws invalid_request. */
export function limitOf(c: AppContext, usual: number, most: number): number {
  const asked = c.req.query("limit") ?? String(usual);
  const limit = Number(asked);
  if (/^\d+$/.test(asked) && limit >= 1 && limit <= most) return limit;
  throw wrong("limit", `must be a whole number from 1 to ${most}`);
}
