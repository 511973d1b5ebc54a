import type { Vendor } from "../vendor.ts";
import { provider } from "./provider.ts";
export { DIRECTIVES } from "./directives.ts";
export { spec } from "./models.ts";

export { provider };

/** The built-in vendor: it generates landscapes without network or key, and fails if the prompt has a directive. */
export const sandbox: Vendor = { provider };
