import type { GatewayError } from "../errors.ts";
import type { ModelSpec } from "../image/model-spec.ts";
import type { Cost, GenerationRecord } from "../image/record.ts";
import type { ImageRequest, StoredPicture, Tier } from "../image/request.ts";
import type { ServerSentEvent, Wire } from "../image/wire.ts";

/** A client's request, as decoded by a dialect. */
export interface ParsedRequest {
  request: ImageRequest;
  /** Notes about values that were dropped or rewritten, for `easel-warnings`. */
  warnings: string[];
  /** Fields set from the dialect's documented defaults; a provider that cannot honour them may drop them silently. */
  defaulted?: readonly ("size" | "aspectRatio")[] | undefined;
  /** The largest size that the request's API key allows. */
  maxSize?: Tier | undefined;
  /** The form of the response's pictures, if the dialect has a choice; `picture` means the first picture's bytes. */
  responseFormat?: "url" | "base64" | "picture" | undefined;
  /** True if the client requested server-sent events; only for a dialect that has `events`. */
  stream?: boolean | undefined;
  /** The preset to apply (access/presets.ts): its name, and the fields that the client set itself. */
  preset?: { name: string; setFields: readonly string[] } | undefined;
  /** Canonical field name → its name in this request, if the dialect's `fields` cannot know it. */
  fields?: Readonly<Record<string, string>> | undefined;
}

export interface ErrorResponse {
  status: number;
  body: Wire;
}

/** A vendor's wire format as the gateway serves it. Pure: no I/O, no clock. */
export interface Dialect {
  name: string;
  /** Documented paths; each is served at the root and under `/<name>`. */
  paths: readonly string[];
  /** Set if the paths are served under `/<name>` only, because another dialect has them at the root. */
  prefixedOnly?: true;
  /** Further paths, served without the prefix only. */
  aliases?: readonly string[];
  /** Decode the parsed skeleton; `placeholder(k)` in it represents picture k of `pictures`. Throws invalid_request. */
  decode(wire: unknown, pictures: StoredPicture[], headers: Headers): ParsedRequest;
  encode(record: GenerationRecord, parsed: ParsedRequest): Wire;
  /** Encode the same response as events, for a client that requested a stream. */
  events?(record: GenerationRecord, parsed: ParsedRequest): ServerSentEvent[];
  /** Canonical field name → its name in this dialect, for error messages. */
  fields?: Readonly<Record<string, string>>;
  encodeError(error: GatewayError, requestId: string): ErrorResponse;
}

/** The location of a picture in a vendor's response: hoisted from its JSON, or at a URL that is still to be fetched. */
export type ImageSource = { hoisted: number } | { url: string };

/** A vendor's response, as decoded by its provider. */
export interface VendorResult {
  /** Final pictures only, in order, without drafts and rejected pictures. */
  images: ImageSource[];
  text?: string | undefined;
  /** The usage that the vendor reports, in its own format. */
  usage?: Record<string, unknown> | undefined;
  /** The cost that the vendor reports. */
  cost?: Cost | undefined;
}

/** An encoded request to a vendor; `send.ts` adds base URL, credential and deadlines. */
export interface VendorRequest {
  path: string;
  body: Wire;
}

/** A vendor's wire format as the gateway calls it. Pure: no I/O, no clock. */
export interface Provider {
  name: string;
  /** The default of `<NAME>_BASE_URL`. */
  baseUrl: string;
  /** Canonical model name → this vendor's spec for it. */
  models: Record<string, ModelSpec>;
  /** True if clients of the same vendor's dialect get its responses unchanged. */
  passThrough?: boolean;
  /** Encode a request that already fits the model's spec (image/fit.ts). */
  encode(request: ImageRequest, spec: ModelSpec): VendorRequest;
  /** Decode a complete response to `request`, of any status. Throws its canonical error (vendor-errors.ts). */
  decode(status: number, wire: unknown, headers: Headers, request: ImageRequest): VendorResult;
  /** Set if the vendor runs in this process and needs no credential: it serves the requests instead of the network. */
  localFetch?: (request: Request) => Promise<Response>;
}

/** One vendor, one folder; either direction may be absent. */
export interface Vendor {
  dialect?: Dialect;
  provider?: Provider;
}
