import type { Vendor } from "../vendor.ts";
import { dialect } from "./dialect.ts";
import { provider } from "./provider.ts";

export const aquarelle: Vendor = { dialect, provider };
