import type { GatewayError } from "../errors.ts";
import type { ModelSpec } from "../image/model-spec.ts";
import type { Cost, GenerationRecord } from "../image/record.ts";
import type { ImageRequest, StoredPicture, Tier } from "../image/request.ts";
import type { ServerSentEvent, Wire } from "../image/wire.ts";

/** What a dialect read from a client's body. */
export interface ParsedRequest {
  request: ImageRequest;
  /** What was dropped or rewritten, for `easel-warnings`. */
  warnings: string[];
  /** Wishes that the client did not have: the dialect's document fills them in, and who cannot meet them need not. */
  defaulted?: readonly ("size" | "aspectRatio")[] | undefined;
  /** The largest size that its key may have. */
  maxSize?: Tier | undefined;
  /** How the client wants its pictures, where the dialect lets it choose; `picture` is the first one itself. */
  responseFormat?: "url" | "base64" | "picture" | undefined;
  /** Whether it wants server-sent events; only from a dialect that has `events`. */
  stream?: boolean | undefined;
  /** Where a preset is to be filled in (access/presets.ts): its name, and the fields that the client set itself. */
  preset?: { name: string; setFields: readonly string[] } | undefined;
  /** Canonical field name → what this very request calls it, where the dialect's `fields` cannot know. */
  fields?: Readonly<Record<string, string>> | undefined;
}

export interface ErrorResponse {
  status: number;
  body: Wire;
}

/** A vendor's wire format as we serve it. Pure: no I/O, no clock. */
export interface Dialect {
  name: string;
  /** Documented paths: each is served at the root, and under `/<name>`. */
  paths: readonly string[];
  /** Set where they are served under `/<name>` only, because another dialect holds them at the root. */
  prefixedOnly?: true;
  /** Further paths, served as they are. */
  aliases?: readonly string[];
  /** `wire` is the parsed skeleton, in which picture k of `pictures` reads `hoistedMark(k)`. Throws invalid_request. */
  decode(wire: unknown, pictures: StoredPicture[], headers: Headers): ParsedRequest;
  encode(record: GenerationRecord, asked: ParsedRequest): Wire;
  /** The same answer as events, for who asked for a stream. */
  events?(record: GenerationRecord, asked: ParsedRequest): ServerSentEvent[];
  /** Canonical field name → what this dialect calls it, for error messages. */
  fields?: Readonly<Record<string, string>>;
  encodeError(error: GatewayError, requestId: string): ErrorResponse;
}

/** Where a picture in a vendor's answer is: hoisted from its JSON, or behind a URL that is still to be fetched. */
export type ImageSource = { hoisted: number } | { url: string };

/** A vendor's answer, read. */
export interface VendorResult {
  /** Final pictures only, in order; drafts and rejected ones are left out. */
  images: ImageSource[];
  text?: string | undefined;
  /** What the vendor says it used, in its own words. */
  usage?: Record<string, unknown> | undefined;
  /** What it says it charges. */
  cost?: Cost | undefined;
}

/** What a provider wants sent; `send.ts` adds base URL, credential and deadlines. */
export interface VendorRequest {
  path: string;
  body: Wire;
}

/** A vendor's wire format as we call it. Pure: no I/O, no clock. */
export interface Provider {
  name: string;
  /** The default of `<NAME>_BASE_URL`. */
  baseUrl: string;
  /** Canonical model name → what this vendor can do with it. */
  models: Record<string, ModelSpec>;
  /** Whether clients of the same vendor's dialect get its answers as they are. */
  passThrough?: boolean;
  /** The request already fits the model's spec (image/fit.ts). */
  encode(request: ImageRequest, spec: ModelSpec): VendorRequest;
  /** Reads a whole answer to `request`, of any status; throws the canonical error that it means (refusals.ts). */
  decode(status: number, wire: unknown, headers: Headers, request: ImageRequest): VendorResult;
  /** Set where the vendor lives in this process and needs no credential: it answers instead of the network. */
  localFetch?: (request: Request) => Promise<Response>;
}

/** One vendor, one folder; either direction may be missing. */
export interface Vendor {
  dialect?: Dialect;
  provider?: Provider;
}
