import type { Vendor } from "../vendor.ts";
import { provider } from "./provider.ts";

export { DIRECTIVES } from "./directives.ts";
export { provider, spec } from "./provider.ts";

/** The built-in vendor: it draws landscapes without network or key, and fails when a prompt asks it to. */
export const sandbox: Vendor = { name: "sandbox", provider };
