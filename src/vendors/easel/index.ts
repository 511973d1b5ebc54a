import type { Vendor } from "../vendor.ts";
import { dialect } from "./dialect.ts";

/** A dialect only: the gateway's own. */
export const easel: Vendor = { dialect };
