/** Resolution tier as vendors name it: the length of a square's side. */
export const TIERS = ["512", "1K", "2K", "3K", "4K"] as const;
export type Tier = (typeof TIERS)[number];

export type Quality = string;
export type OutputFormat = "png" | "jpeg" | "webp";

/** What is known of a picture from its own bytes. */
export interface PictureInfo {
  /** MIME type by magic bytes, never as declared. */
  type: string;
  /** Pixels; 0 where the header does not tell. */
  width: number;
  height: number;
  bytes: number;
}

/** A whole picture in R2. */
export interface StoredPicture extends PictureInfo {
  /** The R2 key. */
  key: string;
}

/** A reference picture: somewhere on the web, or hoisted from the request into R2. */
export type Reference = { url: string; type?: string | undefined } | { picture: StoredPicture };

/** The canonical request: every dialect decodes to it, every provider encodes from it. */
export interface ImageRequest {
  /** Canonical name (see models.ts). A pinned vendor (`vendor/model`) is in `vendor`. */
  model: string;
  vendor?: string | undefined;
  prompt: string;
  /** Pictures asked for, 1 or more. */
  n: number;
  /** A tier with a ratio, or pixels; both absent means the model's own default. */
  size?: Tier | undefined;
  /** `W:H`; absent means the model decides. */
  aspectRatio?: string | undefined;
  width?: number | undefined;
  height?: number | undefined;
  seed?: number | undefined;
  quality?: Quality | undefined;
  outputFormat?: OutputFormat | undefined;
  references: Reference[];
}

/** One final picture of a generation: stored, and reachable at `url`. */
export interface ResultImage extends StoredPicture {
  url: string;
}

export interface ImageResult {
  images: ResultImage[];
  /** What the model said beside its pictures. */
  text?: string | undefined;
  warnings: string[];
  usage?: Record<string, unknown> | undefined;
  vendor: string;
  model: string;
}

/** One call to a vendor, for the record. */
export interface Attempt {
  vendor: string;
  ms: number;
  error?: string | undefined;
}

/** A generation and what became of it, as `GET /v1/generations/{id}` shows it. Times are ISO 8601. */
export interface GenerationRecord extends ImageResult {
  id: string;
  status: "queued" | "running" | "succeeded" | "failed";
  dialect: string;
  error?: { code: string; message: string } | undefined;
  attempts: Attempt[];
  createdAt: string;
  finishedAt?: string | undefined;
}
