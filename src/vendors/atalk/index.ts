import type { Vendor } from "../vendor.ts";
import { dialect } from "./dialect.ts";
import { provider } from "./provider.ts";

export const atalk: Vendor = { dialect, provider };
