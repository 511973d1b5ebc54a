import type { Vendor } from "../vendor.ts";
import { dialect } from "./dialect.ts";

/** A dialect only: its SDKs are how many clients already speak. */
export const openai: Vendor = { dialect };
