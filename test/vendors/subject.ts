import type { ErrorCode } from "../../src/errors.ts";
import type { ImageRequest, Turn } from "../../src/image/request.ts";
import type { ParsedRequest, Vendor } from "../../src/vendors/vendor.ts";

/** What a vendor's own test says of it; all else is the same for every vendor. */
export interface Subject {
  vendor: Vendor;
  /** Copied from its document: name → request. Base64 that the document leaves out is put in. */
  requests: Record<string, object>;
  /** The same names → what each means, warnings included. */
  meanings: Record<string, Meaning>;
  /** Copied from its document: name → answer, of one picture each. */
  answers?: Record<string, object>;
  /** Statuses that its document has for failures. */
  statuses: readonly number[];
  /** Words that its document has for a failure; any other is told in the gateway's own. */
  words?: Partial<Record<ErrorCode, string>>;
  /** What a failure reads as on the way back, where its wire cannot tell it from another. */
  readBack?: Partial<Record<ErrorCode, ErrorCode>>;
}

export interface Meaning {
  request: Omit<Partial<ImageRequest>, "references" | "turns">;
  /** URLs; `inline` for a picture in the request itself. */
  references?: string[];
  turns?: (Omit<Turn, "references"> & { references: string[] })[];
  warnings?: string[];
  responseFormat?: ParsedRequest["responseFormat"];
  /** What the vendor's provider sends for it, if it is not the request itself. */
  sent?: object;
}
