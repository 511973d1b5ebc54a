import type { Vendor } from "../vendor.ts";
import { edits, generations } from "./dialect.ts";

/** Dialects only: its SDKs are how many clients already speak. */
export const openai: Vendor = { dialect: generations };
export const openaiEdits: Vendor = { dialect: edits };
