import type { Vendor } from "../vendor.ts";
import { edits, generations } from "./dialect.ts";

/** Dialects only, because many clients already use OpenAI's SDKs. */
export const openai: Vendor = { dialect: generations };
export const openaiEdits: Vendor = { dialect: edits };
