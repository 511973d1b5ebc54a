import type { Vendor } from "../vendor.ts";
import { provider } from "./provider.ts";
export { DIRECTIVES } from "./directives.ts";
export { spec } from "./models.ts";

export { provider };

/** The built-in vendor: it draws landscapes without network or key, and fails when a prompt asks it to. */
export const sandbox: Vendor = { provider };
