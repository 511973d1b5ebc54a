import type { ErrorCode } from "../../src/errors.ts";
import type { ImageRequest, Turn } from "../../src/image/request.ts";
import type { ParsedRequest, Vendor } from "../../src/vendors/vendor.ts";

/** A vendor under test, with its documented requests and responses; everything else is the same for every vendor. */
export interface Subject {
  vendor: Vendor;
  /** Copied from its document: name → request. Base64 that the document elides is filled in. */
  requests: Record<string, object>;
  /** Name → the expected meaning of that request, warnings included. */
  meanings: Record<string, Meaning>;
  /** Copied from its document: name → response, with one picture each. */
  answers?: Record<string, object>;
  /** The error statuses of its document. */
  statuses: readonly number[];
  /** Documented messages of errors; all other errors have the gateway's own message. */
  words?: Partial<Record<ErrorCode, string>>;
  /** Error code → the code that the provider reads back, if the wire format cannot distinguish the two. */
  readBack?: Partial<Record<ErrorCode, ErrorCode>>;
}

export interface Meaning {
  request: Omit<Partial<ImageRequest>, "references" | "turns">;
  /** URLs; `inline` represents a picture in the request itself. */
  references?: string[];
  turns?: (Omit<Turn, "references"> & { references: string[] })[];
  warnings?: string[];
  responseFormat?: ParsedRequest["responseFormat"];
  /** The fields that the vendor's provider sends differently from the documented request. */
  sent?: object;
}
